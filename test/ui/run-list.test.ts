/** Which runs of a folder have changed, and how often those that lie still are looked at. */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RunList } from '../../src/ui/run-list.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();

/** @param changed seconds since 1970 */
function writeRun(name: string, changed: number): void {
  mkdirSync(join(folder, name));
  const config = join(folder, name, 'config.yaml');
  writeFileSync(config, `name: ${name}`);
  utimesSync(config, changed, changed);
}
const report = (run: string) => writeFileSync(join(folder, run, 'report.html'), '');

it('runs that lie still are looked at in each tenth look, others in each', () => {
  writeRun('still', 1e9);
  writeRun('fresh', Date.now() / 1000);
  const list = new RunList(folder);
  expect(list.look().sort()).toEqual(['fresh', 'still']);
  report('still');
  report('fresh');
  const looks = Array.from({ length: 11 }, () => list.look());
  expect(looks.map((names) => names.join())).toEqual(['fresh', ...Array(8).fill(''), 'still', '']);
  // It has changed: it is followed again. One that is new, or gone, is seen at once.
  rmSync(join(folder, 'still', 'report.html'));
  writeRun('new', 1e9);
  rmSync(join(folder, 'fresh'), { recursive: true });
  expect(list.look().sort()).toEqual(['fresh', 'new', 'still']);
});
