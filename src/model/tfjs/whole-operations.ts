/**
 * Operations that tfjs puts together of many kernels, and that the compiled engine has as a whole, each with its gradient: layer
 * normalization, root mean square normalization, GELU, silu, and softmax cross-entropy on class indices. Whoever calls tfjs's layer or activation gets them; backends without such a kernel compute as ever.
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

/** Computed when it is first asked for. */
function once<T>(body: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: body() };
    return made.value;
  };
}

/** Normalizes along the last axis (Ba et al. 2016): to the result, and to mean and inverse deviation, [..., 1]. */
tf.registerGradient({
  kernelName: 'LayerNorm',
  inputsToSave: ['x', 'scale'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, [x, scale, mean, inverse]) => {
    const [dy] = dys as tf.Tensor[];
    const made = once(() => run('LayerNormGrad', { x, mean, inverse, scale, dy }, {}));
    return { x: () => made()[0], scale: () => made()[1], offset: () => made()[2] };
  },
});

/** Normalizes along the last axis by the root of the mean square (Zhang and Sennrich 2019): to the result, and to the inverse root, [..., 1]. */
tf.registerGradient({
  kernelName: 'RmsNorm',
  inputsToSave: ['x', 'scale'],
  outputsToSave: [false, true],
  gradFunc: (dys, [x, scale, inverse]) => {
    const [dy] = dys as tf.Tensor[];
    const made = once(() => run('RmsNormGrad', { x, inverse, scale, dy }, {}));
    return { x: () => made()[0], scale: () => made()[1] };
  },
});

/** x / sqrt(mean of its squares along the last axis + epsilon) * scale. @param x [..., n] @param scale [n] */
export const rmsNormOf = (x: tf.Tensor, scale: tf.Tensor, epsilon: number): tf.Tensor =>
  isWhole('RmsNorm')
    ? run('RmsNorm', { x, scale }, { epsilon })[0]
    : tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))), scale);

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

interface Activation {
  apply(x: tf.Tensor): tf.Tensor;
}

/**
 * Activations that are x times a share of it: the Gaussian error linear unit, exact and by a hyperbolic tangent (Hendrycks and Gimpel
 * 2016), and silu. To the result and its slope, by which the gradient is multiplied.
 */
tf.registerGradient({
  kernelName: 'Activation',
  inputsToSave: [],
  outputsToSave: [false, true],
  gradFunc: (dys, [slope]) => ({ x: () => tf.mul((dys as tf.Tensor[])[0], slope) }),
});

/** What an activation makes of x. @param className as tfjs registers it */
export const activatedBy = (className: string, x: tf.Tensor): tf.Tensor =>
  new (classNameMap[className][0] as unknown as new () => Activation)().apply(x);

for (const [className, kind] of [
  ['gelu', 'gelu'],
  ['gelu_new', 'geluTanh'],
  ['swish', 'silu'],
] as const) {
  const activation = prototypeOf<Activation>(className);
  const { apply } = activation;
  activation.apply = function whole(x) {
    return isWhole('Activation') ? tf.tidy(() => run('Activation', { x }, { kind })[0]) : apply.call(this, x);
  };
}

/**
 * Softmax cross-entropy on class indices: to the losses, and to the greatest logit of each row and the sum of the exponentials below it.
 * The gradient is softmax less 1 at the target: no operation but the two reads or writes a number for every class.
 */
tf.registerGradient({
  kernelName: 'SoftmaxCrossEntropy',
  inputsToSave: ['logits', 'targets'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, [logits, targets, greatest, sums]) => {
    const [dy] = dys as tf.Tensor[];
    return { logits: () => run('SoftmaxCrossEntropyGrad', { logits, targets, greatest, sums, dy }, {})[0] };
  },
});

/** Classes, and numbers of all rows, from which on a kernel of its own takes less time than the operations that it replaces. */
const [fewestClasses, fewestLogits] = [64, 16384];

/**
 * Softmax cross-entropy of class indices.
 * @param targets [...]; one that is no class has loss 0
 * @param logits [..., classes]
 * @returns [...], or undefined where putting it together of other operations is as fast, or all that the engine can
 */
export function crossEntropyOf(targets: tf.Tensor, logits: tf.Tensor): tf.Tensor | undefined {
  const isLarge = logits.shape.at(-1)! >= fewestClasses && logits.size >= fewestLogits;
  return isLarge && isWhole('SoftmaxCrossEntropy') ? run('SoftmaxCrossEntropy', { logits, targets }, {})[0] : undefined;
}
