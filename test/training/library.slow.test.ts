/** The package as programs import it: the examples of the README and of docs/library.md as they stand there. */
import { execFile } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { installInto } from '../support/installed.js';
import { oneCore } from '../support/package.js';
import { blocksOf } from '../support/pages.js';

const run = promisify(execFile);
const folder = temporaryFolder();
const page = (name: string): string[] => blocksOf(name, 'js').map(({ text }) => text);
const [short, circle] = page('README.md');
const [training, resuming, together] = page('docs/library.md');

/** What a program that makes mistakes is told. */
const mistakes = `
  import { DataError, LockstepError, train } from 'lockstep';
  const config = { data: { source: 'csv', file: 'nowhere.csv', target: 'y' }, model: { layers: ['flatten'] },
    loss: 'meanSquaredError', training: { epochs: 1, batchSize: 1 } };
  for (const wrong of [config, { ...config, traning: {} }]) {
    try { await train(wrong); } catch (error) {
      console.log(error instanceof LockstepError, error instanceof DataError, error.code);
      console.log(error.problem);
    }
  }`;
const programs = { short, training, resuming, together, mistakes };
const printed = new Map<string, string[]>();
const runsAfter = new Map<string, string[]>();

/** In one process, since most of what each takes is to load the library. */
beforeAll(async () => {
  installInto(folder);
  writeFileSync(join(folder, 'circle.js'), circle);
  const runner = Object.entries(programs).map(([name, code]) => {
    writeFileSync(join(folder, `${name}.js`), code);
    return `await import('./${name}.js'); console.log('end of ${name}:', readdirSync('runs').join());`;
  });
  writeFileSync(join(folder, 'all.js'), ["import { readdirSync } from 'node:fs';", ...runner].join('\n'));
  const { stdout, stderr } = await run(execPath, ['--import', oneCore, 'all.js'], { cwd: folder });
  expect(stderr).toBe('');
  let lines: string[] = [];
  for (const line of stdout.trimEnd().split('\n')) {
    const [, name, runs] = /^end of (\w+): (.*)$/.exec(line) ?? [];
    if (name === undefined) {
      lines.push(line);
      continue;
    }
    printed.set(name, lines);
    runsAfter.set(name, runs.split(','));
    lines = [];
  }
});

const linesOf = (name: keyof typeof programs): string[] => printed.get(name)!;

it('the example of the README trains on a module’s examples and predicts', () => {
  const [end, ...classes] = linesOf('short');
  expect(end).toMatch(/^0\.9\d* [0-9a-f]{64}$/);
  expect(classes.map((line) => line.split(' ')[0])).toEqual(['0', '1']);
  expect(runsAfter.get('short')).toEqual(['circle-1']);
});

it('the first example trains on a module’s examples and predicts', () => {
  const lines = linesOf('training');
  const epochs = lines.filter((line) => /^\d+ [\d.]+ [\d.]+$/.test(line));
  expect(epochs.length).toBeGreaterThan(3);
  const [, accuracy] = /^([\d.]+) [0-9a-f]{64}$/.exec(lines[epochs.length])!;
  expect(Number(accuracy)).toBeGreaterThan(0.9);
  expect(runsAfter.get('training')).toEqual(['circle-1', 'circle-2']);
});

it('the second example is stopped, goes on to the same bits, and is evaluated and exported', () => {
  const [same, accuracy] = linesOf('resuming');
  expect(same).toBe('true true');
  expect(Number(accuracy)).toBeGreaterThan(0.5);
  expect(readdirSync(folder)).toContain('digits.onnx');
});

it('the third example trains over a worker, to the same bits', () => {
  expect(linesOf('together')).toEqual(['true']);
  expect(readdirSync(join(folder, 'cache'))).toHaveLength(1);
});

it('a mistake is an error with a code, a problem and a remedy', () => {
  expect(linesOf('mistakes')).toEqual([
    'true true LOCKSTEP_DATA',
    expect.stringContaining('nowhere.csv'),
    'true false LOCKSTEP_CONFIG',
    'traning: unknown key',
  ]);
});
