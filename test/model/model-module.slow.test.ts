/** `model.module`: models that a function of the user's builds, and what is said when it does not. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resume } from '../../coordinator/local/train.js';
import type { LayerConfig } from '../../src/config/model.js';
import { createStepModel, initialParameters, type StepSpec } from '../../src/engine/step.js';
import { ModelError } from '../../src/errors.js';
import { tensorOf } from '../../src/model/slab.js';
import { lockstepServed, outcomesOf } from '../support/cli.js';
import { type Case, createEngines, type EngineWithSlabs, fill, relativeError, specOf } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf, writeModule } from '../support/modules.js';
import { configFile } from '../support/package.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
const write = (name: string, ...lines: string[]) => writeModule(folder, name, ...lines);

const typescript = write(
  'model.ts',
  "import type * as tfjs from '@tensorflow/tfjs-core';",
  "import { width } from './sizes.ts';",
  'interface Given { inputShape: number[]; classes?: number; options: { rate: number } }',
  'export default async function build(tf: any, { inputShape, classes, options }: Given) {',
  '  class Scale extends tf.layers.Layer {',
  "    static className = 'Scale';",
  '    factor: { read(): tfjs.Tensor };',
  "    build(shape: number[]) { this.factor = this.addWeight('factor', [shape.at(-1)], 'float32', tf.initializers.randomNormal({})); this.built = true; }",
  '    call(x: tfjs.Tensor | tfjs.Tensor[]) { return tf.mul([x].flat()[0], this.factor.read()); }',
  '    getConfig() { return super.getConfig(); }',
  '  }',
  '  tf.serialization.registerClass(Scale);',
  '  const input = tf.input({ shape: inputShape });',
  '  const flat = tf.layers.flatten().apply(input);',
  "  const hidden = tf.layers.dense({ units: width, activation: 'relu', kernelRegularizer: 'l1l2', activityRegularizer: tf.regularizers.l2({ l2: 0.01 }) }).apply(flat);",
  '  const noisy = tf.layers.dropout({ rate: options.rate }).apply(hidden);',
  "  const scaled = new Scale({ name: 'scale' }).apply(noisy);",
  "  return tf.model({ inputs: input, outputs: tf.layers.dense({ units: classes, name: 'scores' }).apply(scaled) });",
  '}',
);
write('sizes.ts', 'export const width: number = 6;');

const digits = {
  data: { source: 'digits', examples: 120, validation: 0.1, test: 0.1 },
  model: { module: typescript, options: { rate: 0.3 } },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  training: { epochs: 1, batchSize: 32, shards: 4 },
};
const module = (name: string) =>
  write(
    name,
    'export default (tf, { inputShape, classes }) => tf.sequential({ layers: [',
    "  tf.layers.flatten({ inputShape }), tf.layers.dense({ units: 5, name: 'first' }), tf.layers.dense({ units: classes }),",
    '] });',
    'export const doubt = (tf, targets, outputs) => tf.sub(1, tf.max(tf.softmax(outputs), -1));',
  );
const classes: Case = { layers: [], input: [4, 2], classes: 3, loss: 'sparseCategoricalCrossentropy' };
const withModule = (module: string, options?: Record<string, unknown>): Case => ({
  ...classes,
  spec: { model: { module, options } },
});

describe('a model that a module builds', () => {
  it('has seeded weights: those of its own layers too', async () => {
    const spec = specOf(withModule(typescript, { rate: 0.5 }));
    const step = await createStepModel(spec);
    const parameters = initialParameters(step);
    expect(initialParameters(await createStepModel(spec))).toEqual(parameters);
    const other = initialParameters(await createStepModel({ ...spec, seed: 8 }));
    const drawn = step.layout.tensors.filter(({ name }) => !name.endsWith('bias'));
    expect(drawn.map(({ shape }) => shape)).toEqual([[8, 6], [6], [6, 3]]);
    for (const tensor of drawn) {
      expect(new Set(tensorOf(parameters, tensor)).size).toBe(tensor.size);
      expect(tensorOf(parameters, tensor)).not.toEqual(tensorOf(other, tensor));
    }
  });

  it('has the same names whatever the process has built before', async () => {
    const namesOf = async (spec: StepSpec) => (await createStepModel(spec)).layout.tensors.map(({ name }) => name);
    const spec = specOf(withModule(typescript, { rate: 0.5 }));
    const names = await namesOf(spec);
    expect(names.filter((name) => name.endsWith('kernel'))).toEqual(['dense_Dense1/kernel', 'scores/kernel']);
    expect(await namesOf(spec)).toEqual(names);
    const layers: LayerConfig[] = [
      { bidirectional: { layer: { lstm: { units: 2 } }, mergeMode: 'concat' } },
      { dense: { units: 3 } },
    ];
    const inner = await namesOf(specOf({ ...classes, layers }));
    expect(inner[0]).toBe('bidirectional_1/forward_lstm_LSTM1/kernel');
    expect(await namesOf(specOf({ ...classes, layers }))).toEqual(inner);
  });

  it('computes the same in both engines', async () => {
    const example = withModule(typescript, { rate: 0.5 });
    const { parameters, onnx, tfjs } = await createEngines(example, [5]);
    for (const engine of [onnx, tfjs]) fill(engine, example, parameters, 5);
    const key = { seed: 1, step: 0, shard: 0 };
    const [a, b] = [await onnx.computeGradients(5, key), await tfjs.computeGradients(5, key)];
    expect(relativeError([a], [b])).toBeLessThan(1e-4);
    expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
    expect(relativeError((await onnx.evaluate(5)).losses, (await tfjs.evaluate(5)).losses)).toBeLessThan(1e-4);
  });

  it('is trained with the same bits on one thread and two, in both engines', async () => {
    const config = writeConfig(folder, 'module', digits);
    for (const overrides of [[], ['engine=tfjs', 'backend=cpu', 'data.examples=60']]) {
      const runs = [await trained(config, overrides, folder, 1), await trained(config, overrides, folder, 2)];
      expect(resultOf(runs[1])).toEqual(resultOf(runs[0]));
    }
  });

  it('draws the noise of the step, the same in both engines and whenever the step is repeated', async () => {
    const file = write(
      'noise.mjs',
      'export default (tf, { inputShape, classes }) => {',
      '  class Sample extends tf.layers.Layer {',
      '    call(x, { training }) {',
      '      const [input] = [x].flat();',
      '      if (!training) return input;',
      '      const noise = tf.add(tf.randomNormal(input.shape, 0, 0.1), tf.randomUniform(input.shape, -1, 1));',
      '      return tf.dropout(tf.add(input, noise), 0.3);',
      '    }',
      "    static get className() { return 'Sample'; }",
      '  }',
      '  const dense = tf.layers.dense({ units: classes, weights: [tf.randomNormal([8, classes]), tf.zeros([classes])] });',
      '  return tf.sequential({ layers: [tf.layers.flatten({ inputShape }), new Sample({}), dense] });',
      '};',
      'export const noisy = (tf, targets, outputs) => tf.mean(tf.mul(outputs, tf.randomNormal(outputs.shape)), -1);',
      'export const gamma = (tf, targets, outputs) => tf.mean(tf.randomGamma(outputs.shape, 1), -1);',
    );
    const example = withModule(file);
    const { parameters, onnx, tfjs } = await createEngines(example, [5]);
    const again = await createEngines(example, []);
    expect(again.parameters).toEqual(parameters);
    const lossAt = async (engine: EngineWithSlabs, step: number) => {
      fill(engine, example, parameters, 5);
      return engine.computeGradients(5, { seed: 1, step, shard: 0 });
    };
    const [first, eager] = [await lossAt(onnx, 0), await lossAt(tfjs, 0)];
    expect(relativeError([first], [eager])).toBeLessThan(1e-4);
    expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
    expect(await lossAt(onnx, 0)).toBe(first);
    expect(Math.abs((await lossAt(onnx, 1)) - first)).toBeGreaterThan(0.01);
    const refused = (name: string) => refusalOf(createEngines({ ...example, loss: { custom: { name } } }, [5]));
    expect((await refused('noisy')).message).toMatch(/tf\.randomNormal draws numbers while the model predicts/);
    expect((await refused('gamma')).message).toMatch(
      /tf\.randomGamma has no numbers that another run would draw again/,
    );
  });

  it('learns digits: the one of configs/own-model.yaml, with its loss and metric', async () => {
    const overrides = [`model.module=${configFile('own-model.ts')}`, 'training.epochs=2'];
    const { end } = await trained(configFile('own-model.yaml'), overrides, folder);
    expect(end.test!.accuracy).toBeGreaterThan(0.8);
    expect(end.test!.confidence).toBeGreaterThan(0.3);
    expect(end.test!.confidence).toBeLessThan(1);
  });

  it('goes on from a checkpoint, its metrics too, as if it had not stopped', async () => {
    const focus = { custom: { name: 'doubt' } };
    const model = { module: module('resumed.mjs'), freeze: ['first'] };
    const settings = { ...digits, model, metrics: ['accuracy', focus], checkpoint: { everyEpochs: 1 } };
    const config = writeConfig(folder, 'resumed', settings);
    const whole = await trained(config, ['training.epochs=2'], join(folder, 'whole'));
    const half = await trained(config, [], join(folder, 'half'));
    const end = await resume(half.start.folder, { set: ['training.epochs=2'], threads: 1 });
    expect([end.sha256, end.test]).toEqual([whole.end.sha256, whole.end.test]);
    expect(end.test!.doubt).toBeGreaterThan(0);
    expect(end.sha256).not.toBe(half.end.sha256);
  });

  it.each([
    ['plain.mjs', 'export default (tf, { inputShape, classes }) =>'],
    ['common.cjs', 'module.exports = (tf, { inputShape, classes }) =>'],
    ['compiled.cjs', 'exports.__esModule = true; exports.default = (tf, { inputShape, classes }) =>'],
  ])('is built by %s', async (name, start) => {
    const layers = "[tf.layers.flatten({ inputShape }), tf.layers.dense({ units: classes, activation: 'softmax' })]";
    const file = write(name, start, `  tf.sequential({ layers: ${layers} });`);
    const step = await createStepModel(specOf(withModule(file)));
    expect(step.heads[0].spec).toMatchObject({ shape: [3], outputs: { kind: 'softmax' } });
  });
});

describe('is refused:', () => {
  const message = async (file: string, options?: Record<string, unknown>) => {
    const { error, message } = await refusalOf(createStepModel(specOf(withModule(file, options))));
    expect(error).toBeInstanceOf(ModelError);
    return message;
  };
  const throwing = ['export default () => {', '  const layers = undefined;', '  return layers.length;', '};'];

  it.each(['ts', 'mjs'])('a function that throws, with the place (%s)', async (ending) => {
    const text = await message(write(`throws.${ending}`, ...throwing));
    expect(text).toContain("Cannot read properties of undefined (reading 'length')");
    expect(text).toContain(`throws.${ending}:3:17)`);
    expect(text).not.toContain('\n');
  });

  it('what tfjs refuses, with the place in the module', async () => {
    const file = write('units.mjs', 'export default (tf) => {', '  return tf.layers.dense({ units: -1 });', '};');
    expect(await message(file)).toMatch(/units.*\(.*units\.mjs:2:\d+\)/);
  });

  it.each(['ts', 'mjs'])('a module that does not parse (%s)', async (ending) => {
    const text = await message(write(`syntax.${ending}`, 'export default () => {', '  const x = ;', '};'));
    expect(text).toMatch(new RegExp(`Unexpected token.*syntax\\.${ending}:2:\\d+`));
  });

  it('a module that throws while it is loaded, or imports one that is not there', async () => {
    expect(await message(write('load.ts', '', "throw new Error('no luck');"))).toMatch(/no luck \(.*load\.ts:2:7\)/);
    for (const ending of ['ts', 'mjs']) {
      const file = write(`imports.${ending}`, "import x from './nowhere.js';", 'export default x;');
      expect(await message(file)).toMatch(/Cannot find module '.*nowhere\.js'/);
    }
  });

  it('no file, a folder, another kind of file', async () => {
    expect(await message(join(write('file.mjs', ''), 'below.ts'))).toMatch(/^model\.module: .*below\.ts: no such file/);
    expect(await message(join(folder, 'nowhere.ts'))).toMatch(/^model\.module: .*nowhere\.ts: no such file/);
    expect(await message(folder)).toMatch(/is no module/);
    expect(await message(write('model.py', 'pass'))).toMatch(/is no module: name a file that ends in \.js, .*\.ts/);
  });

  it('no default export, or one that is no function', async () => {
    expect(await message(write('named.mjs', 'export const build = () => 1;'))).toMatch(/has no default export/);
    expect(await message(write('value.mjs', 'export default { a: 1 };'))).toMatch(/export default is no function/);
  });

  it('a result that is no model, or a model of another tfjs', async () => {
    expect(await message(write('nothing.mjs', 'export default () => {};'))).toMatch(
      /returned undefined, not a tf\.LayersModel/,
    );
    expect(await message(write('layer.mjs', 'export default (tf) => tf.layers.dense({ units: 1 });'))).toMatch(
      /returned an object of class Dense/,
    );
    const foreign = write('foreign.mjs', 'export default () => ({ layers: [], predict() {} });');
    expect(await message(foreign)).toMatch(/a model of another copy of tfjs.*the tf that the function is given/);
  });

  it('the same model a second time', async () => {
    const file = write(
      'singleton.mjs',
      'let model;',
      'export default (tf, { inputShape, classes }) =>',
      '  (model ??= tf.sequential({ layers: [tf.layers.flatten({ inputShape }), tf.layers.dense({ units: classes })] }));',
    );
    await createStepModel(specOf(withModule(file)));
    expect(await message(file)).toMatch(/the same model twice/);
  });

  it('a layer of the module that fails when it runs, with its place', async () => {
    const file = write(
      'late.mjs',
      'export default (tf, { inputShape, classes }) => {',
      '  class Late extends tf.layers.Layer {',
      '    call(x, { training }) {',
      '      if (training) return this.missing.thing;',
      '      return [x].flat()[0];',
      '    }',
      "    static get className() { return 'Late'; }",
      '  }',
      '  return tf.sequential({ layers: [tf.layers.flatten({ inputShape }), new Late({}), tf.layers.dense({ units: classes })] });',
      '};',
    );
    const { error, message } = await refusalOf(createEngines(withModule(file), [4]));
    expect(error).toBeInstanceOf(ModelError);
    expect(message).toMatch(/reading 'thing'\) \(.*late\.mjs:4:\d+\)/);
  });
});

describe('lockstep train', () => {
  it.concurrent.each([
    [
      'a module that throws',
      'cli-throws.ts',
      "throw new Error('too few units');",
      /too few units \(cli-throws\.ts:1:\d+\)/,
    ],
    ['a module without a model', 'cli-none.mjs', 'export default () => 3;', /returned 3, not a tf\.LayersModel/],
  ])('refuses %s with exit code 2, without a stack, and writes nothing', async (_, name, text, says) => {
    const current = join(folder, name.replace('.', '-'));
    const config = writeConfig(folder, name, { ...digits, model: { module: name } });
    mkdirSync(current);
    writeModule(current, name, text);
    const { code, stdout, stderr } = await lockstepServed(['train', config, '--json'], current);
    expect(code).toBe(2);
    expect(stderr).toBe('');
    const [event] = outcomesOf(stdout);
    expect(event).toMatchObject({ event: 'error', code: 'LOCKSTEP_MODEL' });
    expect((event as { message: string }).message).toMatch(says);
    expect(stdout).not.toMatch(/\\n\s+at /);
    expect(readdirSync(current)).toEqual([name]);
  });
});
