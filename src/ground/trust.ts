/** Whose files code is taken from: what others may have written is not run. */
import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { LockstepError } from '../errors.js';

const groupWrites = 0o020;
const othersWrite = 0o002;
const sticky = 0o1000;

/**
 * Refuses a file that somebody else owns or may change, or may put another in the place of: one of another user who is not
 * root, or one that others may write, or one in a folder of that kind. A folder like /tmp, where each may change only what is
 * their own, is none. Windows has no such owners and modes: there nothing is refused.
 *
 * @param file about to be imported, or a config that names what is
 * @param where for messages
 * @throws Failure saying who may change what
 */
export function requireOwn(
  file: string,
  where: string,
  Failure: new (problem: string, remedy: string) => LockstepError,
): void {
  if (!process.geteuid) return;
  const path = resolve(file);
  const real = realpathSync(path);
  for (const place of new Set([real, dirname(real), dirname(path)])) {
    const wrong = whyForeign(statSync(place), place !== real);
    if (!wrong) continue;
    const what = place === real ? place : `${place}, where it lies,`;
    throw new Failure(`${where}: is not imported, because ${what} ${wrong.problem}`, wrong.remedy(place));
  }
}

interface Foreign {
  readonly problem: string;
  remedy(place: string): string;
}

function whyForeign({ uid, gid, mode }: Stats, isFolder: boolean): Foreign | undefined {
  const own = process.geteuid!();
  if (uid !== own && uid !== 0) {
    return {
      problem: `belongs to user ${uid} and you are user ${own}`,
      remedy: () => 'read the code, copy it into a folder of your own, and name the copy; a run: with its folder',
    };
  }
  if (isFolder && (mode & sticky) !== 0) return undefined;
  // Many systems give each user a group of their own, and let it write.
  const isPrivate = own !== 0 && gid === process.getegid!() && gid === own;
  const open = mode & (isPrivate ? othersWrite : groupWrites | othersWrite);
  if (open === 0) return undefined;
  return {
    problem: `may be written by others (mode ${(mode & 0o7777).toString(8)})`,
    remedy: (place) => `read the code, then take their right away: chmod go-w '${place}'`,
  };
}
