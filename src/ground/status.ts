/** What is at a path that a user named. */
import { type Stats, statSync } from 'node:fs';

/** undefined where nothing can be: a part of the path may be a file, and a name too long. */
export function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
