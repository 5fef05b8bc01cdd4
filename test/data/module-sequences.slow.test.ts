/** Sequences of unequal length: filled up with a mask, which comes to what each comes to by itself. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import type { LayerConfig } from '../../src/config/model.js';
import type { Encoding } from '../../src/data/encoding.js';
import type { Column } from '../../src/data/examples.js';
import type { Field } from '../../src/data/field.js';
import { loadDataset } from '../../src/data/load-data.js';
import { metaOf } from '../../src/data/packed.js';
import { closeExamples } from '../../src/data/row-writer.js';
import type { HeadSpec } from '../../src/engine/heads.js';
import { DataError } from '../../src/errors.js';
import { createEngines, type EngineWithSlabs, relativeError } from '../support/engines.js';
import { temporaryFolder } from '../support/folder.js';
import { refusalOf, writeModule } from '../support/modules.js';
import { npyFile, zipFile } from '../support/tables.js';

const folder = temporaryFolder();
let files = 0;
const write = (...lines: string[]) => writeModule(folder, `sequences${files++}.mjs`, ...lines);
const load = (file: string, more: object = {}) =>
  loadDataset(dataSchema.parse({ source: 'module', file, validation: 0, test: 0, ...more }), 1);

const taggedFile = (...ids: number[][]) =>
  write(
    'const of = (ids) => ({ inputs: { words: ids, age: 3 }, targets: { tags: ids.map((id) => id % 2), sum: ids.length } });',
    `export default ${JSON.stringify(ids)}.map(of);`,
  );
const tagged = taggedFile([1, 2, 3], [4], [5, 6]);

/** The same in rows of NumPy that are filled up to 5 places with what is no id. */
async function loadArrays(ids: number[][]) {
  const file = join(folder, `sequences${files++}.npz`);
  const ints = (shape: number[], values: number[]) =>
    npyFile('<i4', shape, new Uint8Array(Int32Array.from(values).buffer));
  const rows = (of: (id: number) => number) => ids.flatMap((own) => [0, 1, 2, 3, 4].map((j) => of(own[j] ?? -1)));
  const lengths = ids.map((own) => own.length);
  const content = zipFile([
    ['words.npy', ints([ids.length, 5], rows(Number))],
    [
      'tags.npy',
      ints(
        [ids.length, 5],
        rows((id) => id % 2),
      ),
    ],
    ['lengths.npy', ints([ids.length], lengths)],
  ]);
  writeFileSync(file, content);
  const data = {
    source: 'npy',
    file,
    validation: 0,
    test: 0,
    inputs: { words: { member: 'words', categories: 7, lengths: 'lengths' } },
    targets: { tags: { member: 'tags', type: 'class', placesOf: 'words' }, sum: { member: 'lengths', type: 'number' } },
  };
  return loadDataset(dataSchema.parse(data), 1);
}

describe('sequences are', () => {
  it('filled up to the longest, with masks of inputs and of targets that go with them', async () => {
    const more = { length: { words: 'longest' }, categories: { words: 7 }, classes: { tags: 2 } };
    const { examples, encoding } = await load(tagged, more);
    const shown = examples.columns.map(({ name, role, shape, of, values }) => [name, role, shape, of, [...values]]);
    expect(shown).toEqual([
      ['words', 'input', [3], undefined, [1, 2, 3, 4, 0, 0, 5, 6, 0]],
      ['age', 'input', [1], undefined, [3, 3, 3]],
      ['tags', 'target', [3], undefined, [1, 0, 1, 0, 0, 0, 1, 0, 0]],
      ['sum', 'target', [1], undefined, [3, 1, 2]],
      ['words_mask', 'mask', [3], 'words', [1, 1, 1, 1, 0, 0, 1, 1, 0]],
      ['tags_mask', 'mask', [3], 'tags', [1, 1, 1, 1, 0, 0, 1, 1, 0]],
    ]);
    expect(encoding.input).toEqual({
      kind: 'fields',
      fields: { words: { scale: 1, categories: 7, length: 3 }, age: { scale: 1 } },
    });
  });

  it('filled up to a length, or cut there, with their targets and weights', async () => {
    const four = await load(tagged, { length: { words: 4 } });
    expect(four.examples.columns[0].shape).toEqual([4]);
    expect(four.examples.columns[2].shape).toEqual([4, 1]);
    const file = write(
      'const of = (...n) => ({ features: n.map((x) => [x, -x]), target: n.map((x) => [x]), weight: n });',
      'export default [of(1, 2, 3), of(4)];',
    );
    const { examples, encoding } = await load(file, { length: 2, truncate: true });
    expect(examples.columns.map(({ name, shape, values }) => [name, shape, [...values]])).toEqual([
      ['features', [2, 2], [1, -1, 2, -2, 4, -4, 0, 0]],
      ['targets', [2, 1], [1, 2, 4, 0]],
      ['weights', [2], [1, 2, 4, 0]],
      ['features_mask', [2], [1, 1, 1, 0]],
      ['targets_mask', [2], [1, 1, 1, 0]],
    ]);
    expect(encoding.input).toEqual({ kind: 'numbers', scale: 1, length: 2 });
  });

  it('on disk beyond the memory that there is', async () => {
    const file = write(
      'export default function* () {',
      '  for (let i = 0; i < 2000; i++) yield { features: Array(1 + (i % 3)).fill(Array(200).fill(i)), target: i };',
      '}',
    );
    const { examples } = await load(file, { length: 'longest', memory: '1MB' });
    const [column] = examples.columns;
    expect(column.shape).toEqual([3, 200]);
    expect(column.file!.first).toBe(Math.floor(2 ** 20 / 2400));
    expect([column.values[600], column.values[1000], column.values[1800 + 599]]).toEqual([1, 0, 0]);
    closeExamples(examples);
  });

  it('standardized without what fills them up', async () => {
    const file = write('export default [[1, 3], [5]].map((n) => ({ features: n, target: n }));');
    const { encoding } = await load(file, { length: 'longest', standardizeTargets: true });
    expect(encoding.targetScaling!.mean).toEqual([3]);
  });
});

