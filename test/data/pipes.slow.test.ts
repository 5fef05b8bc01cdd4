/** Every reader of files, given a pipe: it reads what a file of the same bytes holds, or refuses the pipe by its name. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, expect, it } from 'vitest';
import { openInputs } from '../../coordinator/inference/input-batches.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { Encoding } from '../../src/data/encoding.js';
import { LockstepError } from '../../src/errors.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { compiled } from '../support/package.js';
import { partsOf } from '../support/parts.js';
import { skipIf } from '../support/skip-if.js';
import { load, npyFile, rowsOf } from '../support/tables.js';

const folder = temporaryFolder();
const writers: ChildProcess[] = [];
afterEach(() => {
  for (const writer of writers.splice(0)) writer.kill('SIGKILL');
});

let files = 0;
function written(name: string, content: string | Uint8Array): string {
  const file = join(folder, `${files++}-${name}`);
  writeFileSync(file, content);
  return file;
}

/** A named pipe through which a file comes once. */
function piped(file: string): string {
  const pipe = join(folder, `pipe-${files++}-${basename(file)}`);
  execFileSync('mkfifo', [pipe]);
  writers.push(spawn('sh', ['-c', 'cat "$0" > "$1"', file, pipe], { stdio: 'ignore' }));
  return pipe;
}

const numbers = Array.from({ length: 6000 }, (_, i) => Math.sin(i) * 100);
const table = ['x,kind,y', ...numbers.map((x, i) => `${x},${'abc'[i % 3]},${i % 7}`), ''].join('\n');
const csv = written('t.csv', table);
const column = (name: string) => ({ name, data: numbers, type: 'DOUBLE' as const });
const parquet = written('t.parquet', Buffer.from(parquetWriteBuffer({ columnData: [column('x'), column('y')] })));
const bytes = new Uint8Array(Float64Array.from(numbers).buffer);
const npy = written('t.npy', npyFile('<f8', [3000, 2], bytes));
const targets = written('y.npy', npyFile('<f8', [3000], bytes.slice(0, 24_000)));
const text = written('t.txt', 'so we beat on, boats against the current, '.repeat(100));

const data: Readonly<Record<string, (path: (file: string) => string) => object>> = {
  csv: (path) => ({ source: 'csv', file: path(csv), target: 'y' }),
  'csv, three files': (path) => ({
    source: 'csv',
    file: path(csv),
    target: 'y',
    validation: path(csv),
    test: path(csv),
  }),
  parquet: (path) => ({ source: 'parquet', file: path(parquet), target: 'y' }),
  npy: (path) => ({ source: 'npy', features: path(npy), targets: path(targets), weights: path(positive) }),
  text: (path) => ({ source: 'text', file: path(text) }),
};
const positive = written(
  'w.npy',
  npyFile('<f8', [3000], new Uint8Array(Float64Array.from(numbers, Math.abs).buffer).slice(0, 24_000)),
);

skipIf(process.platform === 'win32' && 'Windows has no named pipes in folders').describe('a pipe', () => {
  it.each(Object.entries(data))('of data: %s', async (_, config) => {
    const copy = (file: string) => written(basename(file), execFileSync('cat', [file], { maxBuffer: 1 << 26 }));
    const wanted = await load(config(copy));
    const found = await load(config(piped));
    expect(rowsOf(found.examples).flat()).toEqual(rowsOf(wanted.examples).flat());
    expect(partsOf(found.examples).targets).toEqual(partsOf(wanted.examples).targets);
    expect(partsOf(found.examples).weights).toEqual(partsOf(wanted.examples).weights);
    expect(found.splits).toEqual(wanted.splits);
  });

  it.each(['csv', 'parquet'] as const)('of inputs: %s', async (source) => {
    const file = source === 'csv' ? csv : parquet;
    const { encoding, examples } = await load({ source, file, target: 'y' });
    const shape = [...partsOf(examples).featureShape];
    expect(await inputsOf(piped(file), shape, encoding)).toEqual(await inputsOf(file, shape, encoding));
  });

  it('of inputs: npy and json', async () => {
    const json = written('t.json', JSON.stringify(numbers.map((x) => [x, 1])));
    for (const file of [npy, json]) expect(await inputsOf(piped(file), [2])).toEqual(await inputsOf(file, [2]));
  });

  it('of a config', () => {
    const file = writeConfig(folder, 'piped', {
      name: 'piped',
      data: { source: 'csv', file: csv, target: 'y' },
      model: { layers: [{ dense: { units: 1 } }] },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 8 },
    });
    expect(loadRunConfig(piped(file), [])).toEqual(loadRunConfig(file, []));
  });

  it('is standard input where - is named', () => {
    const script = `
      const { openInputs } = await import(${JSON.stringify(compiled('coordinator/inference/input-batches.js').href)});
      let sum = 0, count = 0;
      for await (const batch of (await openInputs(process.argv[1], [{ name: 'input', shape: [2], isNamed: false }])).batches) {
        count += batch.count;
        for (const value of batch.inputs[0]) sum += value;
      }
      console.log(count, sum.toFixed(3));`;
    const run = (input: string) =>
      execFileSync(
        'sh',
        ['-c', 'cat "$0" | "$1" --input-type=module --eval "$2" -- "$3"', npy, process.execPath, script, input],
        {
          encoding: 'utf8',
        },
      );
    const sum = numbers.reduce((total, value) => total + Math.fround(value), 0).toFixed(3);
    expect(run('-').trim()).toBe(`3000 ${sum}`);
    expect(run('/dev/stdin').trim()).toBe(`3000 ${sum}`);
  });

  it('that nobody writes to is left when the reading is stopped', async () => {
    const pipe = join(folder, 'silent');
    execFileSync('mkfifo', [pipe]);
    const abort = new AbortController();
    const reading = openInputs(pipe, [{ name: 'input', shape: [2], isNamed: false }], undefined, {
      signal: abort.signal,
    });
    const reason = new Error('stopped');
    abort.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  it('is no folder and no device', async () => {
    for (const [place, problem] of [
      [folder, 'is a folder'],
      ['/dev/null', 'is no file but a device'],
    ]) {
      const error = await load({ source: 'csv', file: place, target: 'y' }).catch((reason) => reason);
      expect(error).toBeInstanceOf(LockstepError);
      expect(error.problem).toContain(`${place} ${problem}`);
    }
  });
});

async function inputsOf(file: string, shape: number[], encoding?: Encoding): Promise<number[]> {
  const values: number[] = [];
  const inputs = [{ name: 'input', shape, isNamed: false }];
  for await (const batch of (await openInputs(file, inputs, encoding)).batches)
    for (const value of batch.inputs[0]) values.push(value);
  return values;
}
