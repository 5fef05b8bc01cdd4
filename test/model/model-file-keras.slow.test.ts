/** Model files of Keras 3, and models that contain models. */
import '../../src/model/tfjs/core-gaps.js';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tfl from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { createStepModel } from '../../src/engine/step.js';
import { readModelFile } from '../../src/model/files/model-file.js';
import { tensorOf } from '../../src/model/slab.js';
import { type Case, createEngines, fill, specOf } from '../support/engines.js';
import { temporaryFolder } from '../support/folder.js';
import { enginesAgree, keras, kerasCase } from '../support/keras-cnn.js';
import { batchParts } from '../support/parts.js';
import { artifactsOf, writeSaved } from '../support/saved.js';

const folder = temporaryFolder();
const key = { seed: 1, step: 2, shard: 0 };

const kerasFile = join(folder, 'keras.json');

writeFileSync(kerasFile, JSON.stringify(keras));

const ownCase = kerasCase(kerasFile);

describe('a model of Keras 3', () => {
  const policy = {
    module: 'keras',
    class_name: 'DTypePolicy',
    config: { name: 'mixed_float16' },
    registered_name: null,
  };
  const tensor = (layer: string) => ({
    class_name: '__keras_tensor__',
    config: { shape: [null, 4], dtype: 'float32', keras_history: [layer, 0, 0] },
  });
  const node = (...args: unknown[]) => [{ args, kwargs: {} }];
  const layer = (class_name: string, name: string, config: object, inbound_nodes: unknown[]) => ({
    module: 'keras.layers',
    class_name,
    registered_name: null,
    build_config: {},
    name,
    inbound_nodes,
    config: { name, trainable: true, dtype: policy, ...config },
  });
  const l1 = { module: 'keras.regularizers', class_name: 'L1', config: { l1: 0.3 }, registered_name: null };
  const functional = {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    registered_name: 'Functional',
    config: {
      name: 'functional',
      trainable: true,
      layers: [
        layer('InputLayer', 'in', { batch_shape: [null, 4], sparse: false }, []),
        layer('Dense', 'a', { units: 4, activation: 'tanh', kernel_regularizer: l1 }, node(tensor('in'))),
        layer('Add', 'sum', {}, node([tensor('in'), tensor('a')])),
        layer('Dense', 'b', { units: 2, activation: 'linear' }, node(tensor('sum'))),
      ],
      input_layers: ['in', 0, 0],
      output_layers: ['b', 0, 0],
    },
  };

  it('is built with its connections, and its L1 penalty is that alone', async () => {
    const file = join(folder, 'keras3.json');
    writeFileSync(file, JSON.stringify(functional));
    const example: Case = { layers: [], input: [4], target: [2], spec: { model: { file } } };
    await enginesAgree(example);
    const { step, parameters, tfjs } = await createEngines(example, []);
    expect(step.layout.tensors.map(({ name }) => name)).toEqual(['a/kernel', 'a/bias', 'b/kernel', 'b/bias']);
    fill(tfjs, example, parameters, 6);
    const loss = await tfjs.computeGradients(6, key);
    const plain = (await tfjs.evaluate(6)).losses.reduce((sum, value) => sum + value, 0);
    const kernel = tensorOf(parameters, step.layout.tensors[0]);
    expect(loss - plain).toBeCloseTo(6 * 0.3 * kernel.reduce((sum, value) => sum + Math.abs(value), 0), 3);
    // The sum of input and activation is what the last layer reads.
    const { features } = batchParts(tfjs.buffers(6));
    const [a, offset, b, last] = step.layout.tensors.map((tensor) => tensorOf(parameters, tensor));
    const inputs = [0, 1, 2, 3].map((i) => features[i]);
    const hidden = inputs.map(
      (input, j) => input + Math.tanh(inputs.reduce((sum, x, i) => sum + x * a[i * 4 + j], offset[j])),
    );
    const output = hidden.reduce((sum, h, j) => sum + h * b[j * 2], last[0]);
    expect((await tfjs.evaluate(6)).outputs[0]).toBeCloseTo(output, 5);
  });

  it('has the slope of its leaky ReLU', async () => {
    const leaky = structuredClone(functional);
    leaky.config.layers[1] = layer('LeakyReLU', 'a', { negative_slope: 0.1 }, node(tensor('in')));
    const file = join(folder, 'leaky.json');
    writeFileSync(file, JSON.stringify(leaky));
    const { built } = await createStepModel(specOf({ layers: [], input: [4], target: [2], spec: { model: { file } } }));
    expect(built.model.getLayer('a').getConfig()).toMatchObject({ alpha: 0.1 });
  });

  it.each([
    ['ReLU', { negative_slope: 0.1 }, 'negative_slope, which is 0.1'],
    ['GlobalAveragePooling2D', { keepdims: true }, 'keepdims, which is true'],
    ['Conv2DTranspose', { output_padding: [1, 1] }, 'output_padding, which is [1,1]'],
    ['LayerNormalization', { rms_scaling: true }, 'rms_scaling, which is true'],
    ['UpSampling2D', { interpolation: 'bilinear' }, 'interpolation, which is "bilinear"'],
  ])('is refused where tfjs would ignore an option of %s', async (name, options, told) => {
    const other = structuredClone(functional);
    other.config.layers[1] = layer(name, 'odd', options, node(tensor('in')));
    const file = join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(other));
    await expect(readModelFile(file)).rejects.toThrow(`layer odd (${name}): tfjs knows no ${told}`);
  });

  it('is refused where tfjs would ignore the dilation of a convolution', async () => {
    const dilated = structuredClone(keras);
    dilated.config.layers[1].class_name = 'DepthwiseConv2D';
    (dilated.config.layers[1].config as Record<string, unknown>).dilation_rate = [2, 2];
    const file = join(folder, 'dilated.json');
    writeFileSync(file, JSON.stringify(dilated));
    const spec = specOf({ ...ownCase, spec: { model: { file } } });
    await expect(createStepModel(spec)).rejects.toThrow(
      /layer conv: tfjs ignores the dilationRate of a DepthwiseConv2D, which is \[2,2\]/,
    );
    const options = { kernelSize: 2, dilationRate: 2 };
    const layers: Case['layers'] = [{ depthwiseConv2d: options }, { conv2dTranspose: { ...options, filters: 2 } }];
    for (const layer of layers) {
      await expect(createStepModel(specOf({ ...ownCase, layers: [layer], spec: {} }))).rejects.toThrow(
        /^model\.layers\.0 \(\w+\): tfjs ignores the dilationRate/,
      );
    }
  });
});

