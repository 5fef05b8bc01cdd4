/** Texts whose tokens come from a cache, or are streamed from a file because the budget is small: the bits are the same. */
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { dataSchema } from '../../src/config/data.js';
import { diagnose } from '../../src/data/doctor/diagnose.js';
import { eachRow } from '../../src/data/each-row.js';
import type { Dataset } from '../../src/data/examples.js';
import { widthOf } from '../../src/data/field.js';
import { examplesFingerprint, fingerprintOf } from '../../src/data/fingerprint.js';
import { loadDataset } from '../../src/data/load-data.js';
import { packExamples } from '../../src/data/packed.js';
import type { ReadingOptions } from '../../src/data/reading.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { randomStream, uniform } from '../../src/ground/random.js';
import { openPacked } from '../../src/wire/packed-data.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
const written = (name: string, content: string | Uint8Array) => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};

const words = 'the quick brown fox jumps over a lazy dog, é ✓ and\n'.split(' ');
function textOf(length: number): string {
  const random = randomStream('text', 1);
  let text = '';
  while (text.length < length) text += `${words[Math.floor(uniform(random, 0, words.length))]} `;
  return text;
}
const bpe = { bpe: { vocabulary: 280 } };
const base = { source: 'text', window: 8, stride: 8, targets: 'all', validation: 0.2, test: 0 };
const load = (data: object, options: ReadingOptions = {}) =>
  loadDataset(dataSchema.parse({ ...base, ...data }), 0, options);

/** What tells one data set from another, once the files are closed. */
function identity(dataset: Dataset) {
  const { sha256 } = fingerprintOf(dataset);
  const isOnDisk = dataset.examples.columns.map(({ file }) => file !== undefined);
  closeExamples(dataset.examples);
  return { sha256, isOnDisk, encoding: dataset.encoding };
}

describe('the tokens of a text', () => {
  const file = written('large.txt', textOf(1.01e6));
  const cacheFolder = join(folder, 'cache');
  const names = () => readdirSync(cacheFolder).sort();

  it('are kept, used again, and made anew where they are damaged', async () => {
    const data = { file, tokens: bpe };
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const wanted = identity(await load({ ...data, cache: false }, { cacheFolder, warn }));
    expect(() => names()).toThrow('ENOENT');
    expect(identity(await load(data, { cacheFolder, warn }))).toEqual(wanted);
    // The tokenizer, and the tokens.
    const kept = names();
    expect(kept).toHaveLength(2);
    const paths = kept.map((name) => join(cacheFolder, name));
    if (process.platform !== 'win32') for (const path of paths) expect(statSync(path).mode & 0o77).toBe(0);
    for (const path of paths) utimesSync(path, 1, 1);
    expect(identity(await load(data, { cacheFolder, warn }))).toEqual(wanted);
    for (const path of paths) expect(statSync(path).mtimeMs).toBeGreaterThan(1e6);
    const streamed = identity(await load({ ...data, memory: '64KB' }, { cacheFolder, warn }));
    expect(streamed).toEqual({ ...wanted, isOnDisk: [true, true] });
    // A model with that tokenizer finds the same tokens.
    const options = { cacheFolder, warn, trained: wanted.encoding };
    expect(identity(await load({ ...data, tokens: { bpe: { vocabulary: 300 } } }, options))).toEqual(wanted);
    expect(names()).toEqual(kept);
    expect(warnings).toEqual([]);

    for (const path of paths) {
      const bytes = readFileSync(path);
      for (const damage of [bytes.with(bytes.length - 3, bytes[bytes.length - 3] ^ 1), bytes.subarray(0, 90)]) {
        writeFileSync(path, damage);
        expect(identity(await load(data, { cacheFolder, warn }))).toEqual(wanted);
        expect(warnings.splice(0)).toEqual([`${path}: is damaged, and made anew`]);
        expect(readFileSync(path).equals(bytes)).toBe(true);
      }
    }
    // Other tokens, other splits, another text.
    for (const other of [
      { tokens: { bpe: { vocabulary: 270 } } },
      { validation: 0.1 },
      { file: written('b.txt', textOf(1.02e6)) },
    ]) {
      const before = names().length;
      identity(await load({ ...data, ...other }, { cacheFolder, warn }));
      expect(names().length).toBeGreaterThan(before);
    }
  });

  it('are made all the same where nothing can be kept', async () => {
    const isNoFolder = written('occupied', '');
    const warnings: string[] = [];
    identity(await load({ file, tokens: bpe }, { cacheFolder: isNoFolder, warn: (message) => warnings.push(message) }));
    expect(warnings).toEqual([]);
    expect(statSync(isNoFolder).size).toBe(0);
  });
});

describe.each(['characters', bpe] as const)('a text of %o that exceeds data.memory', (tokens) => {
  const file = written('small.txt', textOf(20_000));
  const data = { file, tokens };

  it.each(['all', 'last'])('has the same windows and targets (%s), wherever they are read', async (targets) => {
    const [inMemory, onDisk] = [await load({ ...data, targets }), await load({ ...data, targets, memory: '1KB' })];
    expect(onDisk.examples.columns.map((column) => column.values.length)).toEqual([0, 0]);
    expect(onDisk.description).toContain('read from disk');
    expect(await examplesFingerprint(onDisk.examples)).toBe(await examplesFingerprint(inMemory.examples));
    const packed = packExamples(onDisk.examples);
    const place = written('packed', await packed.read(0, packed.length));
    const there = await openPacked(place, 1000);
    expect(there.columns.map((column) => column.values.length)).toEqual([0, 0]);
    const rowsOf = async ({ columns, count }: Dataset['examples']) => {
      const rows: string[] = [];
      for (const column of columns) {
        await eachRow(column, count, (values, start) => {
          rows.push(values.subarray(start, start + widthOf(column)).join());
        });
      }
      return rows;
    };
    const wanted = await rowsOf(inMemory.examples);
    for (const other of [onDisk.examples, there])
      expect((await rowsOf(other)).join(';') === wanted.join(';')).toBe(true);
    const [report, same] = await Promise.all(
      [undefined, '1KB'].map((memory) => diagnose(dataSchema.parse({ ...base, ...data, targets, memory }), 0)),
    );
    expect(same.fields).toEqual(report.fields);
    identity(onDisk);
    closeExamples(there);
  });

  it('trains and is evaluated to the same bits on any number of threads', async () => {
    const config = {
      data: { ...base, ...data },
      model: { layers: [{ embedding: { inputDim: 'classes', outputDim: 4 } }, { dense: { units: 'classes' } }] },
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      training: { epochs: 1, batchSize: 64, shards: 2 },
    };
    const place = writeConfig(folder, 'streamed', config);
    const run = await trained(place, [], join(folder, 'runs'));
    for (const threads of [1, 2]) {
      const streamed = await trained(place, ['data.memory=1KB'], join(folder, 'runs'), threads);
      expect(resultOf(streamed)).toEqual(resultOf(run));
      if (threads === 1) continue;
      const again = await evaluate(streamed.start.folder, { split: 'validation', model: 'final' });
      expect(again.metrics).toMatchObject({ loss: run.end.validation!.loss });
    }
  });
});
