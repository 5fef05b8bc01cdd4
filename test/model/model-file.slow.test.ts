/** `model.file`: saved models of tfjs, Keras and Lockstep itself, trained further. */
import '../../src/model/tfjs/core-gaps.js';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { createStepModel, initialParameters } from '../../src/engine/step.js';
import { ModelError } from '../../src/errors.js';
import { readModelFile } from '../../src/model/files/model-file.js';
import { tensorOf } from '../../src/model/slab.js';
import { type Case, createEngines, fill, perturbed, specOf } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { enginesAgree, keras, kerasCase } from '../support/keras-cnn.js';
import { resultOf, trained } from '../support/runs.js';
import { artifactsOf, writeSaved } from '../support/saved.js';

const folder = temporaryFolder();
const key = { seed: 1, step: 2, shard: 0 };

const digits = {
  data: { source: 'digits', examples: 300, validation: 0.1, test: 0.1 },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  optimizer: { sgd: { learningRate: 0.05 } },
  training: { epochs: 1, batchSize: 32, shards: 4 },
};

const kerasFile = join(folder, 'keras.json');

writeFileSync(kerasFile, JSON.stringify(keras));

const ownCase = kerasCase(kerasFile);

describe('a model of Keras', () => {
  it('has its layers, and initial weights that the seed decides', async () => {
    const spec = specOf(ownCase);
    const step = await createStepModel(spec);
    expect(step.layout.tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ['conv/kernel', [3, 3, 1, 3]],
      ['conv/bias', [3]],
      ['norm/gamma', [3]],
      ['norm/beta', [3]],
      ['scores/kernel', [192, 4]],
      ['scores/bias', [4]],
      ['norm/moving_mean', [3]],
      ['norm/moving_variance', [3]],
    ]);
    expect(step.heads[0].spec).toMatchObject({ shape: [4], outputs: { kind: 'softmax' } });
    const parameters = initialParameters(step);
    expect(initialParameters(await createStepModel(spec))).toEqual(parameters);
    const others = initialParameters(await createStepModel({ ...spec, seed: 8 }));
    for (const name of ['conv/kernel', 'scores/kernel']) {
      const tensor = step.layout.tensors.find((tensor) => tensor.name === name)!;
      const values = tensorOf(parameters, tensor);
      expect(new Set(values).size).toBe(tensor.size);
      expect(values).not.toEqual(tensorOf(others, tensor));
    }
  });

  it('computes the same in both engines: noise, penalties and statistics too', () => enginesAgree(ownCase));

  it('adds the penalty of an activity regularizer', async () => {
    const plain = structuredClone(keras);
    const [, conv] = plain.config.layers as { config: Record<string, unknown> }[];
    conv.config.activity_regularizer = null;
    const without = join(folder, 'plain.json');
    writeFileSync(without, JSON.stringify(plain));
    const losses: number[] = [];
    for (const file of [kerasFile, without]) {
      const example = { ...ownCase, spec: { model: { file } } };
      const { parameters, tfjs } = await createEngines(example, []);
      fill(tfjs, example, parameters, 6);
      losses.push(await tfjs.computeGradients(6, key));
    }
    expect(losses[0] - losses[1]).toBeGreaterThan(0.1);
  });

  it('is trained from a config, with the same bits on one thread and two, in both engines', async () => {
    const big = structuredClone(keras);
    (big.config.layers[0].config as Record<string, unknown>).batch_input_shape = [null, 28, 28, 1];
    (big.config.layers[6].config as Record<string, unknown>).units = 10;
    const file = join(folder, 'digits.json');
    writeFileSync(file, JSON.stringify(big));
    const config = writeConfig(folder, 'keras', { ...digits, model: { file } });
    const [one, two] = [await trained(config, [], folder, 1), await trained(config, [], folder, 2)];
    expect(resultOf(two)).toEqual(resultOf(one));
    expect(two.start.engine).toBe('onnx');
    const small = ['data.examples=40', 'engine=tfjs', 'backend=cpu', 'training.batchSize=16'];
    const eager = [await trained(config, small, folder, 1), await trained(config, small, folder, 2)];
    expect(resultOf(eager[1])).toEqual(resultOf(eager[0]));
  });
});

