/** `lockstep export`: other programs read what it writes, and compute what the tfjs model computes. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import '@tensorflow/tfjs-backend-cpu';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportModel } from '../../coordinator/inference/export.js';
import type { LayerConfig } from '../../src/config/model.js';
import { encodeModel } from '../../src/engine/onnx/proto.js';
import type { LockstepError } from '../../src/errors.js';
import { anyBatchGraph } from '../../src/export/inference.js';
import { writeFolderAtomically } from '../../src/ground/atomic-file.js';
import { plainShape } from '../../src/model/build/data-shape.js';
import { modelWeights } from '../../src/model/build/layer-weights.js';
import { buildModel } from '../../src/model/build/layers.js';
import { layersModelFiles } from '../../src/model/files/save.js';
import { lockstepServed } from '../support/cli.js';
import { lcg, relativeError } from '../support/engines.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { compiled } from '../support/package.js';
import { trained } from '../support/runs.js';

const execute = promisify(execFile);
const folder = temporaryFolder();
const program = fileURLToPath(compiled('test/support/onnx-run.js'));
const random = lcg(9);

async function exported(place: string, format: string, output: string, ...flags: string[]) {
  const args = ['export', place, '--format', format, '--output', output, '--json', ...flags];
  const { code, stdout, stderr } = await lockstepServed(args, folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** As plain tfjs reads a folder. */
function load(path: string): Promise<LayersModel> {
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'));
  const bytes = readFileSync(join(path, weightsManifest[0].paths[0]));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  return loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs: weightsManifest[0].weights, weightData }));
}

/** What a process that has only onnxruntime-node makes of the first examples, in batches of these sizes. */
async function onnxOutputs(file: string, features: Float32Array, shape: readonly number[], counts: readonly number[]) {
  const data = join(folder, 'features.bin');
  writeFileSync(data, features);
  const args = [program, file, data, shape.join(), ...counts.map(String)];
  const { stdout } = await execute(execPath, args, { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as { runs: { dims: number[]; values: number[] }[]; inputs: unknown; outputs: unknown };
}

const image = { source: 'digits', examples: 300, validation: 0.1, test: 0 };
const cases = {
  'an MLP': {
    data: image,
    layers: [
      'flatten',
      { dense: { units: 16, activation: 'relu' } },
      { dense: { units: 'classes', activation: 'softmax' } },
    ],
  },
  'a CNN with batch normalization': {
    data: image,
    layers: [
      { conv2d: { filters: 6, kernelSize: 3, strides: 2 } },
      'batchNormalization',
      { activation: { activation: 'relu' } },
      { maxPooling2d: { poolSize: 2 } },
      'flatten',
      { dropout: { rate: 0.3 } },
      { dense: { units: 'classes' } },
    ],
  },
  'an embedding with an LSTM': {
    data: {
      source: 'values',
      features: Array.from({ length: 40 }, () => Array.from({ length: 7 }, () => Math.floor(random() * 9))),
      targets: Array.from({ length: 40 }, (_, i) => i % 3),
      classes: 3,
    },
    layers: [{ embedding: { inputDim: 9, outputDim: 5 } }, { lstm: { units: 6 } }, { dense: { units: 'classes' } }],
  },
};

const runs = new Map<string, string>();
beforeAll(async () => {
  for (const [name, { data, layers }] of Object.entries(cases)) {
    const config = writeConfig(folder, name.replaceAll(' ', '-'), {
      data,
      model: { layers },
      loss: 'sparseCategoricalCrossentropy',
      training: { epochs: 1, batchSize: 20 },
    });
    runs.set(name, (await trained(config, [], join(folder, 'runs'))).start.folder);
  }
});
const mlp = () => runs.get('an MLP')!;

describe.each(Object.keys(cases))('%s', (name) => {
  it('runs in plain ONNX Runtime on batches of any size', async () => {
    const run = runs.get(name)!;
    const file = join(folder, 'any.onnx');
    const result = JSON.parse(await exported(run, 'onnx', file, '--force'));
    const model = await load(join(run, existsSync(join(run, 'best')) ? 'best' : 'model'));
    const shape = model.inputs[0].shape.slice(1) as number[];
    expect(result).toMatchObject({ event: 'export', format: 'onnx', output: file, input: shape });
    const tokens = name.includes('embedding');
    const length = shape.reduce((a, b) => a * b, 128);
    const features = Float32Array.from({ length }, () => (tokens ? Math.floor(random() * 9) : random()));
    const counts = [1, 3, 128];
    const { runs: outputs, inputs } = await onnxOutputs(file, features, shape, counts);
    expect(inputs).toEqual([{ name: 'input', isTensor: true, type: 'float32', shape: ['batch', ...shape] }]);
    counts.forEach((count, i) => {
      const batch = features.slice(0, (count * length) / 128);
      const wanted = model.predict(tf.tensor(batch, [count, ...shape])) as tf.Tensor;
      expect(outputs[i].dims).toEqual(wanted.shape);
      expect(relativeError(outputs[i].values, wanted.dataSync())).toBeLessThan(1e-5);
    });
  });

  it('comes back from safetensors weight by weight', async () => {
    const run = runs.get(name)!;
    const file = join(folder, 'weights.safetensors');
    await exported(run, 'safetensors', file, '--model', 'final', '--force');
    // The format by its description alone: header length, header, data.
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE(0));
    const { __metadata__: metadata, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + length));
    const model = await load(join(run, 'model'));
    const weights = model.weights as unknown as { originalName: string; shape: number[]; read(): tf.Tensor }[];
    expect(Object.keys(tensors).sort()).toEqual(weights.map(({ originalName }) => originalName).sort());
    for (const weight of weights) {
      const {
        dtype,
        shape,
        data_offsets: [from, to],
      } = tensors[weight.originalName];
      expect([dtype, shape]).toEqual(['F32', weight.shape]);
      const values = new Float32Array(Uint8Array.from(bytes.subarray(8 + length + from, 8 + length + to)).buffer);
      expect(values).toEqual(weight.read().dataSync());
    }
    expect(metadata).toMatchObject({ format: 'tf', name: run.split(/[\\/]/).at(-1) });
    expect(JSON.parse(metadata.encoding)).toEqual(
      JSON.parse(readFileSync(join(run, 'model', 'encoding.json'), 'utf8')),
    );
  });
});

