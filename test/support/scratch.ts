/** Runs before and after all tests: one folder for everything temporary, which goes even where a file skips all its tests. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Linux keeps files in memory. */
const inMemory = '/dev/shm';
/** Bytes that have to be free there, many times what all tests have at once. */
const enough = 8 * 2 ** 30;

/** In memory where there is plenty: runs wait for a disk at each checkpoint, model and log, which is not what most tests are about. */
function roomFor(): string {
  if (process.platform !== 'linux' || process.env.TMPDIR !== undefined || freemem() < enough) return tmpdir();
  try {
    const { bavail, bsize } = statfsSync(inMemory);
    return bavail * bsize < enough ? tmpdir() : inMemory;
  } catch {
    return tmpdir();
  }
}

export default function setup(): () => void {
  const folder = mkdtempSync(join(roomFor(), 'lockstep-test-'));
  process.env.LOCKSTEP_SCRATCH = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
