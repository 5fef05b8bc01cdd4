/** `data.source: module`: examples that a module of the user's makes. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeRows } from '../../src/data/row-writer.js';
import { DataError } from '../../src/errors.js';
import { lockstepServed, outcomesOf, startLockstep } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf, writeModule } from '../support/modules.js';
import { partsOf } from '../support/parts.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
const write = (name: string, ...lines: string[]) => writeModule(folder, name, ...lines);
const load = (file: string, more: object = {}) =>
  loadDataset(dataSchema.parse({ source: 'module', file, validation: 0, test: 0, ...more }), 1);

describe('examples come from', () => {
  const item = (i: string) => `{ features: [${i}, 2 * ${i}], target: ${i} / 4 }`;
  const loop = (start: string) => [`${start} {`, `  for (let i = 0; i < options.count; i++) yield ${item('i')};`, '}'];

  it.each([
    ['an array', 'array.mjs', [`export default [0, 1, 2, 3].map((i) => (${item('i')}));`]],
    ['a generator', 'generator.ts', loop('export default function* (options: { count: number })')],
    ['an async generator', 'async.mjs', loop('export default async function* (options)')],
    [
      'a promise of an iterable',
      'promise.mjs',
      ['export default async (options) => new Set([0, 1, 2, 3].map((i) => (', `  ${item('i')}`, ')));'],
    ],
    ['a generator object', 'object.mjs', [...loop('function* make(options)'), 'export default make({ count: 4 });']],
  ])('%s', async (_, name, lines) => {
    const { examples, splits, encoding, description } = await load(write(name, ...lines), { options: { count: 4 } });
    expect(partsOf(examples)).toMatchObject({ count: 4, featureShape: [2], featureScale: 1, targetShape: [1] });
    expect([...partsOf(examples).features]).toEqual([0, 0, 1, 2, 2, 4, 3, 6]);
    expect([...partsOf(examples).targets]).toEqual([0, 0.25, 0.5, 0.75]);
    expect(partsOf(examples).targets).toBeInstanceOf(Float32Array);
    expect(partsOf(examples).features.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(partsOf(examples).weights).toBeUndefined();
    expect(splits.training).toHaveLength(4);
    expect(encoding).toEqual({ input: { kind: 'numbers', scale: 1 } });
    expect(description).toContain(name);
  });
});

describe('examples have', () => {
  it('shapes, as their arrays are nested, and weights', async () => {
    const file = write(
      'nested.mjs',
      'export default [',
      '  { features: [[[1], [2]], [[3], [4]], [[5], [6]]], target: [[1, 2]], weight: 2 },',
      '  { features: [[new Float64Array([7]), [8]], [[9], [10]], [[11], [12]]], target: [new Float32Array([3, 4])] },',
      '];',
    );
    const { examples } = await load(file);
    expect(partsOf(examples).featureShape).toEqual([3, 2, 1]);
    expect([...partsOf(examples).features]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(partsOf(examples).targetShape).toEqual([1, 2]);
    expect([...partsOf(examples).targets]).toEqual([1, 2, 3, 4]);
    expect([...partsOf(examples).weights!]).toEqual([2, 1]);
  });

  it('plain numbers as rows of one, and classes where there are classes', async () => {
    const file = write('plain.mjs', 'export default [3, 4, 5].map((n) => ({ features: n, target: n - 3 }));');
    const numbers = (await load(file)).examples;
    expect(partsOf(numbers)).toMatchObject({ featureShape: [1], targetShape: [1] });
    expect(partsOf(numbers).classes).toBeUndefined();
    const { examples } = await load(file, { classes: 3 });
    expect(partsOf(examples)).toMatchObject({ featureShape: [1], targetShape: [], classes: 3 });
    expect(partsOf(examples).targets).toEqual(Int32Array.of(0, 1, 2));
    const sequences = write(
      'sequences.mjs',
      'export default [[0, 1], [2, 0]].map((target) => ({ features: [1], target }));',
    );
    const { examples: places } = await load(sequences, { classes: 3 });
    expect(partsOf(places).targetShape).toEqual([2]);
    expect([...partsOf(places).targets]).toEqual([0, 1, 2, 0]);
  });

  it('bytes that stay bytes', async () => {
    const file = write(
      'bytes.mjs',
      'const row = new Uint8Array(3);',
      'export default function* () {',
      '  for (let i = 0; i < 3; i++) yield { features: row.fill(100 * i), target: i };',
      '}',
    );
    const { examples, encoding } = await load(file);
    expect(partsOf(examples).features).toBeInstanceOf(Uint8Array);
    expect([...partsOf(examples).features]).toEqual([0, 0, 0, 100, 100, 100, 200, 200, 200]);
    expect(partsOf(examples).featureScale).toBe(1);
    expect(encoding.input).toEqual({ kind: 'numbers', scale: 1 });
  });

  it('a file to go to when they exceed the memory', async () => {
    const rows = 3000;
    const file = write(
      'large.mjs',
      `export default function* () { for (let i = 0; i < ${rows}; i++) yield { features: new Float32Array(1000).fill(i), target: i % 3 }; }`,
    );
    const { examples, description } = await load(file, { classes: 3, memory: '4MB' });
    expect(examples.count).toBe(rows);
    expect(partsOf(examples).file!.first).toBe(Math.floor((4 * 2 ** 20) / 4000));
    expect(description).toContain('read from disk');
    closeRows(partsOf(examples).file!);
  });
});

describe('a run on examples of a module', () => {
  const file = write(
    'rings.ts',
    'type Options = { count: number };',
    'export default async function* ({ count }: Options): AsyncGenerator<{ features: number[]; target: number }> {',
    '  for (let i = 0; i < count; i++) {',
    '    const angle = i * 2.4;',
    '    const target = i % 2;',
    '    const radius = 0.4 + 0.6 * target;',
    '    yield { features: [radius * Math.cos(angle), radius * Math.sin(angle)], target };',
    '  }',
    '}',
  );
  const config = writeConfig(folder, 'rings', {
    data: { source: 'module', file, options: { count: 400 }, classes: 2, validation: 0.1, test: 0.2, stratify: true },
    model: { layers: [{ dense: { units: 16, activation: 'relu' } }, { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    optimizer: { adam: { learningRate: 0.05 } },
    training: { epochs: 10, batchSize: 32, shards: 2 },
  });

  it('learns, and gives the same bits on one thread and two', async () => {
    const [one, two] = [await trained(config, [], folder, 1), await trained(config, [], folder, 2)];
    expect(resultOf(two)).toEqual(resultOf(one));
    expect(one.end.test!.accuracy).toBeGreaterThan(0.95);
  });

  it('gives the same bits when the features are on disk', async () => {
    const memory = await trained(
      config,
      ['data.options.count=200000', 'training.epochs=1', 'training.batchSize=20000'],
      folder,
    );
    const overrides = ['data.options.count=200000', 'training.epochs=1', 'training.batchSize=20000', 'data.memory=1MB'];
    const disk = await trained(config, overrides, folder);
    expect(disk.start.data).toContain('read from disk');
    expect(memory.start.data).not.toContain('read from disk');
    expect(resultOf(disk)).toEqual(resultOf(memory));
  });
});

describe('is refused:', () => {
  let files = 0;
  const message = async (text: string, more: object = {}) => {
    const file = write(`wrong${files++}.mjs`, text);
    const { error, message } = await refusalOf(load(file, more));
    expect(error).toBeInstanceOf(DataError);
    return message.replace(folder, '');
  };
  const list = (...examples: string[]) => `export default [${examples.join(', ')}];`;
  const good = '{ features: [1, 2], target: 0 }';

  it.each([
    ['what is no example', list(good, '3'), 'example 1 is 3, not { features, target }'],
    ['an example without a target', list(good, '{ features: [1] }'), 'example 1 is an object of class Object, not'],
    [
      'features of another length',
      list(good, good, '{ features: [1], target: 0 }'),
      'example 2 has features of shape [1], example 0 of [2]',
    ],
    [
      'a target of another shape',
      list(good, '{ features: [1, 2], target: [0] }'),
      'example 1 has a target of shape [1], example 0 of []',
    ],
    [
      'features that are not finite',
      list(good, '{ features: [1, NaN], target: 0 }'),
      'example 1 has features with NaN at place 1',
    ],
    [
      'features beyond 32 bits',
      list('{ features: [1e39], target: 0 }'),
      'example 0 has features with 1e+39 at place 0',
    ],
    [
      'targets that are not finite',
      list('{ features: 1, target: -Infinity }'),
      'example 0 has a target with -Infinity at place 0',
    ],
    ['text', list("{ features: ['a'], target: 0 }"), 'example 0 has features with "a"'],
    [
      'arrays of different lengths',
      list('{ features: [[1], [2, 3]], target: 0 }'),
      'example 0 has features with arrays of different lengths',
    ],
    ['no features', list('{ features: [], target: 0 }'), 'example 0 has features with no numbers'],
    [
      'bytes among numbers',
      list(good, '{ features: new Uint8Array(2), target: 0 }'),
      'example 1 has features in bytes, unlike example 0',
    ],
    ['a weight below 0', list('{ features: 1, target: 0, weight: -1 }'), 'example 0 has the weight -1'],
    ['no examples', 'export default [];', 'makes no examples'],
    ['what is not iterable', 'export default () => 3;', 'its default export returned number, not an iterable'],
    ['nothing', 'export const data = [];', 'has no default export'],
  ])('%s', async (_, text, says) => {
    expect(await message(text)).toContain(says);
  });

  it('classes out of range, or only one', async () => {
    const targets = (values: string) => `export default [${values}].map((target) => ({ features: [1], target }));`;
    expect(await message(targets('0, 1, 3'), { classes: 3 })).toMatch(
      /example 2 has the target 3, not a class of data\.classes 3: use integers from 0 to 2/,
    );
    expect(await message(targets('0, 0.5'), { classes: 3 })).toMatch(/example 1 has the target 0\.5, not a class/);
    expect(await message(targets('1, 1, 1'), { classes: 3 })).toMatch(/every target is class 1/);
  });

  it('a module that throws half-way, with the place, and closes the file of rows', async () => {
    const open = () => readdirSync('/dev/fd').length;
    const before = open();
    const file = write(
      'half.mjs',
      'export default function* () {',
      '  for (let i = 0; i < 2000; i++) yield { features: new Float32Array(1000), target: i };',
      "  throw new Error('the disk is on fire');",
      '}',
    );
    const { error, message } = await refusalOf(load(file, { memory: '1MB' }));
    expect(error).toBeInstanceOf(DataError);
    expect(message).toMatch(/the disk is on fire \(.*half\.mjs:3:\d+\)/);
    expect(open()).toBe(before);
  });

  it('by lockstep train, with exit code 2 and no stack', async () => {
    const file = write(
      'cli.ts',
      'export default function* () {',
      '  yield { features: [1, 2], target: 0 };',
      '  yield { features: [1], target: 0 };',
      '}',
    );
    const config = writeConfig(folder, 'cli', {
      data: { source: 'module', file },
      model: { layers: [{ dense: { units: 1 } }] },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 'all' },
    });
    const { code, stdout, stderr } = await lockstepServed(
      ['train', config, '--json', '--out', join(folder, 'none')],
      folder,
    );
    expect([code, stderr]).toEqual([2, '']);
    expect(outcomesOf(stdout)[0]).toMatchObject({ event: 'error', code: 'LOCKSTEP_DATA' });
    expect(stdout).toContain('example 1 has features of shape [1], example 0 of [2]');
    expect(stdout).not.toMatch(/\\n\s+at /);
    expect(readdirSync(folder)).not.toContain('none');
  });
});

describe('a module that does not come to an end', () => {
  const start = (file: string) => {
    const config = writeConfig(folder, `endless-${file.length}`, {
      data: { source: 'module', file, memory: '1MB' },
      model: { layers: [{ dense: { units: 1 } }] },
      loss: 'meanSquaredError',
      optimizer: { sgd: { learningRate: 0.1 } },
      training: { epochs: 1, batchSize: 8 },
    });
    return startLockstep(['train', config, '--threads', '1', '--out', join(folder, 'endless')], folder);
  };

  it('is ended by Ctrl-C, at once, for there is nothing to save yet', async () => {
    const file = write(
      'forever.mjs',
      'export default function* () {',
      "  console.log('started');",
      '  for (let i = 0; ; i++) yield { features: [i % 7], target: i % 5 };',
      '}',
    );
    const { process, finished, says } = start(file);
    await says('started');
    process.kill('SIGINT');
    const { code, signal, stdout } = await finished;
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGINT' });
    expect(stdout).toContain('stopped before the first step');
  });

  it('is told from one that is done when it awaits what never comes', async () => {
    const file = write(
      'stuck.mjs',
      'export default async function* () {',
      '  yield { features: [1], target: 0 };',
      '  await new Promise(() => {});',
      '}',
    );
    const { code, stdout, stderr } = await start(file).finished;
    expect(`${stdout}${stderr}`).toContain('stuck.mjs: awaits a promise that nothing can settle');
    expect(code).toBe(2);
    expect(readdirSync(folder)).not.toContain('endless');
  });

  it('does not end the process when a promise is rejected before its turn', async () => {
    const file = write(
      'rejected.mjs',
      'export default () => [',
      '  new Promise((resolve) => setTimeout(resolve, 20, { features: [1], target: 0 })),',
      "  Promise.reject(new Error('the second one')),",
      '];',
    );
    const { code, stdout, stderr } = await start(file).finished;
    expect(`${stdout}${stderr}`).toContain('rejected.mjs: the second one');
    expect(`${stdout}${stderr}`).not.toContain('    at ');
    expect(code).toBe(2);
  });
});
