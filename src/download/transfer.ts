/**
 * Brings one file from one address to disk, through dropped connections and ends of the process. What has come so far
 * lies in `<file>.partial`; `<file>.partial.json` says which version of the file that is, so that a server that has another
 * by now (If-Range, RFC 9110 section 13.1.5) sends all of it.
 */

import { open, readFile, rm, writeFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { dirname, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { makeFolders } from '../ground/atomic-file.js';
import { grouped } from '../ground/units.js';
import { fileBytes, orOutputError } from './disk.js';
import type { DownloadReporter } from './download-events.js';
import { get, type HttpAnswer, pieces, type RequestOptions, TransferFailure } from './request.js';
import type { PublishedFile } from './sets.js';

export interface TransferOptions extends RequestOptions {
  readonly report: DownloadReporter;
  /** Pauses before another try, in milliseconds. When they are used up without a byte of progress, the transfer fails. */
  readonly pauses: readonly number[];
}

/** One version of a file at one address. */
const versionSchema = z.object({
  url: z.string(),
  /** A strong ETag or a Last-Modified date. */
  validator: z.string(),
});
type Version = Readonly<z.output<typeof versionSchema>>;

/**
 * Makes `partial` as long as the published file. Its content is the caller's to check.
 *
 * @throws TransferFailure when trying again does not help; what has come is kept
 * @throws OutputError if it cannot be written
 */
export async function transfer(
  file: PublishedFile,
  url: URL,
  partial: string,
  options: TransferOptions,
): Promise<void> {
  let size = (await fileBytes(partial)) ?? 0;
  let idle = 0;
  let answered = false;
  while (size !== file.size) {
    if (size > file.size) await discard(partial);
    try {
      await attempt(file, url, partial, options, () => {
        answered = true;
      });
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof TransferFailure)) throw error;
      const before = size;
      size = (await fileBytes(partial)) ?? 0;
      if (size > before) idle = 0;
      const again = error.kind === 'passing' || (error.kind === 'unreachable' && answered);
      if (!again || idle === options.pauses.length) throw new TransferFailure(error.kind, describe(error, size, file));
      const pause = options.pauses[idle++];
      const message = `${file.name}: ${describe(error, size, file)}; trying again in ${pause / 1000} s`;
      options.report({ event: 'warning', message });
      await wait(pause, undefined, { signal: options.signal });
    }
  }
}

/** Forgets what has come. */
export async function discard(partial: string): Promise<void> {
  await orOutputError(partial, () => rm(partial, { force: true }));
  await orOutputError(partial, () => rm(notesOf(partial), { force: true }));
}

/** Asks once for what is missing and appends what comes. @param onAnswer called when the server has answered */
async function attempt(
  file: PublishedFile,
  url: URL,
  partial: string,
  options: TransferOptions,
  onAnswer: () => void,
): Promise<void> {
  const have = (await fileBytes(partial)) ?? 0;
  const answer = await get(url, await rangeHeaders(url, partial, have), options);
  try {
    onAnswer();
    const from = await startOf(answer, have, partial);
    checkLength(answer, from, file);
    await receive(file, url, partial, from, answer, options);
  } finally {
    answer.response.destroy();
  }
}

async function rangeHeaders(url: URL, partial: string, have: number): Promise<OutgoingHttpHeaders> {
  if (have === 0) return {};
  const version = await versionOf(partial);
  const sameAddress = version?.url === url.href;
  return { range: `bytes=${have}-`, ...(sameAddress && { 'if-range': version.validator }) };
}

/** The byte that the answer starts with: `have`, or 0 from a server that sends everything. */
async function startOf({ response, host }: HttpAnswer, have: number, partial: string): Promise<number> {
  const status = response.statusCode ?? 0;
  if (status === 200) return 0;
  if (status === 206 && have > 0) {
    if (response.headers['content-range']?.startsWith(`bytes ${have}-`)) return have;
    await discard(partial);
    throw new TransferFailure('passing', `${host} has sent another part than the one asked for`);
  }
  if (status === 416) {
    await discard(partial);
    throw new TransferFailure('passing', `${host} has a shorter file than the part that is here`);
  }
  const kind = status >= 500 || status === 408 || status === 429 ? 'passing' : 'lasting';
  throw new TransferFailure(kind, `${host} answers ${status} ${response.statusMessage ?? ''}`.trimEnd());
}

/** A page of a gateway, say, or another edition: no need to receive it to know that it is wrong. */
function checkLength({ response, host }: HttpAnswer, from: number, { size }: PublishedFile): void {
  const { 'content-length': length, 'content-type': type = 'unknown type' } = response.headers;
  const total = length === undefined ? size : from + Number(length);
  if (total === size) return;
  throw new TransferFailure(
    'lasting',
    `${host} offers ${bytes(total)} of ${type}, the published file has ${bytes(size)}`,
  );
}

async function receive(
  { name, size }: PublishedFile,
  url: URL,
  partial: string,
  from: number,
  answer: HttpAnswer,
  options: TransferOptions,
): Promise<void> {
  const { report } = options;
  report({ event: 'request', file: name, host: answer.host, from, bytes: size });
  const handle = await orOutputError(partial, () => openPartial(partial, from, url, answer));
  const start = performance.now();
  let received = from;
  try {
    for await (const piece of pieces(answer, options)) {
      if (received + piece.length > size) {
        throw new TransferFailure('lasting', `${answer.host} sends more than the ${bytes(size)} of the published file`);
      }
      await orOutputError(partial, () => handle.writeFile(piece));
      received += piece.length;
      const bytesPerSecond = (received - from) / Math.max(0.001, (performance.now() - start) / 1000);
      report({ event: 'progress', file: name, received, bytes: size, bytesPerSecond });
    }
    if (received < size) throw new TransferFailure('passing', `${answer.host} has ended the connection`);
    await orOutputError(partial, () => handle.sync());
  } finally {
    await handle.close();
  }
}

/** Opens the partial at its end, or anew, with the note on its version. */
async function openPartial(partial: string, from: number, url: URL, { response }: HttpAnswer) {
  makeFolders(dirname(resolve(partial)));
  if (from > 0) return open(partial, 'a');
  const { etag, 'last-modified': modified } = response.headers;
  const validator = etag?.startsWith('"') ? etag : modified;
  if (validator === undefined) await rm(notesOf(partial), { force: true });
  else await writeFile(notesOf(partial), `${JSON.stringify({ url: url.href, validator } satisfies Version)}\n`);
  return open(partial, 'w');
}

/** Undefined where there is no note, or none that can be read: the hash will tell. */
async function versionOf(partial: string): Promise<Version | undefined> {
  try {
    return versionSchema.parse(JSON.parse(await readFile(notesOf(partial), 'utf8')));
  } catch {
    return undefined;
  }
}

function notesOf(partial: string): string {
  return `${partial}.json`;
}

function describe({ message }: TransferFailure, received: number, { size }: PublishedFile): string {
  return received > 0 ? `${message} (${grouped(received)} of ${bytes(size)} are here)` : message;
}

function bytes(count: number): string {
  return `${grouped(count)} bytes`;
}
