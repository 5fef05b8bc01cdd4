/** Ids that an embedding has no row for: too high, negative or no whole number, from every source and on every way into a model. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { predict } from '../../coordinator/inference/predict.js';
import { LockstepError } from '../../src/errors.js';
import { lockstepServed } from '../support/cli.js';
import { urlOf, withCluster } from '../support/cluster.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { type Trained, trained } from '../support/runs.js';
import { npyFile } from '../support/tables.js';

const folder = temporaryFolder();
const inputDim = 5;
const fine = [0, 1, 2, 3, 4, 4, 3, 2];
/** A wrong id in the place of the sixth example's second number. */
const odd = { 'too high': 7, negative: -1, 'no whole number': 1.5 };
type Ids = readonly (readonly number[])[];
const idsWith = (value: number): Ids => fine.map((id, i) => [id, i === 5 ? value : (id * 2) % 5]);
const good = idsWith(4);
const path = (name: string) => join(folder, name);
const floats = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);

/** How each source has ids and targets, and what it calls the sixth example. */
const sources: Record<string, { data(ids: Ids, name: string): object; place: string }> = {
  csv: {
    place: 'line 7: column b',
    data(ids, name) {
      const file = path(`${name}.csv`);
      writeFileSync(file, `a,b,y\n${ids.map((row, i) => `${row.join()},${i % 2}`).join('\n')}\n`);
      return { source: 'csv', file, target: 'y', standardize: false };
    },
  },
  'csv beyond the memory': {
    place: 'line 7: column b',
    data: (ids, name) => ({ ...sources.csv.data(ids, name), memory: '0.02KB' }),
  },
  npy: {
    place: 'row 5',
    data(ids, name) {
      const [features, targets] = [path(`${name}.npy`), path(`${name}-y.npy`)];
      writeFileSync(features, npyFile('<f4', [ids.length, 2], floats(ids.flat())));
      writeFileSync(targets, npyFile('<f4', [ids.length], floats(ids.map((_, i) => i % 2))));
      return { source: 'npy', features, targets };
    },
  },
  module: {
    place: 'example 5',
    data(ids, name) {
      const file = path(`${name}.mjs`);
      const examples = ids.map((features, i) => ({ features, target: i % 2 }));
      writeFileSync(file, `export default ${JSON.stringify(examples)};\n`);
      return { source: 'module', file };
    },
  },
  values: {
    place: 'data.features.5',
    data: (ids) => ({ source: 'values', features: ids, targets: ids.map((_, i) => i % 2) }),
  },
};

const embedding = { embedding: { inputDim, outputDim: 2, name: 'ids' } };
const configOf = (data: object, layers: unknown[] = [embedding, 'flatten', { dense: { units: 1 } }]) => ({
  data: { ...data, validation: 0.25, test: 0 },
  model: { layers },
  loss: 'meanSquaredError',
  training: { epochs: 1, batchSize: 'all' },
});
async function refusal(config: object, name: string): Promise<LockstepError> {
  const file = writeConfig(folder, name, config);
  const before = snapshot(folder);
  const error = await trained(file, [], path('none')).catch((reason) => reason);
  expect(error).toBeInstanceOf(LockstepError);
  expect(error.exitCode).toBe(2);
  expect(snapshot(folder)).toEqual(before);
  return error;
}

describe.each(Object.keys(sources))('source %s', (source) => {
  const name = source.replaceAll(' ', '-');
  it.each(Object.entries(odd))('with an id that is %s is refused', async (what, value) => {
    const { data, place } = sources[source];
    const { problem, remedy } = await refusal(configOf(data(idsWith(value), `${name}-${value}`)), `${name}-${value}`);
    expect(problem).toMatch(
      new RegExp(`${place.replaceAll('.', '\\.')} holds ${value}, and ids takes whole numbers from 0 to 4`),
    );
    if (what !== 'too high') return;
    expect(remedy).toMatch(/^set inputDim: 8 \(vocabulary: 8 of tokenAndPositionEmbedding\), or/);
    const larger = { embedding: { ...embedding.embedding, inputDim: 8 } };
    const config = configOf(data(idsWith(value), `${name}-8`), [larger, 'flatten', { dense: { units: 1 } }]);
    await trained(writeConfig(folder, `${name}-8`, config), [], path('runs'));
  });
  it('with ids that all have a row is trained on', async () => {
    const config = configOf(sources[source].data(good, `${name}-good`));
    await trained(writeConfig(folder, `${name}-good`, config), [], path('runs'));
  });
});

