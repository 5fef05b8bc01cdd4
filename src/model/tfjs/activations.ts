/** Activation functions of Keras 3 that tfjs lacks, as keras.src.backend.jax.nn has them. Plain tfjs cannot load models with them. */
import './core-gaps.js';

import tf = require('@tensorflow/tfjs-core');

import type tfl = require('@tensorflow/tfjs-layers');

import { everyLayer } from '../layer-tree.js';

type TensorFunction = (x: tf.Tensor) => tf.Tensor;

const relu6of3 = (x: tf.Tensor): tf.Tensor => tf.div(tf.clipByValue(tf.add(x, 3), 0, 6), 6);
const beyond = (x: tf.Tensor, limit: number): tf.Tensor => tf.cast(tf.greater(tf.abs(x), limit), 'float32');

/** By the names under which a config and a saved model have them; files turn capitals into underscores. */
const functions: Readonly<Record<string, TensorFunction>> = {
  exponential: (x) => tf.exp(x),
  leakyRelu: (x) => tf.leakyRelu(x, 0.2),
  /** Another function than tfjs's and Keras 2's hardSigmoid, 0.2 x + 0.5. */
  kerasHardSigmoid: relu6of3,
  hardSilu: (x) => tf.mul(x, relu6of3(x)),
  hardTanh: (x) => tf.clipByValue(x, -1, 1),
  logSigmoid: (x) => tf.neg(tf.softplus(tf.neg(x))),
  softShrink: (x) => tf.sub(x, tf.clipByValue(x, -0.5, 0.5)),
  hardShrink: (x) => tf.mul(x, beyond(x, 0.5)),
  tanhShrink: (x) => tf.sub(x, tf.tanh(x)),
  squareplus: (x) => tf.div(tf.add(x, tf.sqrt(tf.add(tf.square(x), 4))), 2),
  sparsePlus: (x) => tf.add(tf.div(tf.square(tf.add(tf.clipByValue(x, -1, 1), 1)), 4), tf.relu(tf.sub(x, 1))),
  sparseSigmoid: (x) => tf.clipByValue(tf.div(tf.add(x, 1), 2), 0, 1),
};

/** Names of the model's activations that plain tfjs cannot read, each once. */
export function addedActivations(model: tfl.LayersModel): string[] {
  const names = [...everyLayer(model)].flatMap((layer) => {
    const { activation, recurrentActivation } = layer as { activation?: object; recurrentActivation?: object };
    return [activation, recurrentActivation].map((each) => each?.constructor as { className?: string } | undefined);
  });
  return [
    ...new Set(names.flatMap((each) => (each?.className && each.className in functions ? [each.className] : []))),
  ];
}

/** The class of tfjs's own, which it does not export. */
const { relu } = tf.serialization.SerializationMap.getMap().classNameMap;
const Activation = Object.getPrototypeOf(relu[0]) as new () => tf.serialization.Serializable;

for (const [className, apply] of Object.entries(functions)) {
  class Added extends Activation {
    static readonly className = className;
    apply(x: tf.Tensor): tf.Tensor {
      return tf.tidy(() => apply(x));
    }
    getConfig(): tf.serialization.ConfigDict {
      return {};
    }
  }
  tf.serialization.registerClass(Added as never);
}
