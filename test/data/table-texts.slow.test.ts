/** Columns of texts in tables: tokens, filled up with a mask, in training, evaluation and prediction alike. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { dataSchema } from '../../src/config/data.js';
import { planBuckets } from '../../src/data/buckets.js';
import type { Dataset } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { repeatsOf } from '../../src/data/repeats.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { Tokenizer } from '../../src/data/text/tokenizer.js';
import type { TokenizerJson } from '../../src/data/text/tokenizer-json.js';
import { DataError } from '../../src/errors.js';
import { encodeRows } from '../../src/wire/rows-blob.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { packageRoot } from '../support/package.js';
import { namedRows } from '../support/predictions.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
const written = (name: string, content: string) => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};

const good = ['what a fine day', 'fine, really fine!', 'a good film', 'good good'];
const bad = ['what a sad day', 'sad film, "bad" end', 'bad', 'a sad, sad and bad story'];
const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
const rows = Array.from({ length: 240 }, (_, i) => {
  const text = [good, bad][i % 2][Math.floor(i / 2) % 4];
  return { text, mood: ['good', 'bad'][i % 2], stars: i % 2 === 0 ? 4 : 2 };
});
const csv = (some: typeof rows) =>
  `text,mood,stars\n${some.map(({ text, mood, stars }) => `${quoted(text)},${mood},${stars}\n`).join('')}`;
const file = written('moods.csv', csv(rows));

const words = { text: 'text', tokens: { bpe: { vocabulary: 290 } }, length: 12 };
const data = { source: 'csv', file, inputs: { words }, targets: { mood: 'mood' }, validation: 0.2, test: 0 };
const load = (options: object = {}) => loadDataset(dataSchema.parse({ ...data, ...options }), 0);
const refusal = (options: object) =>
  load(options).then(
    () => undefined,
    (reason) => reason,
  );
const reference: { trained: { file: TokenizerJson }[]; read: { file: TokenizerJson }[] } = JSON.parse(
  readFileSync(join(packageRoot, 'test/fixtures/tokenizers.json'), 'utf8'),
);

/** Filled up with zeros. */
const rowOf = (values: readonly number[]) => [...values, ...Array(12 - values.length).fill(0)];

const batched = ({ splits }: Dataset) => ({ evaluated: [splits.training, splits.validation], evaluationBatch: 4 });

describe('a column of texts', () => {
  it('becomes tokens that are filled up, with a mask', async () => {
    const { examples, encoding, columns } = await load();
    const [input, target, mask] = examples.columns;
    if (encoding.input.kind !== 'table') throw new Error('no table');
    const [column] = encoding.input.columns;
    if (!('tokenizer' in column)) throw new Error('no text');
    const tokenizer = new Tokenizer(column.tokenizer);
    expect([input.name, input.type, input.shape, input.categories]).toEqual(['words', 'int32', [12], 290]);
    expect([mask.name, mask.role, mask.of, mask.shape]).toEqual(['words_mask', 'mask', 'words', [12]]);
    expect([target.name, target.categories]).toEqual(['mood', 2]);
    rows.forEach(({ text }, row) => {
      const tokens = tokenizer.encode(text);
      expect([...input.values.subarray(row * 12, row * 12 + 12)]).toEqual(rowOf(tokens));
      expect([...mask.values.subarray(row * 12, row * 12 + 12)]).toEqual(rowOf(tokens.map(() => 1)));
    });
    expect(columns!.shown.find(({ name }) => name === 'text')).toMatchObject({
      type: 'text',
      field: 'words',
      features: 12,
    });
  });

  it('may have a tokenizer of its own', async () => {
    const tokens = { file: written('tokenizer.json', JSON.stringify(reference.read[0].file)) };
    const { examples } = await load({ inputs: { words: { ...words, tokens, length: 40 } } });
    const wanted = new Tokenizer(reference.read[0].file).encode(rows[0].text);
    expect([...examples.columns[0].values.subarray(0, wanted.length)]).toEqual(wanted);
  });

  it.each([
    [{ length: 3 }, `${file}, line 2: column text holds a text of 4 tokens, and its length is 3`, 'truncate: true'],
    [{ text: 'none' }, `data.inputs.words: there is no column none`, ''],
  ])('is refused where it does not fit (%o)', async (wrong, problem, remedy) => {
    const error = await refusal({ inputs: { words: { ...words, ...wrong } } });
    expect(error).toBeInstanceOf(DataError);
    if (remedy) expect(error.problem).toBe(problem);
    expect(error.remedy).toContain(remedy);
  });

  it('is cut where the config says so', async () => {
    const { examples } = await load({ inputs: { words: { ...words, length: 3, truncate: true } } });
    expect(examples.columns[0].shape).toEqual([3]);
  });

  it('is as long as the longest of the training split where the config says so; others are cut', async () => {
    const long = { text: 'a good day and a good film, and a really fine story', mood: 'good', stars: 4 };
    const other = written('other.csv', csv([rows[0], long]));
    const longest = { ...words, length: 'longest' };
    const inputs = { words: longest };
    const wanted = await load({ inputs: { words: { ...words, length: 10, truncate: true } }, validation: other });
    const found = await load({ inputs, validation: other });
    expect(found.examples).toEqual(wanted.examples);
    expect(found.encoding).toEqual(wanted.encoding);
    expect(found.splits).toEqual(wanted.splits);

    // In the same file, what is beyond is passed over, in memory and on disk.
    const both = written('both.csv', csv([...rows, long]));
    const split = { order: 'stars', validation: 0.5, test: 0 };
    const options = { file: both, validation: undefined, test: undefined, split };
    const cut = await load({ ...options, inputs: { words: { ...words, length: 10, truncate: true } } });
    const width = (data: Dataset) => data.examples.columns.map(({ shape, stride }) => [shape[0], stride]);
    for (const memory of [undefined, '2KB']) {
      const open = await load({ ...options, inputs, memory });
      expect(width(open)).toEqual([
        [10, 13],
        [undefined, undefined],
        [10, 13],
      ]);
      expect(open.encoding).toEqual(cut.encoding);
      const all = Int32Array.from({ length: open.examples.count }, (_, i) => i);
      expect(Buffer.compare(await encodeRows(open.examples, all), await encodeRows(cut.examples, all))).toBe(0);
      expect(await repeatsOf(open)).toEqual(await repeatsOf(cut));
      expect(planBuckets([3], open.examples, batched(open))).toEqual(planBuckets([3], cut.examples, batched(cut)));
      closeExamples(open.examples);
    }
  });

  it('has no value in a row: the row is named, or left out', async () => {
    const gap = written(
      'gap.csv',
      `text,mood,stars\n"fine",good,4\n,bad,2\n${csv(rows).split('\n').slice(1).join('\n')}`,
    );
    const plain = await refusal({ file: gap });
    expect(plain.problem).toBe(`${gap}, line 3: column text has no value`);
    expect(plain.remedy).toBe('fill it in, or set data.missing: drop (a text has no mean)');
    const mean = await refusal({ file: gap, missing: 'mean' });
    expect(mean.problem).toBe(`${gap}, line 3: column text holds no value, and a text has no mean`);
    expect((await load({ file: gap, missing: 'drop' })).examples.count).toBe(rows.length + 1);
  });
});

