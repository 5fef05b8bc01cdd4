/** The files that hold a model's weights: none but regular files of the model's own folder, and of the sizes that it declares. */
import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { ModelError } from '../../errors.js';
import { requireMemory } from '../../ground/memory.js';

/** Bytes read at once: one call takes less than 2 GiB. */
const blockBytes = 1 << 28;

/**
 * The content of several files, one behind the other. Whatever a model.json says, nothing outside of its folder is read,
 * and nothing is allocated before the sizes agree.
 *
 * @param file model.json, which names them
 * @param paths from its folder on
 * @param expected bytes that the weights in them take
 * @param decoded bytes that they take as float32
 * @throws ModelError when one is missing, is no regular file of the folder, or when they have other sizes
 */
export function readWeightFiles(
  file: string,
  paths: readonly string[],
  expected: number,
  decoded: number,
): Uint8Array<ArrayBuffer> {
  const shards = paths.map((path) => inside(file, path));
  const found = shards.reduce((sum, shard) => sum + sizeOf(shard, file), 0);
  if (found !== expected) {
    const names = paths.length > 3 ? `${paths[0]} to ${paths.at(-1)}` : paths.join(', ');
    throw new ModelError(
      `${names} of ${file}: ${found} bytes, but the weights in it take ${expected}`,
      'copy the file again, or save the model again',
    );
  }
  requireMemory(
    `${file}: declares weights of ${expected} bytes`,
    expected + decoded,
    ModelError,
    'use a machine with more memory, or a smaller model',
  );
  const bytes = new Uint8Array(expected);
  shards.reduce((offset, shard) => offset + readInto(bytes.subarray(offset), shard, file), 0);
  return bytes;
}

/** Where a file of weights is. @throws ModelError where that is outside of the model's folder */
function inside(file: string, path: string): string {
  const folder = dirname(file);
  const shard = join(folder, path);
  const leaves = () =>
    new ModelError(
      `${file}: names ${JSON.stringify(path)} as a file of its weights, which is not in the model's folder`,
      "copy that file into the model's folder, and write its bare name into model.json",
    );
  if (path === '' || path.includes('\0') || isAbsolute(path) || path.split(/[\\/]/).includes('..')) throw leaves();
  const way = relative(real(folder, file), real(shard, file));
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) throw leaves();
  return shard;
}

const real = (path: string, file: string): string => orRefuse(path, file, (given) => realpathSync(given));

function sizeOf(shard: string, file: string): number {
  const entry = orRefuse(shard, file, (path) => statSync(path));
  if (entry.isFile()) return entry.size;
  throw new ModelError(
    `${shard}: is ${entry.isDirectory() ? 'a folder' : 'no regular file'}, and ${file} keeps weights there`,
    'put all files of the model into one folder',
  );
}

/** @returns bytes read, all that the file has */
function readInto(bytes: Uint8Array, shard: string, file: string): number {
  const fd = orRefuse(shard, file, (path) => openSync(path, 'r'));
  try {
    const { size } = fstatSync(fd);
    let done = 0;
    while (done < size) {
      const read = readSync(fd, bytes, done, Math.min(blockBytes, size - done, bytes.length - done), done);
      if (read === 0) break;
      done += read;
    }
    if (done === size) return done;
    throw new ModelError(`${shard}: changed while it was read`, 'copy the file again, or save the model again');
  } finally {
    closeSync(fd);
  }
}

function orRefuse<T>(path: string, file: string, act: (path: string) => T): T {
  try {
    return act(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ModelError(
      `${path}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`}, and ${file} keeps weights there`,
      'put all files of the model into one folder',
    );
  }
}
