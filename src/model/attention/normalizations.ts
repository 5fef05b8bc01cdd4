/** Normalization of rows, and the layer of the one that tfjs lacks. */
import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { isWhole, layerNormOf, rmsNormOf } from '../tfjs/whole-operations.js';
import { type Args, singleShape, WeightedLayer } from './weighted-layer.js';

/** Normalizes along the last axis (Ba et al. 2016). @param scale and @param offset of the length of that axis */
export function layerNorm(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: number): tf.Tensor {
  if (isWhole('LayerNorm')) return layerNormOf(x, scale, offset, epsilon);
  const { mean, variance } = tf.moments(x, -1, true);
  const normalized = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(normalized, scale), offset);
}

/** `rmsNormalization`: Keras 3's RMSNormalization along the last axis (Zhang and Sennrich 2019). */
export class RMSNormalization extends WeightedLayer {
  static readonly className: string = 'RMSNormalization';
  readonly epsilon: number;

  constructor(args: Args = {}) {
    super(args);
    this.epsilon = (args.epsilon as number | undefined) ?? 1e-6;
  }
  override build(inputShape: tfl.Shape): void {
    this.weight('scale', [singleShape(inputShape).at(-1)!], tfl.initializers.ones());
    this.built = true;
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => rmsNormOf([inputs].flat()[0], this.read('scale'), this.epsilon));
  }
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), epsilon: this.epsilon };
  }
}
