/** Fine-tuning: weights by name, layers with fresh weights, and layers that stay as they are. */
import '../../src/model/tfjs/core-gaps.js';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tfl from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import type { LayerConfig, ModelConfig } from '../../src/config/model.js';
import { createStepModel, initialParameters, type StepModel } from '../../src/engine/step.js';
import { ModelError } from '../../src/errors.js';
import { readModelFile } from '../../src/model/files/model-file.js';
import { encodeSafetensors } from '../../src/model/files/safetensors.js';
import { tensorOf } from '../../src/model/slab.js';
import { lockstepServed } from '../support/cli.js';
import { type Case, createEngines, fill, relativeError, specOf } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf } from '../support/modules.js';
import { resultOf, trained } from '../support/runs.js';
import { artifactsOf, writeSaved } from '../support/saved.js';

const folder = temporaryFolder();
const head = (units: number | string): LayerConfig => ({ dense: { units, name: 'head' } as Record<string, unknown> });
const body: LayerConfig[] = [
  { conv2d: { filters: 3, kernelSize: 3, strides: 3, name: 'block_conv', useBias: false } },
  { batchNormalization: { name: 'block_norm' } },
  { activation: { activation: 'relu' } },
  { flatten: {} },
  { dense: { units: 8, activation: 'relu', name: 'features' } },
];
const digits = {
  data: { source: 'digits', examples: 240, validation: 0.1, test: 0.1 },
  model: { layers: [...body, head('classes')] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: { learningRate: 0.01 } },
  training: { epochs: 1, batchSize: 32, shards: 4 },
};
const saved = (await trained(writeConfig(folder, 'pretrained', digits), [], folder)).end.model;
const weights = (await readModelFile(saved)).weights!;
const safetensors = join(folder, 'weights.safetensors');
writeFileSync(
  safetensors,
  Buffer.concat(encodeSafetensors([...weights].map(([name, { shape, values }]) => ({ name, shape, values })))),
);

const spec = specOf({ layers: [], input: [28, 28, 1], classes: 10, loss: 'sparseCategoricalCrossentropy' });
const build = (model: ModelConfig) => createStepModel({ ...spec, seed: 31, model });
const valuesOf = (step: StepModel): Map<string, Float32Array> => {
  const slab = initialParameters(step);
  return new Map(step.layout.tensors.map((tensor) => [tensor.name, tensorOf(slab, tensor)]));
};

describe('weights', () => {
  it.each([
    ['a folder', dirname(saved)],
    ['a run, whose best model it is', dirname(dirname(saved))],
    ['a model.json', saved],
    ['a safetensors file', safetensors],
  ])('come from %s, by name', async (_, path) => {
    const values = valuesOf(await build({ layers: [...body, head('classes')], weights: path }));
    expect(values.size).toBe(weights.size);
    for (const [name, value] of values) expect(value).toEqual(weights.get(name)!.values);
  });

  it('are fresh where the config says so, and those of the seed', async () => {
    const layers = [...body, head('classes')];
    const values = valuesOf(await build({ layers, weights: saved, reinitialize: ['head', 'feat*'] }));
    const fresh = valuesOf(await build({ layers }));
    for (const [name, value] of values) {
      const isFresh = /^(head|features)\//.test(name);
      expect(value).toEqual(isFresh ? fresh.get(name) : weights.get(name)!.values);
    }
    expect(values.get('head/kernel')).not.toEqual(weights.get('head/kernel')!.values);
  });

  it('of a model file give way to others, and to fresh ones', async () => {
    const values = valuesOf(await build({ file: saved, reinitialize: ['head'] }));
    expect(values.get('features/kernel')).toEqual(weights.get('features/kernel')!.values);
    expect(values.get('head/kernel')).not.toEqual(weights.get('head/kernel')!.values);
    const other = (await trained(writeConfig(folder, 'other', digits), ['seed=5'], folder)).end.model;
    const swapped = valuesOf(await build({ file: saved, weights: other }));
    const theirs = (await readModelFile(other)).weights!;
    for (const [name, value] of swapped) expect(value).toEqual(theirs.get(name)!.values);
    expect(swapped.get('head/kernel')).not.toEqual(weights.get('head/kernel')!.values);
  });

  it('of a recurrent cell are found under the name that Keras gives them', async () => {
    const model = tfl.sequential({ layers: [tfl.layers.lstm({ units: 3, inputShape: [5, 2], name: 'memory' })] });
    const files = await artifactsOf(model);
    const named = files.specs.map((entry) => ({ ...entry, name: entry.name.replace('memory/', 'memory/lstm_cell/') }));
    const file = writeSaved(join(folder, 'lstm'), { ...files, specs: named });
    const example: Case = { layers: [], input: [5, 2], target: [3], spec: { model: { file } } };
    const step = await createStepModel(specOf(example));
    const own = model.getWeights().map((tensor) => tensor.dataSync());
    expect([...valuesOf(step).values()]).toEqual(own);
  });
});