describe('a graph for any batch', () => {
  const shapes: Record<string, LayerConfig[]> = {
    'reshapes, permutes and repeats': [
      { dense: { units: 12 } },
      { reshape: { targetShape: [3, 4] } },
      { permute: { dims: [2, 1] } },
      { timeDistributed: { layer: { dense: { units: 5 } } } },
      { flatten: {} },
      { repeatVector: { n: 3 } },
    ],
    'starts recurrent layers from zeros': [
      { reshape: { targetShape: [4, 3] } },
      { bidirectional: { layer: { gru: { units: 4, returnSequences: true } }, mergeMode: 'concat' } },
      { gru: { units: 4, returnSequences: true, resetAfter: true } },
      { layerNormalization: {} },
      { simpleRNN: { units: 3 } },
    ],
    'convolves and scales': [
      { reshape: { targetShape: [2, 2, 3] } },
      { upSampling2d: { size: [2, 2] } },
      { separableConv2d: { filters: 4, kernelSize: 2 } },
      { conv2dTranspose: { filters: 2, kernelSize: 2, strides: 2 } },
      { prelu: {} },
      { globalAveragePooling2d: {} },
    ],
  };

  it.each(Object.entries(shapes))('%s', async (_, layers) => {
    const { model } = buildModel({ layers }, plainShape([12]), 3);
    const { trainable, state, frozen } = modelWeights(model);
    const target = {
      model,
      weights: [...trainable, ...state, ...frozen],
      inputs: [{ name: 'input', shape: [12] }],
      outputs: [{ name: 'output' }],
    };
    const session = await InferenceSession.create(encodeModel(anyBatchGraph(target)!), { logSeverityLevel: 3 });
    for (const count of [1, 2, 41]) {
      const features = Float32Array.from({ length: 12 * count }, () => random() * 2 - 1);
      const { output } = await session.run({ input: new Tensor('float32', features, [count, 12]) });
      const wanted = model.predict(tf.tensor(features, [count, 12])) as tf.Tensor;
      expect(output.dims).toEqual(wanted.shape);
      expect(relativeError(output.data as Float32Array, wanted.dataSync())).toBeLessThan(1e-5);
    }
    await session.release();
  });

  it('is not made where the computation depends on the batch; one example at a time then', async () => {
    const module = join(folder, 'place.mjs');
    // Adds to each example its place in the batch.
    writeFileSync(
      module,
      `export default (tf, { inputShape }) => {
        class Place extends tf.layers.Layer {
          static className = 'Place';
          call(inputs) {
            const [x] = [inputs].flat();
            return tf.add(x, tf.tensor(Array.from({ length: x.shape[0] }, (_, i) => i), [x.shape[0], 1]));
          }
          computeOutputShape(shape) { return shape; }
        }
        tf.serialization.registerClass(Place);
        return tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape }), new Place({})] });
      }`,
    );
    const config = writeConfig(folder, 'place', {
      data: { source: 'values', features: [1, 2, 3, 4], targets: [1, 2, 3, 4] },
      model: { module },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 4 },
    });
    const { start } = await trained(config, [], join(folder, 'runs'));
    const file = join(folder, 'place.onnx');
    const warnings: string[] = [];
    const options = {
      format: 'onnx',
      output: file,
      force: true,
      warn: (message: string) => warnings.push(message),
    } as const;
    await exportModel(start.folder, options);
    expect(warnings).toEqual([expect.stringContaining('depends on the size of the batch')]);
    const one = await onnxOutputs(file, Float32Array.of(7), [1], [1]);
    expect(one.inputs).toMatchObject([{ shape: [1, 1] }]);
    await exportModel(start.folder, { ...options, batch: 3 });
    const three = await onnxOutputs(file, Float32Array.of(7, 7, 7), [1], [3]);
    const [first] = one.runs[0].values;
    expect(three.runs[0].values.map((value) => value - first)).toEqual([0, 1, 2].map((x) => expect.closeTo(x, 5)));
    expect(warnings).toHaveLength(1);
  });
});

