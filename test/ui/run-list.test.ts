/** Which runs of a folder have changed, and how often those that lie still are looked at. */
import { appendFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lockRun } from '../../src/report/run-lock.js';
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

it('a run that is trained waits from when it says so until workers enough take part', async () => {
  writeRun('paused', 1e9);
  const lock = lockRun(join(folder, 'paused'));
  const list = new RunList(folder);
  list.look();
  const stateAfter = async (...events: object[]) => {
    for (const event of events)
      appendFileSync(join(folder, 'paused', 'events.jsonl'), `${JSON.stringify({ ...event, time: 1 })}\n`);
    await list.summarize(['paused']);
    return list.list().runs.find(({ name }) => name === 'paused')!.summary!.state;
  };
  const worker = (name: string, change: string) => ({ event: 'worker', name, change });
  const waiting = (present: number, minimum: number) => ({ event: 'waiting', present, minimum });
  expect(await stateAfter({ event: 'start' }, waiting(0, 2))).toBe('waiting');
  expect(await stateAfter(worker('a', 'active'), waiting(1, 2))).toBe('waiting');
  // As many are there as were told of: nothing is told anew.
  expect(await stateAfter(worker('b', 'active'), worker('a', 'lost'))).toBe('running');
  expect(await stateAfter(waiting(1, 2), worker('c', 'joined'))).toBe('waiting');
  expect(await stateAfter(worker('c', 'active'))).toBe('running');
  // None of them can begin at once, as some compute for others yet.
  expect(await stateAfter(waiting(2, 2))).toBe('running');
  expect(await stateAfter(waiting(0, 2), { event: 'start' })).toBe('running');
  lock.release();
  expect(await stateAfter(waiting(0, 2))).toBe('broken off');
});
