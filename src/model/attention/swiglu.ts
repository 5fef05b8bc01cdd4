/** `swiglu`: the gate of a feed-forward part that is put together of dense layers. */
import tf = require('@tensorflow/tfjs-core');

import type tfl = require('@tensorflow/tfjs-layers');

import { activatedBy } from '../tfjs/whole-operations.js';
import { type Args, Misuse, singleShape, WeightedLayer } from './weighted-layer.js';

/** silu of the first half of the last axis times the second half (Shazeer 2020), [..., 2n] to [..., n]. */
export class Swiglu extends WeightedLayer {
  static readonly className: string = 'Swiglu';

  constructor(args: Args = {}) {
    super(args);
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [gate, value] = tf.split([inputs].flat()[0]!, 2, -1) as [tf.Tensor, tf.Tensor];
      return tf.mul(activatedBy('swish', gate), value);
    });
  }
  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const shape = singleShape(inputShape);
    const width = shape.at(-1)!;
    if (width % 2 !== 0) {
      throw new Misuse(
        `swiglu takes two halves, and is given ${width} numbers`,
        `give the layer before it an even width, such as ${width + 1}`,
      );
    }
    return [...shape.slice(0, -1), width / 2];
  }
}
