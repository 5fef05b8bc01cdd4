/** The list of looks at a run's test split: every look counts, whatever happens around it. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { countLook, looksAt, looksText } from '../../src/report/looks.js';
import { newFolders } from '../support/folder.js';
import { buildFolder } from '../support/package.js';

const newFolder = newFolders();
const fail = (message: string) => {
  throw new Error(message);
};

it('of several processes at once are all counted', async () => {
  const run = newFolder();
  const file = pathToFileURL(join(buildFolder, 'src', 'report', 'looks.js'));
  const script = `const { countLook } = await import('${file}'); for (let i = 0; i < 40; i++) countLook(${JSON.stringify(run)}, false, console.log);`;
  const look = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  expect((await Promise.all([look(), look(), look()])).map(({ stdout }) => stdout)).toEqual(['', '', '']);
  const { count, times, isOpened } = looksAt(run);
  expect({ count, different: times.length, isOpened }).toEqual({ count: 120, different: 120, isOpened: false });
});

it('are remembered past a line that a killed process left half written', () => {
  const run = newFolder();
  expect(looksAt(run)).toEqual({ split: 'test', count: 0, times: [], isOpened: false });
  const first = countLook(run, false, fail);
  writeFileSync(join(run, 'looks.jsonl'), '{"time":"2026-', { flag: 'a' });
  expect(looksAt(run)).toEqual(first);
  const second = countLook(run, true, fail);
  expect(second).toMatchObject({ count: 2, isOpened: true });
  expect(second.times[0]).toBe(first.times[0]);
  expect(looksAt(run)).toEqual(second);
  expect(readFileSync(join(run, 'looks.jsonl'), 'utf8')).toMatch(/^\{.*\}\n\{"time":"2026-\n\{.*\}\n$/);
});

it('that cannot be written down are warned of, and shown all the same', () => {
  const run = newFolder();
  mkdirSync(join(run, 'looks.jsonl'));
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  expect(countLook(run, false, warn).count).toBe(1);
  expect(countLook(run, false, warn).count).toBe(1);
  expect(warnings[0]).toBe(
    `${join(run, 'looks.jsonl')}: cannot be written (EISDIR): this look at the test split will not be remembered`,
  );
});

it('are told in words', () => {
  const after = (count: number) => looksText({ split: 'test', count, times: [] });
  expect(after(1)).toBe('the test split of this run has been looked at once since it ended');
  expect(after(4)).toBe(
    'the test split of this run has been looked at 4 times since it ended; ' +
      'choose models by --split validation, or it tests nothing any more',
  );
});