describe('a model that contains models', () => {
  const make = (l2 = 0.1) => {
    const inner = tfl.sequential({
      name: 'inner',
      layers: [
        tfl.layers.dense({
          units: 5,
          inputShape: [4],
          activation: 'tanh',
          name: 'a',
          kernelRegularizer: tfl.regularizers.l2({ l2 }),
        }),
        tfl.layers.dropout({ rate: 0.5, name: 'noise' }),
        tfl.layers.batchNormalization({ name: 'norm' }),
      ],
    });
    const input = tfl.input({ shape: [4], name: 'in' });
    const hidden = inner.apply(input) as tfl.SymbolicTensor;
    const output = tfl.layers.dense({ units: 2, name: 'b' }).apply(hidden) as tfl.SymbolicTensor;
    return tfl.model({ inputs: input, outputs: output });
  };

  it('has noise, regularizers and statistics inside them, in both engines', async () => {
    const model = writeSaved(join(folder, 'nested'), await artifactsOf(make()));
    const example: Case = { layers: [], input: [4], target: [2], spec: { model: { file: model } } };
    await enginesAgree(example);
    const { step, parameters, tfjs } = await createEngines(example, []);
    expect(step.layout.state).toBeGreaterThan(step.layout.trainable);
    fill(tfjs, example, parameters, 6);
    const first = await tfjs.computeGradients(6, key);
    expect(await tfjs.computeGradients(6, key)).toBe(first);
    expect(await tfjs.computeGradients(6, { ...key, step: 3 })).not.toBe(first);
    const without = writeSaved(join(folder, 'nested-plain'), await artifactsOf(make(0)));
    const plain = await createEngines({ ...example, spec: { model: { file: without } } }, []);
    fill(plain.tfjs, example, parameters, 6);
    const kernel = tensorOf(parameters, step.layout.tensors[0]);
    const penalty = 0.1 * kernel.reduce((sum, value) => sum + value * value, 0);
    expect(penalty).toBeGreaterThan(0.05);
    expect(first - (await plain.tfjs.computeGradients(6, key))).toBeCloseTo(6 * penalty, 4);
  });
});
