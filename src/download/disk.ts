/** The disk's side of a download: sizes, hashes, room, and renaming that a power cut cannot undo. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { OutputError } from '../errors.js';
import { grouped } from '../ground/units.js';
import { unwritten } from '../ground/write-failure.js';
import { assertWritable } from '../report/run-folder.js';

/** Bytes of a file; undefined where there is none. */
export async function fileBytes(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

/** In lower-case hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Gives files that are on disk to the last byte their final names, in order. */
export async function publish(files: readonly { readonly from: string; readonly to: string }[]): Promise<void> {
  for (const { from, to } of files) await rename(from, to);
  for (const folder of new Set(files.map(({ to }) => dirname(to)))) {
    // Windows opens no folders, and has no need to.
    const handle = await open(folder).catch(() => undefined);
    await handle?.sync().catch(() => undefined);
    await handle?.close();
  }
}

/**
 * Checks that `bytes` more can be written below `dir`, before anything is asked of a server. Nothing stays on disk.
 *
 * @throws OutputError if not
 */
export async function assertRoom(dir: string, bytes: number): Promise<void> {
  try {
    assertWritable(dir);
  } catch (error) {
    throw error instanceof OutputError ? new OutputError(error.problem, 'choose another folder with --dir') : error;
  }
  let folder = resolve(dir);
  while ((await fileBytes(folder)) === undefined) folder = dirname(folder);
  const { blocks, bavail, bsize } = await statfs(folder);
  // Some network and virtual file systems do not say.
  if (blocks === 0 || bavail * bsize >= bytes) return;
  throw new OutputError(
    `${dir}: ${grouped(bytes)} bytes are needed, ${grouped(bavail * bsize)} are free`,
    'free some space or choose another folder with --dir',
  );
}

/** @throws OutputError in place of what the file system says */
export async function orOutputError<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw unwritten(path, error, 'choose another folder with --dir; what has come so far is kept');
  }
}