it('weights of a DepthwiseConv2D are found under the name that Keras 3 gives them', async () => {
  // Keras 3.15: "dw/kernel" of shape [2, 2, 2, 3], "dw/bias" of [6].
  const kernel = { name: 'dw/kernel', shape: [2, 2, 2, 3], values: Float32Array.from({ length: 24 }, (_, i) => i) };
  const bias = { name: 'dw/bias', shape: [6], values: new Float32Array(6).fill(2) };
  const file = join(folder, 'depthwise.safetensors');
  writeFileSync(file, Buffer.concat(encodeSafetensors([kernel, bias])));
  const layers = [{ depthwiseConv2d: { kernelSize: 2, depthMultiplier: 3, name: 'dw' } }];
  const spec = specOf({ layers, input: [4, 4, 2], target: [3, 3, 6] });
  const step = await createStepModel({ ...spec, model: { layers, weights: file } });
  expect(valuesOf(step)).toEqual(
    new Map([
      ['dw/depthwise_kernel', kernel.values],
      ['dw/bias', bias.values],
    ]),
  );
});

describe('weights are refused:', () => {
  const message = async (model: ModelConfig) => {
    const { error, message } = await refusalOf(build(model));
    expect(error).toBeInstanceOf(ModelError);
    return message;
  };

  it('of other shapes and missing ones, with both shapes and the remedy', async () => {
    const layers = [...body, { dense: { units: 6, name: 'extra' } }, { dense: { units: 10, name: 'head' } }];
    const text = await message({ layers, weights: saved });
    expect(text).toContain('head/kernel is [8, 10] there and [6, 10] in the model');
    expect(text).toContain('extra/kernel is missing there and [8, 6] in the model');
    expect(text).toContain('reinitialize: [extra, head]');
    await expect(build({ layers, weights: saved, reinitialize: ['extra', 'head'] })).resolves.toBeDefined();
  });

  it('of another model altogether', async () => {
    const layers: LayerConfig[] = [{ flatten: {} }, { dense: { units: 10, name: 'alone' } }];
    expect(await message({ layers, weights: safetensors })).toMatch(
      /none of its weights has the name of one of the model's \(.*block_conv\/kernel.*\).*alone\/kernel/,
    );
  });

  it('that are damaged, missing, or not finite', async () => {
    const layers: LayerConfig[] = [{ flatten: {} }, { dense: { units: 10, name: 'd' } }];
    expect(await message({ layers, weights: join(folder, 'no.safetensors') })).toMatch(/no\.safetensors: no such file/);
    const short = join(folder, 'short.safetensors');
    writeFileSync(short, 'abc');
    expect(await message({ layers, weights: short })).toMatch(/short\.safetensors: it has 3 bytes/);
    const odd = join(folder, 'odd.safetensors');
    const headers = {
      null: 'its header is no list of tensors',
      '{"a":"x"}': 'its header is no list of tensors',
      '{"a":{"dtype":"F32","data_offsets":[0,4]}}': 'gives tensor a no shape',
      '{"a":{"dtype":"F32","shape":[1]}}': 'gives tensor a no shape or no data_offsets',
      '{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}':
        'a has dtype F16, not F32: copy the file again, or save it',
    };
    for (const [header, says] of Object.entries(headers)) {
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      writeFileSync(odd, Buffer.concat([length, Buffer.from(header), Buffer.alloc(4)]));
      expect(await message({ layers, weights: odd })).toContain(says);
    }
    const topology = join(folder, 'bare.json');
    writeFileSync(topology, JSON.stringify((await readModelFile(saved)).topology));
    expect(await message({ layers, weights: topology })).toMatch(/holds a model without weights/);
    const nan = join(folder, 'nan.safetensors');
    const kernel = { name: 'd/kernel', shape: [784, 10], values: new Float32Array(7840).fill(Number.NaN) };
    const bias = { name: 'd/bias', shape: [10], values: new Float32Array(10) };
    writeFileSync(nan, Buffer.concat(encodeSafetensors([kernel, bias])));
    expect(await message({ layers, weights: nan })).toMatch(/d\/kernel holds NaN or infinity/);
  });

  it('layer patterns that name nothing, with what is near', async () => {
    const layers = [...body, head('classes')];
    expect(await message({ layers, freeze: ['haed'] })).toMatch(
      /model\.freeze: "haed" names no layer.*did you mean head\?/,
    );
    expect(await message({ layers, freeze: ['z*'] })).toMatch(
      /"z\*" names no layer of the model: its layers: .*block_conv/,
    );
    const tied: Record<string, Record<string, unknown>>[] = [
      { embedding: { inputDim: 3, outputDim: 4, name: 'ids' } },
      { logits: { tied: true, name: 'said' } },
    ];
    for (const key of ['freeze', 'reinitialize']) {
      const none = new RegExp(
        `model.${key}: "said" names no layer that has weights of its own: its layers with weights: ids`,
      );
      expect(await message({ layers: tied, [key]: ['said'] })).toMatch(none);
    }
    expect(await message({ layers, weights: saved, reinitialize: ['top'] })).toMatch(/model\.reinitialize: "top"/);
    expect(await message({ layers, reinitialize: ['head'] })).toMatch(/all weights are fresh ones: add model\.weights/);
  });

  it('by lockstep train, as mistakes in the config are, with exit code 2', async () => {
    const wrong: [object, string][] = [
      [{ layers: [...body, { dense: { units: 'classes', name: 'new' } }], weights: saved }, 'reinitialize: [new]'],
      [{ laers: [] }, 'did you mean layers?'],
      [{ layers: [head('classes')], file: saved }, 'model: holds layers and file of layers, file, module'],
      [{ weights: saved }, 'model: holds none of layers, file, module'],
    ];
    const runs = wrong.map(([model], i) => {
      const config = writeConfig(folder, `cli-${i}`, { ...digits, model });
      return lockstepServed(['train', config, '--json', '--out', join(folder, 'none')], folder);
    });
    for (const [i, { code, stdout, stderr }] of (await Promise.all(runs)).entries()) {
      expect([code, stderr]).toEqual([2, '']);
      expect(stdout).toContain(wrong[i][1]);
      expect(stdout).not.toMatch(/\\n\s+at /);
    }
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  it('when nothing is left to train', async () => {
    expect(await message({ layers: [...body, head('classes')], freeze: ['*'] })).toMatch(/every layer is frozen/);
  });
});

describe('frozen layers', () => {
  const frozen = (name: string) => name.startsWith('block_');

  it.each([['onnx'], ['tfjs']])('keep their weights to the last bit, with engine %s', async (engine) => {
    const config = writeConfig(folder, 'tuned', {
      ...digits,
      seed: 3,
      engine,
      backend: engine === 'tfjs' ? 'cpu' : undefined,
      model: { file: saved, freeze: ['block_*'], reinitialize: ['head'] },
    });
    const [one, two] = [await trained(config, [], folder, 1), await trained(config, [], folder, 2)];
    expect(resultOf(two)).toEqual(resultOf(one));
    expect(one.start.parameters - one.start.trainable).toBe(27 + 4 * 3);
    const after = (await readModelFile(one.end.model)).weights!;
    for (const [name, { values }] of after) {
      if (frozen(name)) expect(values).toEqual(weights.get(name)!.values);
      else expect(values).not.toEqual(weights.get(name)!.values);
    }
  });

  it('normalize by their moving statistics while they train, in both engines', async () => {
    const layers: LayerConfig[] = [
      { dense: { units: 3, name: 'd' } },
      { batchNormalization: { name: 'n' } },
      { dense: { units: 2, name: 'e' } },
    ];
    const example = (freeze: string[]): Case => ({
      layers: [],
      input: [4],
      target: [2],
      spec: { model: { layers, freeze } },
    });
    const count = 5;
    const key = { seed: 0, step: 0, shard: 0 };
    const { step, parameters, onnx, tfjs } = await createEngines(example(['n']), [count]);
    expect(step.layout.state).toBe(step.layout.trainable);
    for (const engine of [onnx, tfjs]) {
      fill(engine, example([]), parameters, count);
      const loss = await engine.computeGradients(count, key);
      const predicted = (await engine.evaluate(count)).losses.reduce((sum, value) => sum + value, 0);
      expect(relativeError([loss], [predicted])).toBeLessThan(1e-5);
    }
    expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
    // Which it does not do unless it is frozen.
    const free = await createEngines(example(['d']), []);
    fill(free.tfjs, example([]), free.parameters, count);
    const loss = await free.tfjs.computeGradients(count, key);
    const predicted = (await free.tfjs.evaluate(count)).losses.reduce((sum, value) => sum + value, 0);
    expect(relativeError([loss], [predicted])).toBeGreaterThan(0.01);
    expect(free.step.layout.state).toBeGreaterThan(free.step.layout.trainable);
  });

  it('may be inside nested models and wrappers', async () => {
    const inner = tfl.sequential({
      name: 'base',
      layers: [
        tfl.layers.dense({ units: 3, inputShape: [4], name: 'a' }),
        tfl.layers.batchNormalization({ name: 'norm' }),
      ],
    });
    const input = tfl.input({ shape: [4] });
    const hidden = inner.apply(input) as tfl.SymbolicTensor;
    const repeated = tfl.layers.repeatVector({ n: 3 }).apply(hidden) as tfl.SymbolicTensor;
    const sequence = tfl.layers
      .bidirectional({ layer: tfl.layers.gru({ units: 2 }) as tfl.RNN, name: 'both', mergeMode: 'concat' })
      .apply(repeated) as tfl.SymbolicTensor;
    const output = tfl.layers.dense({ units: 2, name: 'b' }).apply(sequence) as tfl.SymbolicTensor;
    const file = writeSaved(join(folder, 'nested'), await artifactsOf(tfl.model({ inputs: input, outputs: output })));
    const trainable = async (freeze?: string[]) => {
      const example: Case = { layers: [], input: [4], target: [2], spec: { model: { file, freeze } } };
      const { layout } = await createStepModel(specOf(example));
      const names = layout.tensors.filter(({ offset }) => offset < layout.trainable).map(({ name }) => name);
      return { names, state: layout.state > layout.trainable };
    };
    const all = await trainable();
    expect(all.names).toHaveLength(4 + 6 + 2);
    expect(all.state).toBe(true);
    expect(await trainable(['base', 'both'])).toEqual({ names: ['b/kernel', 'b/bias'], state: false });
    expect((await trainable(['a'])).names).toHaveLength(2 + 6 + 2);
  });

  it('of a saved model stay frozen unless the config says which are', async () => {
    const config = writeConfig(folder, 'first-phase', { ...digits, model: { file: saved, freeze: ['block_*'] } });
    const first = (await trained(config, [], folder)).end.model;
    const trainable = async (freeze?: string[]) => (await build({ file: first, freeze })).layout.trainable;
    const everything = (await build({ file: saved })).layout.trainable;
    expect(await trainable()).toBeLessThan(everything);
    expect(await trainable([])).toBe(everything);
  });
});