it('columns that are standardized are said to be so, with the remedy', async () => {
  const config = configOf({ ...sources.csv.data(good, 'standard'), standardize: true });
  const { problem, remedy } = await refusal(config, 'standard');
  expect(problem).toContain('column a is standardized');
  expect(remedy).toBe('set data.standardize: false');
});

it('columns of text are no ids', async () => {
  const file = path('text.csv');
  writeFileSync(file, `a,b,y\n${fine.map((id, i) => `${id},${'uv'[i % 2]},${i % 2}`).join('\n')}\n`);
  const { problem, remedy } = await refusal(
    configOf({ source: 'csv', file, target: 'y', standardize: false, targetType: 'number' }),
    'text',
  );
  expect(problem).toBe('ids looks up its features as ids, and column b becomes features of 0 and 1');
  expect(remedy).toMatch(/^write its categories as whole numbers from 0/);
});

describe('ids reach an embedding', () => {
  const nested = `const inner = tf.sequential({ layers: [
    tf.layers.embedding({ inputDim: 5, outputDim: 2, inputLength: 2, name: 'ids' }), tf.layers.flatten()] });`;
  const models: Record<string, unknown[] | string> = {
    'behind reshape, permute and flatten': [
      { reshape: { targetShape: [2, 1] } },
      { permute: { dims: [2, 1] } },
      'flatten',
      embedding,
      'flatten',
      { dense: { units: 1 } },
    ],
    'behind masking and repeatVector': [
      { repeatVector: { n: 2 } },
      { masking: { maskValue: -9 } },
      'flatten',
      embedding,
      'flatten',
      { dense: { units: 1 } },
    ],
    'in a sequential model': `return tf.sequential({ layers: [
      tf.layers.embedding({ inputDim: 5, outputDim: 2, inputShape: [2], name: 'ids' }), tf.layers.flatten(), tf.layers.dense({ units: 1 })] });`,
    'in a nested model': `${nested} const x = tf.input({ shape: [2] });
      return tf.model({ inputs: x, outputs: tf.layers.dense({ units: 1 }).apply(inner.apply(x)) });`,
    'place by place': `${nested} const x = tf.input({ shape: [2] });
      const y = tf.layers.timeDistributed({ layer: inner }).apply(tf.layers.reshape({ targetShape: [1, 2] }).apply(x));
      return tf.model({ inputs: x, outputs: tf.layers.dense({ units: 1 }).apply(tf.layers.flatten().apply(y)) });`,
    'as one of two columns, by a layer of the user': `class Second extends tf.layers.Layer {
        static className = 'Second';
        computeOutputShape([n]) { return [n, 1]; }
        call(x) { return tf.slice(Array.isArray(x) ? x[0] : x, [0, 1], [-1, 1]); } }
      tf.serialization?.registerClass?.(Second);
      const x = tf.input({ shape: [2] });
      const e = tf.layers.embedding({ inputDim: 5, outputDim: 2, name: 'ids' }).apply(new Second({}).apply(x));
      const all = tf.layers.concatenate().apply([tf.layers.flatten().apply(e), x]);
      return tf.model({ inputs: x, outputs: tf.layers.dense({ units: 1 }).apply(all) });`,
  };
  it.each(Object.entries(models))('%s', async (name, model) => {
    const plain = name.replaceAll(/\W+/g, '-');
    const data = (value: number) => sources.values.data(idsWith(value), '');
    let config = (value: number): object => configOf(data(value), model as unknown[]);
    if (typeof model === 'string') {
      const module = path(`${plain}.mjs`);
      writeFileSync(module, `export default (tf) => { ${model} };\n`);
      config = (value) => ({ ...configOf(data(value)), model: { module } });
    }
    for (const value of [5, -1, 0.5]) {
      const { problem } = await refusal(config(value), plain);
      expect(problem).toBe(`data.features.5 holds ${value}, and ids takes whole numbers from 0 to 4 (inputDim: 5)`);
    }
    await trained(writeConfig(folder, plain, config(4)), [], path('runs'));
  });
});

