/**
 * Gradients of three-dimensional poolings on tfjs's backend `cpu`, in place of its own: that of the average divides by the whole
 * window where the average is over what the window covers, that of the maximum finds it in cubes only. Imported for its effect.
 */
import tf = require('@tensorflow/tfjs-core');

import './cpu-backend.js';
import { coveredShares, poolingWindows, type Window } from './windows.js';

type StoringBackend = tf.KernelBackend & { readonly data: tf.DataStorage<{ values: Float32Array }> };
type Sizes = [number, number, number];
interface Attributes {
  readonly filterSize: Sizes | number;
  readonly strides: Sizes | number;
  readonly pad: 'valid' | 'same' | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Where the elements lie that a window covers, in the order in which they are read. */
function covered(windows: readonly Window[], place: readonly number[], from: readonly number[]): number[] {
  const along = windows.map(({ stride, before, kernel, from: size }, i) => {
    const start = place[i] * stride - before;
    const [first, end] = [Math.max(0, start), Math.min(size, start + kernel)];
    return Array.from({ length: end - first }, (_, at) => first + at);
  });
  const [, , height, width] = from;
  return along[0].flatMap((z) => along[1].flatMap((y) => along[2].map((x) => (z * height + y) * width + x)));
}

/** @param share gives dy of one window and channel back to what it covers: adds to `dx` at the places of `values` */
function register(
  kernelName: string,
  share: (dx: Float32Array, values: Float32Array, places: number[], dy: number, part: number) => void,
): void {
  tf.unregisterKernel(kernelName, 'cpu');
  tf.registerKernel({
    kernelName,
    backendName: 'cpu',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as Attributes;
      const { dy, input } = inputs as Record<string, tf.TensorInfo>;
      const shape = input.shape as [number, number, number, number, number];
      const info = tf.backend_util.computePool3DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
      const { data } = backend as StoringBackend;
      const [values, given] = [input, dy].map(({ dataId }) => data.get(dataId).values);
      const dx = new Float32Array(values.length);
      const windows = poolingWindows(info);
      const parts = coveredShares(windows);
      const [examples, channels, size] = [shape[0], shape[4], shape[1] * shape[2] * shape[3]];
      parts.forEach((part, window) => {
        const [, tall, wide] = windows.map(({ to }) => to);
        const place = [Math.floor(window / (tall * wide)), Math.floor(window / wide) % tall, window % wide];
        const seen = covered(windows, place, shape);
        for (let example = 0; example < examples; example++) {
          for (let channel = 0; channel < channels; channel++) {
            const places = seen.map((at) => (example * size + at) * channels + channel);
            share(dx, values, places, given[(example * parts.length + window) * channels + channel], part);
          }
        }
      });
      return { dataId: (backend as StoringBackend).write(dx, [...shape], 'float32'), shape, dtype: 'float32' };
    },
  });
}

register('AvgPool3DGrad', (dx, _, places, dy, part) => {
  for (const place of places) dx[place] += dy * part;
});

// The first of the greatest, as in two dimensions.
register('MaxPool3DGrad', (dx, values, places, dy) => {
  if (places.length > 0) dx[places.reduce((most, place) => (values[place] > values[most] ? place : most))] += dy;
});
