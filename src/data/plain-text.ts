/** Files of text for those who read tables from them, plain or gzip. */
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { DataError } from '../errors.js';
import type { DataFile } from './data-file.js';
import { BrokenUtf8 } from './text/utf8.js';
import { unreadable } from './unreadable.js';

/** Rows that are longer are taken for damage: nothing must read the rest of a file into memory. */
export const longestRow = 1 << 24;

/** By which formats are told. */
const startBytes = 512;

/** One file, as all passes over it read it. */
export interface PlainText {
  readonly file: DataFile;
  readonly gzip: boolean;
  /** What it begins with, inflated; nothing of a gzip file that is damaged, which its reader says. */
  readonly start: Uint8Array;
}

export async function plainText(file: DataFile): Promise<PlainText> {
  const start = await file.read(startBytes, 0);
  const gzip = start[0] === 0x1f && start[1] === 0x8b;
  return { file, gzip, start: gzip ? inflatedStart(await file.read(4096, 0)) : start };
}

function inflatedStart(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, startBytes);
  } catch {
    return new Uint8Array();
  }
}

/** What to tell where such a file cannot be read. */
export function readingError({ file: { name } }: PlainText, error: unknown): DataError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (!code?.startsWith('Z_')) return unreadable(name, error);
  return new DataError(`${name} is gzip-damaged (${message})`, 'get or compress the file again');
}

/** Its bytes, inflated. */
export const plainStreams = ({ file, gzip }: PlainText) => [file.stream(), ...(gzip ? [createGunzip()] : [])] as const;

/** @throws DataError with the line that is not UTF-8 */
export async function checkUtf8(text: PlainText, signal?: AbortSignal): Promise<void> {
  const broken = new BrokenUtf8();
  const bytes = new Writable({
    write(block: Uint8Array, _, done) {
      broken.add(block);
      done();
    },
  });
  await pipeline([...plainStreams(text), bytes], { signal });
  const found = broken.finish();
  if (found) throw notUtf8(text.file.name, found.line);
}

export const notUtf8 = (file: string, line: number): DataError =>
  new DataError(`${file}, line ${line} is not UTF-8`, 'save the file as UTF-8');

/** Whether text begins as an object of JSON does. */
export const isJsonObject = (start: Uint8Array): boolean =>
  /^(?:\xef\xbb\xbf)?\s*\{\s*["}]/.test(Buffer.from(start).toString('latin1'));
