/**
 * Random numbers for functions of users. tfjs's own would differ from run to run, and be compiled into a step as constants:
 * in training these are the step's noise, and while a model is built they have seeds.
 */
import tf = require('@tensorflow/tfjs-core');

import { ModelError } from '../../errors.js';
import { dropout, type HookSlot } from './hooks.js';
import { nextSeed } from './intercept.js';

type Dtype = 'float32' | 'int32';
type Anything = (...rest: unknown[]) => unknown;

/** Functions for which there is no noise of the step, and the place of the seed among their arguments. */
const others = { truncatedNormal: 4, randomGamma: 4, rand: 3 } as const;

const refusal = (name: string, problem: string, remedy: string) => new ModelError(`tf.${name} ${problem}`, remedy);

/**
 * For each number in [0, 1), the class whose part of [0, 1) it falls in: parts are as long as probabilities.
 * @param numbers [batch, samples]
 * @param probabilities [batch, classes]
 */
function classesAt(numbers: tf.Tensor, probabilities: tf.Tensor2D): tf.Tensor {
  const [batch, classes] = probabilities.shape;
  // Rounding may leave the last end below 1: what is beyond all others is the last class.
  const ends = tf.slice(tf.cumsum(probabilities, 1), [0, 0], [batch, classes - 1]);
  const passed = tf.greaterEqual(tf.expandDims(numbers, 2), tf.expandDims(ends, 1));
  return tf.sum(tf.cast(passed, 'int32'), 2);
}

/** tfjs's random functions by their names, with the same arguments. */
export function noiseFunctions(hooks: HookSlot) {
  const seeded = (name: string, seed: number | undefined): number => {
    const known = seed ?? nextSeed();
    if (known !== undefined) return known;
    throw refusal(
      name,
      'draws numbers while the model predicts, where they would differ from run to run',
      'draw them in training alone: where the options of call() have training: true',
    );
  };
  const randomNormal = (shape: number[], mean = 0, deviation = 1, dtype: Dtype = 'float32', seed?: number) => {
    if (!hooks.current) return tf.randomNormal(shape, mean, deviation, dtype, seeded('randomNormal', seed));
    return tf.cast(tf.add(tf.mul(hooks.current.normal(shape), deviation), mean), dtype);
  };
  const refused = Object.entries(others).map(([name, place]) => [
    name,
    (...rest: unknown[]) => {
      if (!hooks.current && rest[place] !== undefined)
        return (tf as unknown as Record<string, Anything>)[name](...rest);
      const remedy = 'use tf.randomUniform or tf.randomNormal; outside of training, give it a seed';
      throw refusal(name, 'has no numbers that another run would draw again', remedy);
    },
  ]);
  const randomUniform = (shape: number[], low = 0, high = 1, dtype: Dtype = 'float32', seed?: number) => {
    if (!hooks.current) return tf.randomUniform(shape, low, high, dtype, seeded('randomUniform', seed));
    const floats = tf.add(tf.mul(hooks.current.uniform(shape), high - low), low);
    return dtype === 'int32' ? tf.cast(tf.floor(floats), dtype) : floats;
  };
  return {
    ...Object.fromEntries(refused),
    randomNormal,
    randomStandardNormal: (shape: number[], dtype?: Dtype, seed?: number) => randomNormal(shape, 0, 1, dtype, seed),
    randomUniform,
    randomUniformInt: (shape: number[], low: number, high: number, seed?: number) =>
      tf.cast(tf.floor(randomUniform(shape, low, high, 'float32', seed)), 'int32'),
    multinomial(logits: tf.Tensor1D | tf.Tensor2D, samples: number, seed?: number, normalized = false) {
      const rows = (logits.rank === 1 ? tf.expandDims(logits, 0) : logits) as tf.Tensor2D;
      const numbers = randomUniform([rows.shape[0], samples], 0, 1, 'float32', seed);
      const classes = classesAt(numbers, normalized ? rows : tf.softmax(rows));
      return logits.rank === 1 ? tf.squeeze(classes, [0]) : classes;
    },
    dropout(x: tf.Tensor, rate: number, shape: number[] = x.shape, seed?: number) {
      if (!hooks.current) return tf.dropout(x, rate, shape, seeded('dropout', seed));
      return rate > 0 ? dropout(hooks.current, x, rate, shape) : x;
    },
  };
}