describe('ids that the model computes and that have no row', () => {
  const configWith = (options: object, more: object = {}) => ({
    ...configOf(sources.values.data(good, ''), [{ rescaling: options }, embedding, 'flatten', { dense: { units: 1 } }]),
    ...more,
  });
  const told = (id: string) =>
    new RegExp(
      `^ids was given the id ${id}, which the model computes, and takes whole numbers from 0 to 4 \\(inputDim 5\\)$`,
    );
  const highest = { options: { scale: 2, offset: 0 }, id: '[68]' };
  const negative = { options: { scale: 1, offset: -3 }, id: '-[123]' };
  const cases = [
    { name: 'too high', engine: 'onnx', ...highest },
    { name: 'negative', engine: 'onnx', ...negative },
    // Which also has one for the example of zeros that backends are tried with.
    { name: 'negative', engine: 'tfjs', ...negative },
  ];

  it.each(cases)('$name, on engine $engine', async ({ name, engine, options, id }) => {
    const file = writeConfig(folder, `computed-${name}`, configWith(options, { engine }));
    const error = await trained(file, [], path('runs')).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'LOCKSTEP_DATA', exitCode: 2, problem: expect.stringMatching(told(id)) });
    expect(error.remedy).toMatch(/^correct the layers before it/);
  });

  it('are met by what the error advises', async () => {
    const file = writeConfig(folder, 'advised', configWith(highest.options));
    await trained(file, ['model.layers.1.embedding.inputDim=9'], path('runs'));
  });

  it('end a run that workers compute, once none is left', async () => {
    await withCluster(async (cluster) => {
      const coordinator = cluster.host(configWith(highest.options), { minWorkers: 1 });
      cluster.guest(await urlOf(coordinator), 'a');
      const { code, problem, remedy } = (await coordinator.failure) as LockstepError;
      expect(code).toBe('LOCKSTEP_DATA');
      expect(problem).toMatch(told('[68]'));
      expect(remedy).toBe(`correct the layers before it, or set an inputDim above ${/[68]/.exec(problem)}`);
      expect(await coordinator.ended).toBe(2);
    });
  });

  it('are told where a trained model predicts', async () => {
    const halves = configWith({ scale: 1, offset: 0 });
    const inner = {
      ...halves,
      model: { layers: [{ rescaling: { scale: 0.5, offset: 0 } }, embedding, 'flatten', { dense: { units: 1 } }] },
    };
    const run = await trained(writeConfig(folder, 'halves', inner), [], path('runs'));
    for (const [value, id] of [
      [12, '6'],
      [-2, '-1'],
    ]) {
      writeFileSync(
        path('far.json'),
        JSON.stringify([
          [1, 1],
          [value, 0],
        ]),
      );
      const rows = async () => {
        for await (const _ of (await predict(run.start.folder, path('far.json'))).rows);
      };
      await expect(rows()).rejects.toMatchObject({
        code: 'LOCKSTEP_DATA',
        problem: expect.stringMatching(told(String(id))),
      });
    }
  });
});

describe('a trained model', () => {
  let run: Trained;
  beforeAll(async () => {
    run = await trained(writeConfig(folder, 'run', configOf(sources.csv.data(good, 'run'))), [], path('runs'));
  });

  it.each(Object.entries(odd))('is not asked about an id that is %s', async (_, value) => {
    const ids = idsWith(value);
    sources.csv.data(ids, 'asked');
    await expect(evaluate(run.start.folder, { data: path('asked.csv') })).rejects.toThrow(
      `asked.csv, line 7: column b holds ${value}, and ids takes whole numbers from 0 to 4`,
    );
    await expect(predict(run.start.folder, path('asked.csv'))).rejects.toThrow(
      `row 6 holds ${value} as its feature 2 (both counted from 1), and ids takes whole numbers from 0 to 4`,
    );
  });

  it('is asked by files of numbers alike', async () => {
    const plain = await trained(
      writeConfig(folder, 'arrays', configOf(sources.npy.data(good, 'arrays'))),
      [],
      path('runs'),
    );
    for (const value of Object.values(odd)) {
      sources.npy.data(idsWith(value), 'array');
      writeFileSync(path('list.json'), JSON.stringify(idsWith(value)));
      for (const file of ['array.npy', 'list.json']) {
        await expect(predict(plain.start.folder, path(file))).rejects.toThrow(`row 6 holds ${value} as its feature 2`);
      }
    }
    writeFileSync(path('list.json'), JSON.stringify(good));
    let count = 0;
    for await (const _ of (await predict(plain.start.folder, path('list.json'))).rows) count++;
    expect(count).toBe(good.length);
  });
});

it('a coordinator refuses them before any worker is sent anything', async () => {
  const file = writeConfig(folder, 'world', configOf(sources.values.data(idsWith(-1), '')));
  const { code, stdout, stderr } = await lockstepServed(['coordinator', file, '--port', '0', '--threads', '1'], folder);
  expect(stdout + stderr).toContain('data.features.5 holds -1, and ids takes whole numbers from 0 to 4');
  expect(stdout + stderr).not.toMatch(/\n\s+at /);
  expect(code).toBe(2);
});
