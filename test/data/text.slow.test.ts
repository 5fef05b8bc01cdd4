/** `source: text`: windows of characters, split without leaks, each held-out character predicted once. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import type { Dataset } from '../../src/data/examples.js';
import { fingerprintOf } from '../../src/data/fingerprint.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { textInputs } from '../../src/data/text/inputs.js';
import { DataError, ModelError } from '../../src/errors.js';
import { elements } from '../../src/ground/elements.js';
import { lockstepServed, outcomesOf } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
let files = 0;
function fileOf(content: string | Uint8Array): string {
  const file = join(folder, `text-${files++}.txt`);
  writeFileSync(file, content);
  return file;
}

const loadFile = (file: string, options: object) =>
  loadDataset(dataSchema.parse({ source: 'text', file, validation: 0, ...options }), 0);
const load = (content: string | Uint8Array, options: object) => loadFile(fileOf(content), options);

async function failure(content: string | Uint8Array, options: object = {}): Promise<DataError> {
  const error = await load(content, options).catch((reason) => reason);
  expect(error).toBeInstanceOf(DataError);
  return error;
}

/** The tokens that example `row` shows, and those that it asks for. */
function exampleAt({ examples }: Dataset, row: number): { shown: number[]; asked: number[] } {
  const { features, featureShape, featureStride, targets, targetShape, targetStride } = partsOf(examples);
  const part = (values: ArrayLike<number>, stride: number, shape: readonly number[]) =>
    Array.prototype.slice.call(values, row * stride, row * stride + elements(shape)) as number[];
  const shown = part(features, featureStride!, featureShape);
  return { shown, asked: part(targets, targetStride!, targetShape) };
}

const textOf = ({ encoding }: Dataset, tokens: readonly number[]) =>
  tokens.map((token) => encoding.classes![token]).join('');

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** `count` characters, each another: the token of each is its place in the text. */
const distinct = (count: number) => String.fromCodePoint(...numbers(0x4e00, 0x4e00 + count));