it('texts are classified, beside other columns, to the same bits on any number of threads', async () => {
  const config = {
    data: { ...data, inputs: { words, rest: ['stars'] } },
    model: {
      layers: [
        { embedding: { name: 'vectors', from: 'words', inputDim: 'categories', outputDim: 8 } },
        { gru: { name: 'read', from: 'vectors', units: 6 } },
        { concatenate: { name: 'all', from: ['read', 'rest'] } },
        { dense: { name: 'said', from: 'read', units: 'classes' } },
        { dense: { name: 'both', from: 'all', units: 2 } },
        { add: { name: 'sum', from: ['said', 'both'] } },
      ],
      outputs: { mood: 'sum' },
    },
    loss: { mood: 'sparseCategoricalCrossentropy' },
    metrics: { mood: ['accuracy'] },
    optimizer: { adam: { learningRate: 0.05 } },
    training: { epochs: 4, batchSize: 32, shards: 2 },
  };
  const run = writeConfig(folder, 'moods', config);
  const first = await trained(run, [], join(folder, 'runs'));
  expect(first.end.validation!.accuracy).toBe(1);
  // Without what fills them up.
  const { examples, splits } = await load(config.data);
  const there = [...examples.columns.find(({ role }) => role === 'mask')!.values];
  const lengths = Array.from(splits.training, (row) => there.slice(12 * row, 12 * row + 12).filter(Boolean).length);
  const tokens = lengths.reduce((a, b) => a + b) / lengths.length;
  expect(tokens).toBeLessThan(12);
  expect(first.end.tokensPerSecond! / first.end.examplesPerSecond).toBeCloseTo(tokens, 9);
  expect(resultOf(await trained(run, [], join(folder, 'runs'), 2))).toEqual(resultOf(first));

  const place = first.start.folder;
  const fresh = [
    { text: 'sad day', mood: 'bad', stars: 2 },
    { text: 'fine film', mood: 'good', stars: 4 },
  ];
  const input = written('fresh.csv', csv(fresh));
  const predicted = await namedRows(place, input);
  expect(predicted.map(({ targets }) => targets!.mood.classes![0].name)).toEqual(['bad', 'good']);
  const objects = await namedRows(
    place,
    fresh.map(({ text, stars }) => ({ text, stars })),
  );
  expect(objects.map(({ targets }) => targets)).toEqual(predicted.map(({ targets }) => targets));
  const result = await evaluate(first.start.folder, { data: input, model: 'final' });
  expect(result.examples).toBe(2);
});
