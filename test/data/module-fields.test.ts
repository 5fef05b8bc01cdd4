/** `data.source: module` with fields by name: several inputs and targets, categories, weights by target. */
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { DataError } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { refusalOf, writeModule } from '../support/modules.js';

const folder = temporaryFolder();
let files = 0;
const write = (...lines: string[]) => writeModule(folder, `fields${files++}.mjs`, ...lines);
const load = (file: string, more: object = {}) =>
  loadDataset(dataSchema.parse({ source: 'module', file, validation: 0, test: 0, ...more }), 1);
const list = (...examples: string[]) => write(`export default [${examples.join(', ')}];`);

const rated = (user: number, rating: number, liked: number, more = '') =>
  `{ inputs: { user: ${user}, picture: new Uint8Array([${user}, 2]) }, targets: { rating: ${rating}, liked: ${liked} }${more} }`;

describe('fields by name', () => {
  it('are columns of their types, inputs first, with classes, categories and weights where they are said', async () => {
    const file = list(rated(0, 2.5, 1, ', weights: { liked: 2 }'), rated(2, 4, 0), rated(1, 1, 1));
    const { examples, encoding } = await load(file, { classes: { liked: 2 }, categories: { user: 3 } });
    expect(examples.count).toBe(3);
    expect(examples.columns.map(({ values, ...field }) => ({ ...field, values: [...values] }))).toEqual([
      { name: 'user', role: 'input', type: 'int32', shape: [1], categories: 3, values: [0, 2, 1] },
      { name: 'picture', role: 'input', type: 'uint8', shape: [2], values: [0, 2, 2, 2, 1, 2] },
      { name: 'rating', role: 'target', type: 'float32', shape: [1], values: [2.5, 4, 1] },
      { name: 'liked', role: 'target', type: 'int32', shape: [], categories: 2, values: [1, 0, 1] },
      { name: 'liked_weight', role: 'weight', type: 'float32', shape: [], of: 'liked', values: [2, 1, 1] },
    ]);
    expect(encoding).toEqual({
      input: { kind: 'fields', fields: { user: { scale: 1, categories: 3 }, picture: { scale: 1 } } },
      named: { rating: {}, liked: { classes: ['0', '1'] } },
    });
  });

  it('share the memory that there is, and go to files beyond it', async () => {
    const rows = 3000;
    const file = write(
      'export default function* () {',
      `  for (let i = 0; i < ${rows}; i++)`,
      '    yield { inputs: { a: new Float32Array(900).fill(i), b: new Float32Array(100).fill(-i) }, target: i };',
      '}',
    );
    const { examples } = await load(file, { memory: '4MB' });
    const [a, b] = examples.columns;
    const held = a.file!.first * 3600 + b.file!.first * 400;
    expect(held).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(held).toBeGreaterThan(3 * 2 ** 20);
    expect(a.values[900]).toBe(1);
    expect(b.values[100]).toBe(-1);
    closeExamples(examples);
  });

  it('are standardized where they are numbers', async () => {
    const file = list(rated(0, 1, 1), rated(1, 3, 0));
    const { examples, encoding } = await load(file, { classes: { liked: 2 }, standardizeTargets: true });
    expect([...examples.columns[2].values]).toEqual([-1, 1]);
    expect([...examples.columns[3].values]).toEqual([1, 0]);
    expect(encoding.named).toEqual({
      rating: { targetScaling: { mean: [2], deviation: [1] } },
      liked: { classes: ['0', '1'] },
    });
  });
});

describe('is refused by name, with a remedy:', () => {
  const good = '{ inputs: { a: 1, b: 2 }, targets: { y: 0 } }';
  it.each([
    [
      'an input that is missing',
      [good, '{ inputs: { a: 1 }, targets: { y: 0 } }'],
      {},
      'example 1 has no input b',
      'same inputs',
    ],
    ['one too many', [good, '{ inputs: { a: 1, b: 2, c: 3 }, targets: { y: 0 } }'], {}, 'the input c', 'same inputs'],
    ['a target that is missing', [good, '{ inputs: { a: 1, b: 2 }, targets: {} }'], {}, 'no target y', 'same targets'],
    [
      'another shape',
      [good, '{ inputs: { a: [1], b: 2 }, targets: { y: 0 } }'],
      {},
      'input a of shape [1]',
      'one shape',
    ],
    ['what is no name', ['{ inputs: { "a-b": 1 }, target: 0 }'], {}, '"a-b"', 'letters'],
    ['a name of fields without names', ['{ inputs: { targets: 1 }, target: 0 }'], {}, '"targets"', 'other names'],
    ['a name used twice', ['{ inputs: { a: 1 }, targets: { a: 0 } }'], {}, 'two fields a', 'of its own'],
    [
      'features beside inputs',
      ['{ features: 1, inputs: { a: 1 }, target: 0 }'],
      {},
      'both features and inputs',
      'or features',
    ],
    [
      'a target beside targets',
      ['{ features: 1, target: 1, targets: { a: 1 } }'],
      {},
      'both target and targets',
      'or target',
    ],
    ['inputs that are a list', ['{ inputs: [1], target: 0 }'], {}, 'inputs that are an array', 'inputs: { NAME'],
    [
      'weights of no target',
      ['{ inputs: { a: 1 }, targets: { yes: 0 }, weights: { yess: 1 } }'],
      {},
      'yess',
      'did you mean yes?',
    ],
    [
      'later weights of no target',
      [good, '{ inputs: { a: 1, b: 1 }, targets: { y: 0 }, weights: { q: 1 } }'],
      {},
      'weights for q',
      'name them as targets are',
    ],
    ['classes of no target', [good], { classes: { z: 2 } }, 'data.classes.z', 'y'],
    [
      'classes of one of several',
      ['{ features: 1, targets: { y: 0, z: 1 } }'],
      { classes: 2 },
      'data.classes: 2',
      'data.classes: { y: 2 }',
    ],
    ['categories of no input', [good], { categories: { genre: 2 } }, 'data.categories.genre', 'a, b'],
    ['a category beyond', [good], { categories: { b: 2 } }, 'input b with 2', '0 to 1'],
    [
      'a category that is no whole number',
      ['{ features: 0.5, target: 0 }'],
      { categories: 2 },
      'features with 0.5',
      '0 to 1',
    ],
    [
      'a class beyond',
      [good, good.replace('y: 0', 'y: 2')],
      { classes: { y: 2 } },
      'target y with 2, not a class of data.classes.y 2',
      '0 to 1',
    ],
    ['one class', [good, good], { classes: { y: 2 } }, 'every target y is class 0', 'leave data.classes.y out'],
    [
      'a weight beside weights',
      [good.replace('targets', 'weight: 2, targets'), good.replace('targets', 'weights: { y: 2 }, targets')],
      {},
      'weights by target',
      'every one a weight',
    ],
    [
      'a name too long for its weights',
      [`{ features: 1, targets: { ${'y'.repeat(45)}: 1 }, weights: { ${'y'.repeat(45)}: 2 } }`],
      {},
      'longer than 48',
      'shorter',
    ],
    [
      'places for several',
      ['{ features: 1, targets: { y: [0], z: [1] }, weight: [1] }'],
      {},
      'several targets',
      'weights: { TARGET',
    ],
  ] as [string, string[], object, string, string][])('%s', async (_, examples, more, problem, remedy) => {
    const { error } = await refusalOf(load(list(...examples), more));
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).problem).toContain(problem);
    expect((error as DataError).remedy).toContain(remedy);
  });
});