describe('a model that a run saved', () => {
  it('starts at exactly the saved parameters and learns on', async () => {
    const layers = [
      { conv2d: { filters: 4, kernelSize: 3, strides: 2, activation: 'relu' } },
      { batchNormalization: {} },
      { flatten: {} },
      { dropout: { rate: 0.1 } },
      { dense: { units: 'classes' } },
    ];
    const first = writeConfig(folder, 'first', { ...digits, model: { layers } });
    const { end, epochs } = await trained(first, [], folder);
    const saved = (await readModelFile(end.model)).weights!;
    const spec = specOf({ layers: [], input: [28, 28, 1], classes: 10, loss: 'sparseCategoricalCrossentropy' });
    const step = await createStepModel({ ...spec, seed: 99, model: { file: end.model } });
    const parameters = initialParameters(step);
    expect(step.layout.tensors.map(({ name }) => name).sort()).toEqual([...saved.keys()].sort());
    for (const tensor of step.layout.tensors) {
      expect(tensorOf(parameters, tensor)).toEqual(saved.get(tensor.name)!.values);
    }
    const second = writeConfig(folder, 'second', { ...digits, seed: 4, model: { file: end.model } });
    const more = await trained(second, [], folder);
    expect(more.epochs[0].loss).toBeLessThan(0.8 * epochs[0].loss);
  });
});

describe('weights', () => {
  const make = () =>
    tfl.sequential({
      layers: [tfl.layers.dense({ units: 6, inputShape: [5], name: 'd', biasInitializer: 'randomNormal' })],
    });

  it('are read from several shards', async () => {
    const model = make();
    const { weights } = await readModelFile(writeSaved(join(folder, 'shards'), await artifactsOf(model), 50));
    expect([...weights!.keys()]).toEqual(['d/kernel', 'd/bias']);
    expect(weights!.get('d/kernel')!.values).toEqual(model.getWeights()[0].dataSync());
    expect(weights!.get('d/bias')!.values).toEqual(model.getWeights()[1].dataSync());
  });

  it('are read where they are quantised', async () => {
    const model = make();
    const kernel = model.getWeights()[0].dataSync();
    const { topology } = await artifactsOf(model);
    const scale = 0.01;
    const bytes = Buffer.from(Uint8Array.from(kernel, (value) => Math.round((value + 1) / scale)));
    const half = Buffer.from(Uint16Array.from([0x3c00, 0xc000, 0x3800, 0, 0x4200, 0xb400]).buffer);
    const specs = [
      { name: 'd/kernel', shape: [5, 6], dtype: 'float32', quantization: { dtype: 'uint8', scale, min: -1 } },
      { name: 'd/bias', shape: [6], dtype: 'float32', quantization: { dtype: 'float16' } },
    ] as tf.io.WeightsManifestEntry[];
    const saved = writeSaved(join(folder, 'quantised'), { topology, specs, bytes: Buffer.concat([bytes, half]) });
    const { weights } = await readModelFile(saved);
    weights!.get('d/kernel')!.values.forEach((value, i) => {
      expect(Math.abs(value - kernel[i])).toBeLessThan(0.51 * scale);
    });
    expect([...weights!.get('d/bias')!.values]).toEqual([1, -2, 0.5, 0, 3, -0.25]);
  });
});

