/** The history of benchmark results: what is a regression, and that no mistake costs a line of it. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compare } from '../../scripts/bench/history.js';
import { type BenchResult, parseResult } from '../../scripts/bench/result.js';
import { newFolders, snapshot } from '../support/folder.js';
import { compiled } from '../support/package.js';

const newFolder = newFolders();
const program = fileURLToPath(compiled('scripts/bench-report.js'));

type ResultRow = BenchResult['rows'][number];

const ratioRow = (ours: readonly number[], theirs: readonly number[]): ResultRow => ({
  section: 'engine',
  what: 'train mlp, 2 workers',
  unit: 'ex/s',
  ours,
  target: 1.6,
  peer: { name: 'debian', software: 'PyTorch 1.13.0', values: theirs },
});
const timeRow = (ours: readonly number[]): ResultRow => ({
  section: 'cluster',
  what: 'all-reduce, 2 processes, 4 MB',
  unit: 'ms',
  ours,
});

let minutes = 0;
function result(rows: readonly ResultRow[], more: Partial<BenchResult> = {}): BenchResult {
  const at = new Date(Date.UTC(2030, 0, 1, 0, minutes++)).toISOString();
  return { at, machine: 'm', node: 'v20', load: 0, pairs: 3, seconds: 3, quick: false, rows, ...more };
}

function report(folder: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** A folder with a result and, if any, a history. */
function folderWith(now: object, history?: readonly object[], end = '\n'): string {
  const folder = newFolder();
  writeFileSync(join(folder, 'bench.json'), JSON.stringify(now));
  const lines = history?.map((one) => JSON.stringify(one)).join('\n');
  if (lines !== undefined) writeFileSync(join(folder, 'bench-history.jsonl'), `${lines}${end}`);
  return folder;
}
const linesOf = (folder: string) => readFileSync(join(folder, 'bench-history.jsonl'), 'utf8').trimEnd().split('\n');

describe('a change', () => {
  const history = [
    result([ratioRow([150, 160, 170], [100, 100, 100]), timeRow([1, 1.1, 1.2])]),
    result([ratioRow([155, 165, 168], [100, 100, 100]), timeRow([1.05, 1.1, 1.15])]),
  ];
  const verdicts = (rows: readonly ResultRow[], last = 5) =>
    compare(history, result(rows), last).map(({ verdict }) => verdict);

  it('within what earlier rounds came to is none', () => {
    expect(verdicts([ratioRow([151, 151, 151], [100, 100, 100]), timeRow([1.19, 1.19, 1.3])])).toEqual([
      'same',
      'same',
    ]);
  });

  it('is judged by the ratio where there is a peer: a slow machine is no slow program', () => {
    const half = ratioRow([80, 80, 80], [50, 50, 50]);
    expect(verdicts([half])).toEqual(['same']);
    expect(verdicts([{ ...half, ours: [70, 70, 70] }])).toEqual(['WORSE']);
  });

  it('beyond every earlier round is told, in the direction of its unit', () => {
    expect(verdicts([ratioRow([140, 145, 160], [100, 100, 100]), timeRow([1.3, 1.3, 1.1])])).toEqual([
      'WORSE',
      'WORSE',
    ]);
    expect(verdicts([ratioRow([190, 180, 160], [100, 100, 100]), timeRow([0.9, 0.9, 1])])).toEqual([
      'better',
      'better',
    ]);
  });

  it('of less than 2 % is none, however well earlier rounds agree', () => {
    const steady = [result([timeRow([1, 1, 1])])];
    const of = (ours: number) => compare(steady, result([timeRow([ours])]), 5)[0].verdict;
    expect([of(1.019), of(1.021), of(0.981), of(0.979)]).toEqual(['same', 'WORSE', 'same', 'better']);
  });

  it('is one against the last results of the same machine', () => {
    const slow = (more?: Partial<BenchResult>) => result([timeRow([5, 5, 5])], more);
    const [change] = compare([...history, slow(), slow({ machine: 'another' })], result([timeRow([5, 5, 5])]), 1);
    expect(change).toMatchObject({ verdict: 'same', before: { median: 5, results: 1 } });
    expect(compare([slow({ machine: 'another' })], result([timeRow([1])]), 5)[0].verdict).toBe('new');
  });

  it('is none of a row that there was not', () => {
    const other = { ...timeRow([1]), what: 'all-reduce, 2 processes, 32 MB' };
    expect(verdicts([other, timeRow([1])])).toEqual(['new', 'same']);
  });
});

describe('bench:report', () => {
  const before = result([timeRow([1, 1, 1])]);

  it('begins a history, adds to it, and adds nothing twice', () => {
    const folder = folderWith(before);
    expect(report(folder)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('added to bench-history.jsonl'),
    });
    const now = result([timeRow([2, 2, 2])]);
    writeFileSync(join(folder, 'second.json'), JSON.stringify({ ...now, measured: { 'a program': [] } }));
    const { status, stdout } = report(folder, 'second.json');
    expect(status).toBe(0);
    expect(stdout).toContain('+100.0 %  WORSE');
    expect(stdout).toContain('1 of 1 rows are worse');
    expect(report(folder, 'second.json').stdout).toContain('already in bench-history.jsonl');
    expect(linesOf(folder).map((line) => parseResult(line, 'a line'))).toEqual([before, now]);
    expect(linesOf(folder)[1]).not.toContain('measured');
  });

  it('keeps the last line of a history apart that does not end it', () => {
    const now = result([timeRow([1])]);
    const folder = folderWith(now, [before], '');
    expect(report(folder).status).toBe(0);
    expect(linesOf(folder).map((line) => parseResult(line, 'a line'))).toEqual([before, now]);
  });

  it.each([
    ['cut off', JSON.stringify(before).slice(0, 60), 'line 2, is no result of a benchmark'],
    ['empty', '', 'line 2, is no result of a benchmark'],
    ['of another kind', '{"step":1}', 'line 2, is no result of a benchmark: at'],
    ['without figures', JSON.stringify({ ...before, rows: [{ ...timeRow([1]), ours: [] }] }), 'rows.0.ours'],
  ])('refuses a history with a line that is %s, and leaves it as it is', (_, line, problem) => {
    const folder = folderWith(result([timeRow([1])]), [before]);
    const file = join(folder, 'bench-history.jsonl');
    writeFileSync(file, `${JSON.stringify(before)}\n${line}\n${JSON.stringify(result([timeRow([1])]))}\n`);
    const was = snapshot(folder);
    const { status, stdout, stderr } = report(folder);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(problem);
    expect(snapshot(folder)).toEqual(was);
  });

  it('refuses what is no result, or only a quick one, and writes nothing', () => {
    const quick = folderWith({ ...before, quick: true });
    expect(report(quick)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('--quick') });
    expect(snapshot(quick)).toHaveLength(1);
    const folder = newFolder();
    expect(report(folder)).toMatchObject({ status: 2, stderr: expect.stringContaining('bench.json cannot be read') });
    expect(report(folder, '--last', '0')).toMatchObject({ status: 2, stderr: expect.stringContaining('above 0') });
    expect(snapshot(folder)).toEqual([]);
  });
});
