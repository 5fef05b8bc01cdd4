/** What is said of files and folders that cannot be written: why, and what helps. */
import { dirname } from 'node:path';
import { OutputError } from '../errors.js';
import { statusOf } from './status.js';

/** What systems say where there is no room: on the disk, by a quota, for one file. */
const full: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** @param other what helps, also where room is not what is missing; a name for the path, such as `choose another --output` */
export function unwritten(path: string, error: unknown, other: string): OutputError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = fileOnTheWay(dirname(path)) ?? message;
  return new OutputError(
    `${path}: cannot be written (${why})`,
    full.includes(code) ? `free some space, or ${other}` : other,
  );
}

/** Says which part of a folder's path is a file; undefined where none is. */
export function fileOnTheWay(folder: string): string | undefined {
  for (let part = folder; ; part = dirname(part)) {
    const status = statusOf(part);
    if (status?.isDirectory() || part === dirname(part)) return undefined;
    if (status) return `${part} is a file, not a folder`;
  }
}
