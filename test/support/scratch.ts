/** Runs before and after all tests: one folder for everything temporary, which goes even where a file skips all its tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
  process.env.LOCKSTEP_SCRATCH = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
