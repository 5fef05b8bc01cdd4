/** A model with two branches, a loss and a metric: what configs/own-model.yaml names. */
import type { Tensor1D } from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ExampleFunction, ModelFunction } from 'lockstep';

const build: ModelFunction = (tf, { inputShape, classes, options }) => {
  const filters = options.width as number;
  const image = tf.input({ shape: inputShape });
  const [fine, coarse] = [3, 7].map((kernelSize) => {
    const edges = tf.layers.conv2d({
      filters,
      kernelSize,
      strides: 3,
      activation: 'relu',
      name: `edges_${kernelSize}`,
    });
    return tf.layers.flatten().apply(edges.apply(image)) as SymbolicTensor;
  });
  const both = tf.layers.concatenate().apply([fine, coarse]) as SymbolicTensor;
  const scores = tf.layers.dense({ units: classes ?? 1, name: 'scores' }).apply(both) as SymbolicTensor;
  return tf.model({ inputs: image, outputs: scores });
};
export default build;

/** Focal loss (Lin et al. 2017) with gamma 2: easy examples count less. */
export const focal: ExampleFunction = (tf, targets, outputs) => {
  const hot = tf.oneHot(targets as Tensor1D, outputs.shape[1] as number);
  const right = tf.sum(tf.mul(tf.logSoftmax(outputs), hot), -1);
  return tf.neg(tf.mul(tf.square(tf.sub(1, tf.exp(right))), right));
};

/** How sure the model is of what it says. */
export const confidence: ExampleFunction = (tf, _targets, outputs) => tf.max(tf.softmax(outputs), -1);