describe('an ONNX file', () => {
  it('says how its inputs are read and what its classes are', async () => {
    const file = join(folder, 'described.onnx');
    await exported(mlp(), 'onnx', file);
    // metadata_props of ModelProto: field 14, each with key (1) and value (2).
    const metadata: Record<string, string> = {};
    const reader = new BinaryReader(readFileSync(file));
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field !== 14) {
        reader.skip(type);
        continue;
      }
      const entry = new BinaryReader(reader.bytes());
      const pair: Record<number, string> = {};
      while (entry.pos < entry.len) pair[entry.tag()[0]] = entry.string();
      metadata[pair[1]] = pair[2];
    }
    expect(JSON.parse(metadata.classes)).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
    expect(JSON.parse(metadata.encoding).input).toEqual({
      kind: 'image',
      height: 28,
      width: 28,
      channels: 1,
      greyscale: 'bt601',
      fit: 'fill',
    });
  });
});

describe('a tfjs folder', () => {
  it('is the model, and is exported again from where it is', async () => {
    const [first, second] = [join(folder, 'tfjs', 'first'), join(folder, 'tfjs', 'second')];
    await exported(mlp(), 'tfjs', first, '--model', 'final');
    await exported(first, 'tfjs', second);
    for (const path of [first, second]) {
      expect(readdirSync(path).sort()).toEqual(['encoding.json', 'model.json', 'weights.bin']);
      for (const name of ['weights.bin', 'encoding.json']) {
        expect(readFileSync(join(path, name))).toEqual(readFileSync(join(mlp(), 'model', name)));
      }
      const features = tf.ones([2, 28, 28, 1]);
      const [ours, original] = [await load(path), await load(join(mlp(), 'model'))].map((model) =>
        (model.predict(features) as tf.Tensor).dataSync(),
      );
      expect(ours).toEqual(original);
    }
  });
});

