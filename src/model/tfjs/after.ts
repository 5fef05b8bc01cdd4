/** Says to a compiled step when something is to be computed that has been computed before. */
import tf = require('@tensorflow/tfjs-core');

/**
 * x, but not before `done` are there. What is made of it a second time is then neither taken for what was made of x, nor made
 * earlier than it is needed. Backends that compute at once need no telling. Gradients do not pass.
 */
export function computedAfter(x: tf.Tensor, ...done: tf.Tensor[]): tf.Tensor {
  if (tf.getKernel('After', tf.getBackend()) === undefined || x.dtype !== 'float32') return x;
  const inputs = Object.fromEntries(done.map((tensor, i) => [`done${i}`, tensor]));
  return tf.engine().runKernel('After', { x, ...inputs }) as tf.Tensor;
}