describe('windows', () => {
  it('show the characters before the one they ask for', async () => {
    const data = await load('hello world', { window: 4 });
    const rows = [...data.splits.training].map((row) => exampleAt(data, row));
    const texts = rows.map(({ shown, asked }) => [textOf(data, shown), textOf(data, asked)]);
    expect(texts).toEqual([
      ['hell', 'o'],
      ['ello', ' '],
      ['llo ', 'w'],
      ['lo w', 'o'],
      ['o wo', 'r'],
      [' wor', 'l'],
      ['worl', 'd'],
    ]);
    expect([partsOf(data.examples).featureShape, partsOf(data.examples).targetShape]).toEqual([[4], []]);
  });

  it('ask for the character after each of theirs with targets: all', async () => {
    const data = await load('hello world', { window: 4, targets: 'all', stride: 3 });
    const rows = [...data.splits.training].map((row) => exampleAt(data, row));
    const texts = rows.map(({ shown, asked }) => [textOf(data, shown), textOf(data, asked)]);
    expect(texts).toEqual([
      ['hell', 'ello'],
      ['lo w', 'o wo'],
      ['worl', 'orld'],
    ]);
    expect([partsOf(data.examples).featureShape, partsOf(data.examples).targetShape]).toEqual([[4], [4]]);
  });

  it('lie over one copy of the text, in memory that threads share', async () => {
    const text = 'abcdefghij'.repeat(1000);
    const { examples, description } = await load(text, { window: 500 });
    expect(partsOf(examples).features).toBeInstanceOf(Uint8Array);
    expect(partsOf(examples).features.byteLength).toBe(text.length);
    expect(partsOf(examples).targets.buffer.byteLength).toBe(4 * text.length);
    for (const { buffer } of [partsOf(examples).features, partsOf(examples).targets])
      expect(buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(examples.count).toBe(9500);
    expect(partsOf(examples).classes).toBe(10);
    expect(description).toContain('9,500 examples of shape [500], 10 classes (windows of the 10,000 characters of ');
  });
});

describe('splits', () => {
  const length = 1003;
  const names = ['training', 'validation', 'test'] as const;
  // 0.15 and 0.1 of 1,003, rounded.
  const borders = { training: [0, 753], validation: [753, 903], test: [903, 1003] } as const;
  const cases = (['last', 'all'] as const).flatMap((targets) =>
    [1, 4, 7].map((stride) => ({ targets, stride, window: 6, validation: 0.15, test: 0.1 })),
  );

  it.each(cases)('share no character ($targets, stride $stride)', async (options) => {
    const data = await load(distinct(length), options);
    const { window, targets, stride } = options;
    for (const name of names) {
      const [start, end] = borders[name];
      const rows = [...data.splits[name]];
      for (const row of rows) {
        const { shown, asked } = exampleAt(data, row);
        expect(shown).toEqual(numbers(row, row + window));
        expect(asked).toEqual(targets === 'last' ? [row + window] : numbers(row + 1, row + window + 1));
        expect(row).toBeGreaterThanOrEqual(start);
        expect(asked.at(-1)).toBeLessThan(end);
      }
      // As many as fit, from the first character on.
      const step = name === 'training' ? stride : targets === 'last' ? 1 : window;
      expect(rows).toEqual(numbers(0, rows.length).map((i) => start + i * step));
      expect(rows.at(-1)! + step + window).toBeGreaterThanOrEqual(end);
    }
  });

  it.each(cases)('ask for each held-out character once ($targets, stride $stride)', async (options) => {
    const data = await load(distinct(length), options);
    for (const name of ['validation', 'test'] as const) {
      const asked = [...data.splits[name]].flatMap((row) => exampleAt(data, row).asked);
      const first = borders[name][0] + (options.targets === 'last' ? options.window : 1);
      expect(asked).toEqual(numbers(first, first + asked.length));
      // With whole windows alone, less than one is left over.
      expect(borders[name][1] - asked.at(-1)! - 1).toBeLessThan(options.targets === 'last' ? 1 : options.window);
    }
  });

  it('are empty where none is asked for', async () => {
    const { splits } = await load(distinct(300), { window: 6 });
    expect([splits.training.length, splits.validation.length, splits.test.length]).toEqual([294, 0, 0]);
  });

  it('do not depend on the seed', async () => {
    const file = fileOf(distinct(300));
    const config = dataSchema.parse({ source: 'text', file, window: 6, test: 0.2 });
    const [one, two] = [await loadDataset(config, 1), await loadDataset(config, 2)];
    expect(one.splits).toEqual(two.splits);
  });
});

describe('characters', () => {
  it('are Unicode code points, in their order', async () => {
    // U+FF01 has a higher UTF-16 unit than the first one of the emoji, and a lower code point.
    const text = 'naïve 👍🏽！naïve 👍！\r\n';
    const data = await load(text, { window: 2 });
    expect(data.encoding.classes).toEqual(['\n', '\r', ' ', 'a', 'e', 'n', 'v', 'ï', '！', '🏽', '👍']);
    expect(data.encoding.input).toEqual({
      kind: 'text',
      window: 2,
      targets: 'last',
      vocabulary: data.encoding.classes,
    });
    expect(textOf(data, [...partsOf(data.examples).features])).toBe(text);
  });

  it('lose no byte where a block of the file ends inside one', async () => {
    const text = `x${'é€👍'.repeat(300_000)}`;
    const data = await load(text, { window: 2 });
    expect(partsOf(data.examples).features.length).toBe(900_001);
    expect(textOf(data, [...partsOf(data.examples).features])).toBe(text);
  });

  it('do not include the byte-order mark', async () => {
    const { encoding } = await load('\ufeffabab', { window: 2 });
    expect(encoding.classes).toEqual(['a', 'b']);
  });

  it.each([
    { name: 'bytes', count: 256, type: Uint8Array },
    { name: 'floats', count: 257, type: Float32Array },
  ])('take $name where there are $count', async ({ count, type }) => {
    const { examples } = await load(distinct(count), { window: 3 });
    expect(partsOf(examples).features).toBeInstanceOf(type);
    expect([...partsOf(examples).features]).toEqual(numbers(0, count));
    expect([partsOf(examples).featureScale, partsOf(examples).classes]).toEqual([1, count]);
  });

  it('are in a file once beyond the budget, not as rows, which would take many times the room', async () => {
    const text = distinct(2000);
    const [small, large] = [await load(text, { window: 3, memory: '1KB' }), await load(text, { window: 3 })];
    // As numbers of 32 bits: more than 256 characters.
    expect(partsOf(small.examples).file).toMatchObject({ start: 0, end: 8000 });
    expect(fingerprintOf(small)).toEqual(fingerprintOf(large));
    closeExamples(small.examples);
  });
});

describe('mistakes', () => {
  it.each([
    { name: 'an empty file', content: '', problem: 'is empty' },
    { name: 'a byte-order mark alone', content: '\ufeff', problem: 'is empty' },
    { name: 'one distinct character', content: 'aaaa', problem: 'repeats the single character "a"' },
    { name: 'Latin-1', content: Buffer.from('caf\xe9 au lait', 'latin1'), problem: 'is not UTF-8 text' },
    {
      name: 'a cut character',
      content: Buffer.from('cut in the euro sign \xe2\x82', 'latin1'),
      problem: 'is not UTF-8 text',
    },
  ])('$name', async ({ content, problem }) => {
    expect((await failure(content)).problem).toContain(problem);
  });

  it('a file that is missing, or a folder', async () => {
    const missing = await loadFile(join(folder, 'none.txt'), {}).catch((reason) => reason);
    expect(missing).toBeInstanceOf(DataError);
    expect(missing.problem).toBe(`data.file: ${join(folder, 'none.txt')} does not exist`);
    const directory = await loadFile(folder, {}).catch((reason) => reason);
    expect(directory).toBeInstanceOf(DataError);
    expect(directory.problem).toBe(`data.file: ${folder} is a folder`);
  });

  it.each([
    { split: 'training', of: 10, options: { window: 10 } },
    { split: 'validation', of: 20, options: { window: 20, validation: 0.1 } },
    { split: 'test', of: 0, options: { window: 5, test: 0.001 } },
    { split: 'training', of: 0, options: { window: 5, validation: 0.5, test: 0.5 } },
  ])('a window that does not fit into the $split split', async ({ split, of, options }) => {
    const { problem, remedy } = await failure(distinct(split === 'training' && of > 0 ? of : 200), options);
    const { window } = options;
    expect(problem).toBe(
      `data.window: ${window} characters and the one after them do not fit into the ${of} of the ${split} split`,
    );
    expect(remedy).toContain(of > 0 ? `a window of at most ${of - 1}` : 'more text');
  });

  it('a split in whose part no document begins', async () => {
    const { problem, remedy } = await failure('abc\nde', {
      window: 2,
      documents: { separator: '--' },
      validation: 0.5,
    });
    expect(problem).toContain(
      'no document begins in the part of the text that is the validation split, and none is divided',
    );
    expect(remedy).toBe('use more documents or smaller ones, or set data.validation to 0 or to files of their own');
    expect(
      (await load('abc\n--de', { window: 2, documents: { separator: '--' }, validation: 0.5 })).splits.validation,
    ).toHaveLength(1);
  });

  it('that fits into training alone is told the longest that fits into every split', async () => {
    const { problem, remedy } = await failure(distinct(100), { window: 95, validation: 0.1 });
    expect(problem).toContain('do not fit into the 90 of the training split');
    expect(remedy).toContain('use a window of at most 9, or');
    expect((await load(distinct(100), { window: 9, validation: 0.1 })).splits.validation.length).toBe(1);
  });

  it('the longest window that the remedy names does fit', async () => {
    const { splits } = await load(distinct(200), { window: 19, validation: 0.1 });
    expect(splits.validation.length).toBe(1);
  });
});

/** 1,700 characters with some structure: training has a smaller last batch, and that a smaller last shard. */
const rhyme = Array.from(
  { length: 50 },
  (_, i) => `line ${i} of a ${['long', 'short', 'sad'][i % 3]} poem; ende ${i * 7}\n`,
)
  .join('')
  .slice(0, 1700);
const model = {
  last: [{ flatten: {} }, { dense: { units: 16, activation: 'relu' } }, { dropout: { rate: 0.2 } }],
  all: [{ gru: { units: 6, returnSequences: true, dropout: 0.1 } }],
};
const run = (targets: 'last' | 'all', options: object = {}) => ({
  data: { source: 'text', file: fileOf(rhyme), window: 8, targets, validation: 0.2, ...options },
  model: {
    layers: [{ embedding: { inputDim: 'classes', outputDim: 5 } }, ...model[targets], { dense: { units: 'classes' } }],
  },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy', { topKAccuracy: { k: 3 } }],
  training: { epochs: 2, batchSize: 64, shards: 4 },
});

it.each(['last', 'all'] as const)('training comes to the same bits on 1 and 4 threads (%s)', async (targets) => {
  const file = writeConfig(folder, targets, run(targets));
  const first = await trained(file, ['data.stride=3'], folder, 1);
  const { training, batchSize, shards, engine } = first.start;
  expect(engine).toBe('onnx');
  expect((training % batchSize) % (batchSize / shards)).toBeGreaterThan(0);
  const other = await trained(file, ['data.stride=3'], folder, 4);
  expect(other.start.threads).toBe(4);
  expect(resultOf(other)).toEqual(resultOf(first));
  const otherStride = await trained(file, ['data.stride=2'], folder, 2);
  expect(otherStride.end.sha256).not.toBe(first.end.sha256);
});

it('a mistake in the file ends the command with code 2 and nothing written', async () => {
  const work = temporaryFolder();
  const file = writeConfig(folder, 'missing', run('last', { file: join(folder, 'none.txt') }));
  const { code, stdout } = await lockstepServed(['train', file, '--json'], work);
  expect(code).toBe(2);
  expect(outcomesOf(stdout)).toMatchObject([
    { event: 'error', code: 'LOCKSTEP_DATA', message: expect.stringContaining('none.txt does not exist') },
  ]);
  expect(snapshot(work)).toEqual([]);
});

it('an embedding with fewer rows than there are characters is refused before the first step', async () => {
  const file = writeConfig(folder, 'narrow', run('last'));
  const characters = new Set(rhyme).size;
  const narrow = `model.layers.0.embedding.inputDim=${characters - 1}`;
  const error = await trained(file, [narrow], folder).catch((reason) => reason);
  expect(error).toBeInstanceOf(ModelError);
  expect(error.problem).toBe(
    `embedding_1: inputDim: ${characters - 1} is less than the ${characters} distinct characters of the text`,
  );
  const { end } = await trained(file, [`model.layers.0.embedding.inputDim=${characters}`, 'training.epochs=1'], folder);
  expect(end.validation!.loss).toBeGreaterThan(0);
});

describe('inputs of a trained model', () => {
  const encoding = (window: number, text: string) => ({
    kind: 'text' as const,
    window,
    targets: 'last' as const,
    vocabulary: [...new Set(text)].sort(),
  });

  it('are the last characters of a text', async () => {
    const { row } = await textInputs('abc👍abd', encoding(4, 'abcd👍'));
    expect(row).toEqual(Float32Array.of(4, 0, 1, 3));
  });

  it.each([
    { vocabulary: 'ab \n', pad: 0 },
    { vocabulary: 'ab !', pad: 0 },
    { vocabulary: '!ab', pad: 0 },
    { vocabulary: '\tab\n', pad: 1 },
    { vocabulary: '\tab ', pad: 1 },
  ])('are filled up in $vocabulary', async ({ vocabulary, pad }) => {
    const known = encoding(5, vocabulary);
    const [a, b] = ['a', 'b'].map((character) => known.vocabulary.indexOf(character));
    const row = async (text: string, targets: 'last' | 'all') => {
      const made = await textInputs(text, { ...known, targets });
      return [...made.row, made.place];
    };
    expect(await row('ab', 'last')).toEqual([pad, pad, pad, a, b, 5]);
    expect(await row('', 'last')).toEqual([...Array(5).fill(pad), 5]);
    expect(await row('ab', 'all')).toEqual([a, b, pad, pad, pad, 2]);
    expect(await row('', 'all')).toEqual([...Array(5).fill(pad), 1]);
    const documents = await textInputs('ab', { ...known, endOfText: 2 });
    expect([...documents.row]).toEqual([2, 2, 2, a, b]);
  });

  it('are the rows that training sees', async () => {
    const data = await load(rhyme, { window: 8 });
    const { input } = data.encoding;
    if (input.kind !== 'text') throw new Error('not a text');
    for (const row of [0, 17, data.examples.count - 1]) {
      const made = await textInputs(rhyme.slice(0, row + 8), input);
      expect([...made.row]).toEqual(exampleAt(data, row).shown);
    }
  });

  it('name a character that is unknown', async () => {
    const attempt = textInputs('ab👍', encoding(5, 'ab'));
    await expect(attempt).rejects.toThrow(DataError);
    await expect(attempt).rejects.toThrow(
      'character 3, "👍" (U+1F44D), is not among the 2 that the model was trained on',
    );
  });
});
