/** What goes into attention and comes out of it: heads, and places as turns. */
import tf = require('@tensorflow/tfjs-core');

/** x [batch, places, inputs] times a kernel [inputs, heads, size] and a bias [heads, size]: [batch, heads, places, size]. */
export function toHeads(x: tf.Tensor, kernel: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  const [batch, places, inputs] = x.shape;
  const [, heads, size] = kernel.shape;
  const rows = tf.matMul(tf.reshape(x, [batch * places, inputs]), tf.reshape(kernel, [inputs, heads * size]));
  const biased = bias ? tf.add(rows, tf.reshape(bias, [heads * size])) : rows;
  return tf.transpose(tf.reshape(biased, [batch, places, heads, size]), [0, 2, 1, 3]);
}

/** x [batch, heads, places, size] times a kernel [heads, size, outputs] and a bias [outputs]: [batch, places, outputs]. */
export function fromHeads(x: tf.Tensor, kernel: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  const [batch, heads, places, size] = x.shape;
  const outputs = kernel.shape[2]!;
  const rows = tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch * places, heads * size]);
  const made = tf.matMul(rows, tf.reshape(kernel, [heads * size, outputs]));
  return tf.reshape(bias ? tf.add(made, bias) : made, [batch, places, outputs]);
}

/** Cosines and sines of `places` * 10000^(-2i / size), [places, size / 2] each. */
export function waves(places: number, size: number): { cos: tf.Tensor; sin: tf.Tensor } {
  const half = size / 2;
  const angle = (at: number) => Math.floor(at / half) * 10000 ** (-(at % half) / half);
  const table = (of: (x: number) => number) =>
    tf.tensor2d(
      Float32Array.from({ length: places * half }, (_, at) => of(angle(at))),
      [places, half],
    );
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/**
 * Rotary embedding (Su et al. 2021) of queries or keys [batch, heads, places, size]: number i of the first half and number i of the
 * second are a point, turned by the place times 10000^(-2i / size), as Llama pairs them.
 */
export function rotated(x: tf.Tensor): tf.Tensor {
  const [, , places, size] = x.shape as [number, number, number, number];
  const { cos, sin } = waves(places, size);
  const [first, second] = tf.split(x, 2, -1);
  const turned = [tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))];
  return tf.concat(turned, -1);
}