it.each([
  [
    'a longer one than data.length',
    '[[1, 2], [1, 2, 3]].map((features) => ({ features, target: 1 }))',
    { length: 2 },
    'of 3 places, and data.length is 2',
    'data.truncate: true',
  ],
  ['one number', '[{ features: 1, target: 1 }]', { length: 2 }, 'one number', 'array of places'],
  [
    'unequal ones where no length is said',
    '[[1, 2], [1]].map((features) => ({ features, target: 1 }))',
    {},
    'of shape [1], example 0 of [2]',
    'data.length: longest',
  ],
  [
    'another shape of places',
    '[[[1]], [[1, 2]]].map((features) => ({ features, target: 1 }))',
    { length: 'longest' },
    'shape [1, 2]',
    'one shape',
  ],
  [
    'targets of unequal length that go with no input',
    '[[1, 2], [1]].map((n) => ({ features: [1, 2], target: n }))',
    { length: 'longest' },
    'example 1 has a target of 1 places, example 0 of 2',
    'one place for each',
  ],
  ['a length of no input', '[{ features: 1, target: 1 }]', { length: { words: 2 } }, 'data.length.words', 'features'],
] as [string, string, object, string, string][])('%s is refused', async (_, text, more, problem, remedy) => {
  const { error } = await refusalOf(load(write(`export default ${text};`), more));
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).problem).toContain(problem);
  expect((error as DataError).remedy).toContain(remedy);
});

it('longer ones than a model takes are refused when other data are read for it', async () => {
  const longer = write(
    'export default [{ features: [1, 2, 3, 4], target: 1 }, { features: [1, 2, 3, 4, 5], target: 1 }];',
  );
  const trained: Encoding = { input: { kind: 'numbers', scale: 1, length: 4 } };
  const of = (more: object) =>
    loadDataset(dataSchema.parse({ source: 'module', file: longer, length: 'longest', ...more }), 1, { trained });
  const { error } = await refusalOf(of({}));
  expect((error as DataError).problem).toContain('example 1 has features of 5 places, and the model takes 4');
  expect((error as DataError).remedy).toBe(
    'cut it there or set data.truncate: true, or train with data.length: 5 or more',
  );
  const { examples } = await of({ truncate: true, validation: 0, test: 0 });
  expect([...examples.columns[0].values]).toEqual([1, 2, 3, 4, 1, 2, 3, 4]);
});

