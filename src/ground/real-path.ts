/** Which file or folder a path means, once links are followed: two paths of one file are one. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';

/** A path where nothing is stays what it is: whoever opens it has the better message. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
