/**
 * Operations that tfjs puts together of many kernels, and that the compiled engine has as a whole, each with its gradient: layer
 * normalization and GELU. Whoever calls tfjs's layer or activation gets them; backends without such a kernel compute as ever.
 * Imported for its effect.
 */
import './cpu-backend.js';
import { createRequire } from 'node:module';

import tf = require('@tensorflow/tfjs-core');

// The layers package registers the classes that this module changes. Required, as cpu-backend.ts says why.
createRequire(import.meta.url)('@tensorflow/tfjs-layers');

const { classNameMap } = tf.serialization.SerializationMap.getMap();
/** The prototype of a registered class of tfjs's. */
export const prototypeOf = <T>(className: string): T =>
  (classNameMap[className][0] as unknown as { prototype: T }).prototype;

/** Whether the engine in use has a kernel for all of an operation. */
export const isWhole = (kernel: string): boolean => tf.getKernel(kernel, tf.getBackend()) !== undefined;
const run = (kernel: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap): tf.Tensor[] =>
  tf.engine().runKernel(kernel, inputs, attrs) as tf.Tensor[];

/** All axes but the last as one. */
const rowsOf = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [-1, x.shape.at(-1)!]);

/**
 * Normalizes along the last axis (Ba et al. 2016): to the result, and to mean and inverse deviation, [..., 1].
 * dx = (g - mean(g) - y mean(g y)) / deviation, for g = dy * scale and y the result before scale and offset.
 */
tf.registerGradient({
  kernelName: 'LayerNorm',
  inputsToSave: ['x', 'scale'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, [x, scale, mean, inverse]) => {
    const [dy] = dys as tf.Tensor[];
    const normalized = tf.mul(tf.sub(x, mean), inverse);
    const x_ = () => {
      const g = tf.mul(dy, scale);
      const along = tf.mul(normalized, tf.mean(tf.mul(g, normalized), -1, true));
      return tf.mul(tf.sub(tf.sub(g, tf.mean(g, -1, true)), along), inverse);
    };
    return {
      x: x_,
      scale: () => tf.sum(rowsOf(tf.mul(dy, normalized)), 0),
      offset: () => tf.sum(rowsOf(dy), 0),
    };
  },
});

/** @param x [..., n] @param scale [n] @param offset [n] */
export const layerNormOf = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor | null, epsilon: number): tf.Tensor =>
  run('LayerNorm', offset ? { x, scale, offset } : { x, scale }, { epsilon })[0];

interface LayerNormalization {
  readonly axis: readonly number[];
  readonly epsilon: number;
  readonly gamma: { read(): tf.Tensor } | null;
  readonly beta: { read(): tf.Tensor } | null;
  call(inputs: tf.Tensor | tf.Tensor[], kwargs: object): tf.Tensor | tf.Tensor[];
}
const normalization = prototypeOf<LayerNormalization>('LayerNormalization');
const composed = normalization.call;
normalization.call = function whole(inputs, kwargs) {
  const [x] = [inputs].flat();
  const kept = x.rank - this.axis.length;
  if (!isWhole('LayerNorm') || !this.axis.every((axis, i) => axis === kept + i)) {
    return composed.call(this, inputs, kwargs);
  }
  return tf.tidy(() => {
    const length = tf.util.sizeFromShape(x.shape.slice(kept));
    const scale = this.gamma ? tf.reshape(this.gamma.read(), [length]) : tf.ones([length]);
    const offset = this.beta && tf.reshape(this.beta.read(), [length]);
    const y = layerNormOf(tf.reshape(x, [...x.shape.slice(0, kept), length]), scale, offset, this.epsilon);
    return tf.reshape(y, x.shape);
  });
};

/**
 * The Gaussian error linear unit (Hendrycks and Gimpel 2016), exact or by a hyperbolic tangent: to x * share, and to the share,
 * which is the normal distribution's at x, or near it. dx = dy * (share + x * the slope of the share).
 */
tf.registerGradient({
  kernelName: 'Gelu',
  inputsToSave: ['x'],
  outputsToSave: [false, true],
  gradFunc: (dys, [x, share], attrs) => {
    const [dy] = dys as tf.Tensor[];
    const slope = () => {
      const squared = tf.square(x);
      if (!attrs.approximate) return tf.mul(tf.exp(tf.mul(squared, -0.5)), Math.sqrt(0.5 / Math.PI));
      const inner = tf.add(tf.mul(squared, 6 * cubic * Math.sqrt(2 / Math.PI)), 2 * Math.sqrt(2 / Math.PI));
      return tf.mul(inner, tf.mul(share, tf.sub(1, share)));
    };
    return { x: () => tf.mul(dy, tf.add(share, tf.mul(x, slope()))) };
  },
});
const cubic = 0.044715;

for (const [className, approximate] of [
  ['gelu', false],
  ['gelu_new', true],
] as const) {
  const activation = prototypeOf<{ apply(x: tf.Tensor): tf.Tensor }>(className);
  const { apply } = activation;
  activation.apply = function whole(x) {
    return isWhole('Gelu') ? tf.tidy(() => run('Gelu', { x }, { approximate })[0]) : apply.call(this, x);
  };
}