describe('is refused:', () => {
  const refusal = async (model: string, example: Partial<Case> = {}) => {
    const spec = specOf({ layers: [], input: [4], target: [2], ...example, spec: { model: { file: model } } });
    const error = await createStepModel(spec).then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(ModelError);
    return (error as ModelError).message;
  };
  const write = (name: string, content: unknown) => {
    const file = join(folder, name);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  const dense = (options: object = {}) => tfl.layers.dense({ units: 2, inputShape: [4], ...options });

  it('what is no model', async () => {
    expect(await refusal(join(folder, 'nowhere'))).toMatch(/nowhere: no such file or folder/);
    expect(await refusal(folder)).toMatch(/the folder has no model\.json/);
    expect(await refusal(write('x.h5', '\x89HDF'))).toMatch(
      /x\.h5: is not the JSON of a model.*tensorflowjs_converter/,
    );
    expect(await refusal(write('other.json', { a: 1 }))).toMatch(/other\.json: holds no model/);
    const graph = { format: 'graph-model', modelTopology: { node: [] }, weightsManifest: [] };
    expect(await refusal(write('graph.json', graph))).toMatch(/is a graph model.*tfjs_layers_model/);
  });

  it('weights that are missing, cut off or of no known type', async () => {
    const files = await artifactsOf(tfl.sequential({ layers: [dense()] }));
    const saved = writeSaved(join(folder, 'damaged'), files, 32);
    const shard = join(saved, 'group1-shard2.bin');
    writeFileSync(shard, Buffer.alloc(4));
    expect(await refusal(saved)).toMatch(/group1-shard1\.bin, group1-shard2\.bin of .*: 36 bytes, .* take 40/);
    rmSync(shard);
    expect(await refusal(saved)).toMatch(/group1-shard2\.bin: no such file, and .*model\.json keeps weights there/);
    const json = JSON.parse(readFileSync(join(saved, 'model.json'), 'utf8'));
    const [entry] = json.weightsManifest[0].weights;
    const twice = { ...json, weightsManifest: [{ paths: ['zeros.bin'], weights: [entry, entry] }] };
    writeFileSync(join(saved, 'zeros.bin'), Buffer.alloc(8 * entry.shape.reduce((a: number, b: number) => a * b, 1)));
    writeFileSync(join(saved, 'model.json'), JSON.stringify(twice));
    expect(await refusal(saved)).toContain(`has two weights named ${entry.name}`);
    json.weightsManifest[0].weights[0].dtype = 'float7';
    writeFileSync(join(saved, 'model.json'), JSON.stringify(json));
    expect(await refusal(saved)).toMatch(/weightsManifest\.0\.weights\.0\.dtype: /);
  });

  it('a model that does not fit the data, naming both shapes', async () => {
    expect(await refusal(kerasFile)).toMatch(/inputs of shape \[8, 8, 1\], and an example has the shape \[4\]/);
    const saved = writeSaved(
      join(folder, 'three'),
      await artifactsOf(tfl.sequential({ layers: [dense({ units: 3 })] })),
    );
    expect(await refusal(saved)).toMatch(
      /meanSquaredError does not fit the model's output \[3\]: a target has shape \[2\]/,
    );
  });

  it('several outputs, constraints, and layers that tfjs does not have', async () => {
    const input = tfl.input({ shape: [4] });
    const outputs = ['p', 'q'].map((name) => tfl.layers.dense({ units: 2, name }).apply(input) as tfl.SymbolicTensor);
    const two = writeSaved(join(folder, 'two'), await artifactsOf(tfl.model({ inputs: input, outputs })));
    expect(await refusal(two)).toMatch(/has 2 outputs, and the data one target/);
    const constrained = tfl.sequential({ layers: [dense({ name: 'c', kernelConstraint: 'nonNeg' })] });
    const saved = writeSaved(join(folder, 'constrained'), await artifactsOf(constrained));
    expect(await refusal(saved)).toMatch(/layer c: kernelConstraint is not supported/);
    const unknown = { class_name: 'Sequential', config: { layers: [{ class_name: 'Lambda', config: { name: 'l' } }] } };
    expect(await refusal(write('lambda.json', unknown))).toMatch(/tfjs cannot build it: Unknown layer: Lambda/);
  });

  it('two weights of one name', async () => {
    const inner = tfl.sequential({ layers: [tfl.layers.dense({ units: 4, inputShape: [4], name: 'same' })] });
    const input = tfl.input({ shape: [4] });
    const hidden = inner.apply(input) as tfl.SymbolicTensor;
    const output = tfl.layers.dense({ units: 2, name: 'same' }).apply(hidden) as tfl.SymbolicTensor;
    const outer = tfl.model({ inputs: input, outputs: output });
    const { topology } = await artifactsOf(outer);
    expect(await refusal(write('twice.json', topology))).toMatch(/two weights have the name same\/kernel/);
  });
});

it('an input of any size takes that of the data', async () => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ filters: 2, kernelSize: 3, inputShape: [null, null, 1] as number[], name: 'c' }),
      tfl.layers.globalAveragePooling2d({ name: 'p' }),
    ],
  });
  const saved = writeSaved(join(folder, 'any'), await artifactsOf(model));
  const example: Case = { layers: [], input: [7, 5, 1], target: [2], spec: { model: { file: saved } } };
  const step = await createStepModel(specOf(example));
  expect(step.heads[0].spec.shape).toEqual([2]);
  perturbed(initialParameters(step), step.layout);
  await enginesAgree(example);
});