describe('a model of masked sequences', () => {
  // A residual block: what is added has one and the same mask.
  const block: LayerConfig[] = [
    { embedding: { name: 'h', from: 'words', inputDim: 'categories', outputDim: 3 } },
    { dense: { units: 3, activation: 'tanh' } },
    { dropout: { name: 'left', rate: 0 } },
    { add: { name: 'block', from: ['h', 'left'] } },
    { layerNormalization: { name: 'normal' } },
  ];
  const layers: LayerConfig[] = [
    ...block,
    { gru: { name: 'read', units: 3, returnSequences: true } },
    { dense: { name: 'tag', units: 2 } },
    { globalAveragePooling1d: { name: 'pooled', from: 'normal' } },
    { dense: { name: 'total', units: 1 } },
  ];
  // A convolution takes no mask further: what fills a target up is known from the data.
  const unmasked: LayerConfig[] = [...block, { conv1d: { name: 'tag', filters: 2, kernelSize: 1 } }];
  const tags: HeadSpec = { target: 'tags', loss: 'sparseCategoricalCrossentropy', weight: 0.5 };
  const sum: HeadSpec = { target: 'sum', loss: 'meanSquaredError', weight: 1 };
  const key = { seed: 1, step: 2, shard: 0 };
  const engines: EngineWithSlabs[] = [];
  afterAll(async () => {
    for (const engine of engines) await engine.dispose();
  });

  it.each([
    ['two outputs', layers, [tags, sum], { tags: 'tag', sum: 'total' }],
    ['one output of places', layers.slice(0, 7), [tags], { tags: 'tag' }],
    ['one output that has lost the mask', unmasked, [tags], { tags: 'tag' }],
    ['two outputs, from arrays', layers, [tags, sum], { tags: 'tag', sum: 'total' }],
  ])('comes to the sums of each sequence by itself: %s', async (name, layers, heads, outputs) => {
    const more = { length: { words: 5 }, categories: { words: 7 }, classes: { tags: 2 } };
    const lengths = [3, 1, 4];
    const ids = [[1, 2, 3], [4], [5, 6, 2, 5]];
    const { examples } = name.endsWith('arrays') ? await loadArrays(ids) : await load(taggedFile(...ids), more);
    const used = (fields: readonly Field[]) =>
      fields.filter(
        ({ name, of, role }) =>
          name !== 'age' &&
          (role === 'input' || heads.some(({ target }) => target === name || target === of || of === 'words')),
      );
    const compute = async (columns: readonly Column[], fields: readonly Field[], count: number) => {
      const spec = { model: { layers, outputs }, heads, fields };
      const { onnx, tfjs, parameters } = await createEngines({ layers: [], input: [], spec }, [count]);
      engines.push(onnx, tfjs);
      const both = [];
      for (const engine of [onnx, tfjs]) {
        engine.parameters.set(parameters);
        engine.buffers(count).forEach((buffer, i) => {
          buffer.set(columns[i].values);
        });
        const { lossSum, divisor } = await engine.shard(count, key);
        const evaluated = await engine.evaluateAll(count);
        const losses = evaluated.map(({ losses }) => losses.reduce((a, b) => a + b, 0));
        both.push({ lossSum, divisor, losses, gradients: engine.gradients.slice() });
      }
      return both;
    };
    const columns = used(examples.columns) as Column[];
    const masked = await compute(columns, used(metaOf(examples).fields), 3);
    const single: (typeof masked)[] = [];
    for (const [row, places] of lengths.entries()) {
      const own = columns
        .filter(({ role }) => role !== 'mask')
        .map((column) => {
          const width = column.shape[0];
          const length = column.name === 'sum' ? 1 : places;
          const values = column.values.slice(row * width, row * width + length);
          return { ...column, shape: [length], values };
        });
      single.push(
        await compute(
          own,
          own.map(({ values, ...field }) => field),
          1,
        ),
      );
    }
    const sumOf = (pick: (each: (typeof masked)[0]) => number, engine: number) =>
      single.reduce((sum, each) => sum + pick(each[engine]), 0);
    const places = heads.length === 1 ? 8 : 3;
    for (const engine of [0, 1]) {
      const { lossSum, divisor, gradients, losses } = masked[engine];
      expect(divisor).toBe(places);
      // By itself a sequence's loss is the mean over its places.
      const weight = (i: number) => (heads.length === 1 ? lengths[i] : 1);
      const expected = single.reduce((sum, each, i) => sum + weight(i) * each[engine].lossSum, 0);
      expect(relativeError([lossSum], [expected])).toBeLessThan(1e-6);
      const summed = gradients.map((_, at) =>
        single.reduce((sum, each, i) => sum + weight(i) * each[engine].gradients[at], 0),
      );
      expect(relativeError(gradients, summed)).toBeLessThan(2e-6);
      if (heads.length > 1) {
        losses.forEach((loss, head) => {
          expect(relativeError([loss], [sumOf((each) => each.losses[head], engine)])).toBeLessThan(1e-6);
        });
      }
    }
  });
});