describe('what is there already', () => {
  it.each(['tfjs', 'onnx', 'safetensors'])('is not overwritten without --force: %s', async (format) => {
    const output = join(folder, 'there', format);
    await exported(mlp(), format, output);
    const before = snapshot(join(folder, 'there'));
    const args = ['export', mlp(), '--format', format, '--output', output];
    const { code, stdout, stderr } = await lockstepServed(args, folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`error: ${output}: is there already\nremedy: choose another --output`);
    expect(snapshot(join(folder, 'there'))).toEqual(before);
    await exported(mlp(), format, output, '--force');
    const names = snapshot(join(folder, 'there')).map((line) => line.split(' ')[0]);
    expect(names).toEqual(before.map((line) => line.split(' ')[0]));
  });

  it('is not replaced when it is no model', async () => {
    const output = join(folder, 'documents');
    mkdirSync(output);
    writeFileSync(join(output, 'letter.txt'), 'dear');
    const refusal = (format: 'tfjs' | 'onnx', path = output) =>
      exportModel(mlp(), { format, output: path, force: true }).catch(({ problem }: LockstepError) => problem);
    expect(await refusal('tfjs')).toBe(
      `${output}: is a folder that also holds letter.txt, which --force does not replace`,
    );
    expect(await refusal('onnx')).toBe(`${output}: is a folder`);
    expect(await refusal('tfjs', join(output, 'letter.txt'))).toContain('is a file, which --force does not replace');
    expect(readdirSync(output)).toEqual(['letter.txt']);
  });
});

it.each([
  [{ dense: { units: 1, activation: 'hardSilu' } }, ['hardSilu']],
  [{ dense: { units: 1, activation: 'hardSigmoid' } }, []],
] as [LayerConfig, string[]][])('says which activations plain tfjs lacks: %j', async (layer, lacks) => {
  const { model } = buildModel({ layers: [layer] }, plainShape([2]), 1);
  const path = join(folder, `activation-${lacks.length}`);
  writeFolderAtomically(path, await layersModelFiles(model, undefined));
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  await exportModel(path, { format: 'tfjs', output: `${path}-copy`, warn });
  expect(warnings).toEqual(lacks.map((name) => expect.stringContaining(`lacks the activation ${name} of Keras 3`)));
});

it('refuses what it cannot export, and writes nothing', async () => {
  const before = snapshot(folder);
  const refusal = (place: string, options: object) =>
    exportModel(place, { format: 'onnx', output: join(folder, 'no.onnx'), ...options }).then(
      () => [],
      ({ code, problem }: LockstepError) => [code, problem],
    );
  expect(await refusal('nowhere', {})).toEqual(['LOCKSTEP_MODEL', 'nowhere: no such run or model']);
  // Below a file there is nothing and can be nothing.
  const below = join(mlp(), 'config.yaml', 'x');
  expect(await refusal(below, {})).toEqual(['LOCKSTEP_MODEL', `${below}: no such run or model`]);
  expect(await refusal(mlp(), { output: below })).toEqual(['LOCKSTEP_OUTPUT', expect.stringContaining(below)]);
  expect((await refusal(mlp(), { format: 'tfjs', batch: 3 }))[1]).toContain('--batch 3');
  const { code, stderr } = await lockstepServed(
    ['export', mlp(), '--format', 'onnx', '--output', 'x', '--batch', '1.5'],
    folder,
  );
  expect({ code, problem: stderr.split('\n')[0] }).toEqual({
    code: 2,
    problem: 'error: --batch 1.5 is not a whole number of at least 1',
  });
  expect((await lockstepServed(['export', mlp(), '--format', 'keras', '--output', 'x'], folder)).code).toBe(2);
  const { model } = buildModel({ layers: counted }, plainShape([3]), 1);
  const path = join(folder, 'counted');
  writeFolderAtomically(path, await layersModelFiles(model, undefined));
  expect(await refusal(path, {})).toEqual([
    'LOCKSTEP_UNSUPPORTED',
    expect.stringContaining('reads the values of a tensor'),
  ]);
  expect(snapshot(folder).filter((line) => !line.startsWith('counted'))).toEqual(before);
});

/** It looks at the values that it is given. */
const counted: LayerConfig[] = [
  { categoryEncoding: { numTokens: 5, outputMode: 'multiHot' } },
  { dense: { units: 1 } },
];
