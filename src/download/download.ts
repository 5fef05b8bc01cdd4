/** Brings the files of a published set into a folder, checked, each under its final name only when it is right. */
import { join } from 'node:path';
import { DataError, DownloadError } from '../errors.js';
import { convertCifar, convertedFiles } from './cifar.js';
import { assertRoom, fileBytes, orOutputError, publish, sha256Of } from './disk.js';
import { TransferFailure } from './request.js';
import type { CifarLayout, PublishedFile, PublishedSet } from './sets.js';
import { discard, type TransferOptions, transfer } from './transfer.js';

/** Patience of the command: servers get 30 s, and four more tries. */
export const patience = { silence: 30_000, pauses: [1_000, 2_000, 5_000, 10_000] };

/** What is downloaded, apart from what a config needs to know. */
type Files = Pick<PublishedSet, 'homes' | 'files' | 'cifar'>;

/**
 * Files that are there and right are kept; others under their names are never touched.
 *
 * @throws DataError if a file is there that is not the published one, or if an archive does not hold what it should
 * @throws DownloadError if a file cannot be had from any home, or is not the published one
 * @throws OutputError if `dir` cannot be written to
 * @throws the reason of `options.signal` when that is aborted; another call goes on from there
 */
export async function downloadSet(set: Files, dir: string, options: TransferOptions): Promise<void> {
  if (set.cifar && (await areConverted(set.cifar, dir, options))) return;
  const missing = await missingFiles(set.files, dir, options);
  if (missing.length > 0 || set.cifar) await prepare(set, missing, dir, options);
  let { homes } = set;
  for (const [i, file] of missing.entries()) {
    const home = await download(file, homes, dir, options, remedy(missing.slice(i), dir));
    // Who has sent one file is asked first for the next.
    homes = [home, ...homes.filter((other) => other !== home)];
  }
  if (!set.cifar) return;
  options.signal?.throwIfAborted();
  const [{ name }] = set.files;
  const files = await convertCifar(join(dir, name), dir, set.cifar);
  options.report({ event: 'converted', archive: name, files });
}

/** Whether the archive is no longer needed. Its files have no published hashes: their sizes must do. */
async function areConverted(layout: CifarLayout, dir: string, { report }: TransferOptions): Promise<boolean> {
  const files = convertedFiles(layout);
  const sizes = await Promise.all(files.map(({ name }) => fileBytes(join(dir, name))));
  for (const [i, { name, size }] of files.entries()) {
    if (sizes[i] !== undefined && sizes[i] !== size) throw foreign(join(dir, name), `${sizes[i]} bytes, not ${size}`);
  }
  if (sizes.includes(undefined)) return false;
  for (const { name, size } of files) report({ event: 'kept', file: name, bytes: size });
  return true;
}

async function missingFiles(
  files: readonly PublishedFile[],
  dir: string,
  { report }: TransferOptions,
): Promise<PublishedFile[]> {
  const missing: PublishedFile[] = [];
  for (const file of files) {
    const path = join(dir, file.name);
    const size = await fileBytes(path);
    if (size === undefined) {
      missing.push(file);
      continue;
    }
    if (size !== file.size) throw foreign(path, `${size} bytes, not ${file.size}`);
    const sha256 = await sha256Of(path);
    if (sha256 !== file.sha256) throw foreign(path, `the SHA-256 ${sha256}, not ${file.sha256}`);
    report({ event: 'kept', file: file.name, bytes: size });
  }
  return missing;
}

function foreign(path: string, difference: string): DataError {
  return new DataError(
    `${path} is there, but is not the published file: it has ${difference}`,
    'move it away, choose another folder with --dir, or train on it as it is',
  );
}

/** Before the first request: is there room? */
async function prepare(
  { cifar }: Files,
  missing: readonly PublishedFile[],
  dir: string,
  { report }: TransferOptions,
): Promise<void> {
  const here = await Promise.all(missing.map(({ name }) => fileBytes(join(dir, partialName(name)))));
  const bytes = missing.reduce((sum, { size }, i) => sum + Math.max(0, size - (here[i] ?? 0)), 0);
  const converted = cifar ? convertedFiles(cifar).reduce((sum, { size }) => sum + size, 0) : 0;
  await assertRoom(dir, bytes + converted);
  if (missing.length > 0) report({ event: 'start', dir, files: missing.length, bytes });
}

/** Tries one home after the other. @returns the one that had the file */
async function download(
  file: PublishedFile,
  homes: readonly string[],
  dir: string,
  options: TransferOptions,
  remedy: string,
): Promise<string> {
  const failures: string[] = [];
  for (const [i, home] of homes.entries()) {
    try {
      await downloadFrom(file, new URL(file.name, home), dir, options);
      return home;
    } catch (error) {
      if (!(error instanceof TransferFailure)) throw error;
      failures.push(error.message);
      if (i + 1 === homes.length) break;
      const message = `${file.name}: ${error.message}; trying ${new URL(homes[i + 1]).host}`;
      options.report({ event: 'warning', message });
    }
  }
  throw new DownloadError(`${file.name}: ${failures.join('; ')}`, remedy);
}

async function downloadFrom(file: PublishedFile, url: URL, dir: string, options: TransferOptions): Promise<void> {
  const target = join(dir, file.name);
  const partial = join(dir, partialName(file.name));
  for (;;) {
    const continued = ((await fileBytes(partial)) ?? 0) > 0;
    await transfer(file, url, partial, options);
    const sha256 = await sha256Of(partial);
    if (sha256 === file.sha256) break;
    await discard(partial);
    const mismatch = `what ${url.host} has sent has the SHA-256 ${sha256}, the published file ${file.sha256}`;
    if (!continued) throw new TransferFailure('lasting', mismatch);
    // The part from an earlier run may be the one to blame.
    options.report({ event: 'warning', message: `${file.name}: ${mismatch}; starting over` });
  }
  await orOutputError(target, () => publish([{ from: partial, to: target }]));
  await discard(partial);
  options.report({ event: 'file', file: file.name, bytes: file.size, sha256: file.sha256 });
}

function partialName(name: string): string {
  return `${name}.partial`;
}

function remedy(missing: readonly PublishedFile[], dir: string): string {
  const list = missing.map(({ name, sha256 }) => `\n  ${sha256}  ${name}`).join('');
  return (
    'run the same command again later (it goes on where this one ended), name another address of the files with ' +
    `--mirror, or put them into ${dir} by hand; their SHA-256:${list}`
  );
}
