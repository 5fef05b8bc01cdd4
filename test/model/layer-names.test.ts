/** How a config may name its layers: by tf.layers function or class name, and alone where a layer needs no options. */
import { expect, it } from 'vitest';
import { type LayersConfig, modelSchema } from '../../src/config/model.js';
import { plainShape } from '../../src/model/build/data-shape.js';
import { buildModel } from '../../src/model/build/layers.js';

const shape = plainShape([8, 8, 1], 3);
const build = (layers: unknown[]) => buildModel(modelSchema.parse({ layers }) as LayersConfig, shape, 1).model;

it('function names, class names and names alone build the same model', () => {
  const functions = build([
    { conv2d: { filters: 2, kernelSize: 3 } },
    { maxPooling2d: { poolSize: 2 } },
    { flatten: {} },
    { dense: { units: 'classes' } },
  ]);
  const classes = build([
    { Conv2D: { filters: 2, kernelSize: 3 } },
    { MaxPooling2D: { poolSize: 2 } },
    'Flatten',
    { Dense: { units: 'classes' } },
  ]);
  const kinds = (model: typeof functions) => model.layers.map((layer) => [layer.getClassName(), layer.outputShape]);
  expect(kinds(classes)).toEqual(kinds(functions));
  expect(classes.getWeights().map((weight) => Array.from(weight.dataSync()))).toEqual(
    functions.getWeights().map((weight) => Array.from(weight.dataSync())),
  );
  expect(functions.layers.map(({ name }) => name)).toEqual([
    'input',
    'conv2d_1',
    'max_pooling2d_1',
    'flatten_1',
    'dense_1',
  ]);
});

it('activations by their names in Keras 3 are those of tfjs', () => {
  const { layers } = build([
    'flatten',
    { dense: { units: 2, activation: 'silu' } },
    { activation: { activation: 'geluTanh' } },
  ]);
  expect(layers.slice(2).map((layer) => layer.getConfig().activation)).toEqual(['swish', 'gelu_new']);
});
