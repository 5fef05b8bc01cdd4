/**
 * What tfjs 4.22 needs to train every model that `tf.layers` can describe: what is missing, and two gradients that are wrong.
 * Imported for its effect by whoever builds a model.
 */
import { createRequire } from 'node:module';

import tf = require('@tensorflow/tfjs-core');

import './cpu-backend.js';
import './pooling-gradients.js';
import './layers-gaps.js';
import './orthogonal.js';
import './recurrent-operations.js';
import './whole-operations.js';
import { correctGradients } from './corrected-gradients.js';

// The layers package registers the gradients that this module corrects. Required, as cpu-backend.ts says why.
createRequire(import.meta.url)('@tensorflow/tfjs-layers');

// Without it the cpu backend prints a banner that recommends another package.
tf.enableProdMode();

// Layers such as LSTM call operations as methods of tensors (`x.sign()`), which only tfjs's union package provides.
const methods = tf.Tensor.prototype as unknown as Record<string, unknown>;
for (const [name, operation] of Object.entries({ ...tf, flatten: (x: tf.Tensor) => tf.reshape(x, [-1]) })) {
  if (typeof operation !== 'function' || name in methods) continue;
  methods[name] = function method(this: tf.Tensor, ...rest: unknown[]) {
    return (operation as (...all: unknown[]) => unknown)(this, ...rest);
  };
}

correctGradients();

// The cpu backend averages over what a window covers without padding, but its gradient divides by the whole window.
// Scaling dy by (whole window) / (covered part) first makes the gradient that of the forward pass.
type AvgPoolAttributes = {
  filterSize: [number, number];
  strides: [number, number];
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
};
const original = tf.getKernel('AvgPoolGrad', 'cpu');
tf.unregisterKernel('AvgPoolGrad', 'cpu');
tf.registerKernel({
  ...original,
  kernelFunc: ({ inputs, attrs, backend: its }) => {
    const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as AvgPoolAttributes;
    const { dy, input } = inputs as Record<string, tf.TensorInfo>;
    const shape = input.shape as [number, number, number, number];
    const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const backend = its as tf.KernelBackend;
    const { data } = backend as unknown as { data: tf.DataStorage<{ values: Float32Array }> };
    const factors = windowShares(info).map((share) => share * info.filterHeight * info.filterWidth);
    const scaled = data
      .get(dy.dataId)
      .values.map((value, i) => value * factors[Math.floor(i / info.outChannels) % factors.length]);
    const dataId = backend.write(scaled, dy.shape, 'float32');
    const result = original.kernelFunc({ inputs: { dy: { ...dy, dataId }, input }, attrs, backend });
    backend.disposeData(dataId);
    return result;
  },
});

/** 1 / (elements of the input that each pooling window covers), [outHeight * outWidth]: padding does not count. */
export function windowShares(info: tf.backend_util.Conv2DInfo): Float32Array {
  const along = (out: number, stride: number, pad: number, kernel: number, size: number) =>
    Array.from({ length: out }, (_, i) => {
      const start = i * stride - pad;
      return Math.max(Math.min(start + kernel, size) - Math.max(start, 0), 0);
    });
  const rows = along(info.outHeight, info.strideHeight, info.padInfo.top, info.filterHeight, info.inHeight);
  const columns = along(info.outWidth, info.strideWidth, info.padInfo.left, info.filterWidth, info.inWidth);
  return Float32Array.from(rows.flatMap((row) => columns.map((column) => 1 / (row * column))));
}

// Its concatenation takes every negative axis for the last one; its shapes have it right.
type Concatenation = { axis: number; mergeFunction(inputs: tf.Tensor[]): tf.Tensor };
const [Concatenate] = tf.serialization.SerializationMap.getMap().classNameMap.Concatenate;
const concatenation = (Concatenate as unknown as { prototype: Concatenation }).prototype;
const { mergeFunction } = concatenation;
concatenation.mergeFunction = function concatenated(inputs) {
  const { axis } = this;
  if (axis >= -1) return mergeFunction.call(this, inputs);
  this.axis = axis + inputs[0].rank;
  try {
    return mergeFunction.call(this, inputs);
  } finally {
    this.axis = axis;
  }
};

// Its gradients stumble over a normalization without a scale or an offset: 1 and 0 are the same.
const engine = tf.engine() as ReturnType<typeof tf.engine> & { isTapeOn(): boolean };
const { runKernel } = engine;
engine.runKernel = ((kernel, inputs, attrs) => {
  if (kernel !== 'FusedBatchNorm' || !engine.isTapeOn()) return runKernel.call(engine, kernel, inputs, attrs);
  const { shape } = inputs.mean;
  const { scale = tf.ones(shape), offset = tf.zeros(shape) } = inputs;
  return runKernel.call(engine, kernel, { ...inputs, scale, offset }, attrs);
}) as typeof runKernel;
