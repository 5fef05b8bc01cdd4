/** A model, a loss and a metric in TypeScript, for own-model.ts. The compiled engine traces them once; threads run none of it. */
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ExampleFunction, ModelFunction } from 'lockstep';

/** Two layers with a connection around the second. */
const build: ModelFunction = (tf, { inputShape, options }) => {
  const input = tf.input({ shape: inputShape });
  const layer = () => tf.layers.dense({ units: options.width as number, activation: 'tanh' });
  const first = layer().apply(input) as SymbolicTensor;
  const second = layer().apply(first) as SymbolicTensor;
  const sum = tf.layers.add().apply([first, second]) as SymbolicTensor;
  return tf.model({ inputs: input, outputs: tf.layers.dense({ units: 1 }).apply(sum) as SymbolicTensor });
};
export default build;

/** log(cosh(error)): a square near zero and a line far from it. One number an example. */
export const logCosh: ExampleFunction = (tf, targets, outputs) => {
  const size = tf.abs(tf.sub(outputs, targets));
  return tf.mean(tf.sub(tf.add(size, tf.softplus(tf.mul(size, -2))), Math.LN2), -1);
};

/** Whether a prediction is within a tenth of its target: the mean over examples is their share. */
export const within: ExampleFunction = (tf, targets, outputs) =>
  tf.mean(tf.cast(tf.less(tf.abs(tf.sub(outputs, targets)), 0.1), 'float32'), -1);
