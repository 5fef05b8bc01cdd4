/**
 * Which places of an example count, and how much: the masks that layers make, classes that a loss ignores, and weights. As in
 * Keras 3: where places are left out, the loss is the sum over those that count / their number; weights by themselves leave
 * the divisor as it is.
 */
import { plural } from '../ground/units.js';

import tf = require('@tensorflow/tfjs-core');

import type { layers } from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors.js';

/** What a loss or a metric says of a batch. */
export interface PlaceValues {
  /** Numbers of each place, [n, ...places, ...]: their mean is the place's. Or one an example, [n], where `whole`. */
  readonly values: tf.Tensor;
  readonly whole?: boolean;
  /** Places that the loss itself leaves out are false, [n, ...places]. */
  readonly valid?: tf.Tensor;
}

/** What else decides about places. */
export interface Counting {
  /** Numbers of places of an example: of the axes of an output but the last. */
  readonly places: number;
  /** Made by the model's layers, [n, ...]: false where a place is padding. */
  readonly mask?: tf.Tensor;
  /** Of the target, [n, ...]: 0 where a place is padding. */
  readonly present?: tf.Tensor;
  /** Factors of examples, [n], or of places, [n, ...places]. */
  readonly weights?: tf.Tensor;
}

export interface BatchLosses {
  /** Loss of each example, [n]: the mean over its places, or the sum over those that count where some are left out. */
  readonly each: tf.Tensor;
  /** What the sum of all is to be divided by, where that is not the number of examples. */
  readonly divisor?: tf.Tensor;
  /** 1 for each place that counts and 0 for the others, [n, places]; undefined where all do. */
  readonly valid?: tf.Tensor;
}

/** Mean over all but the first axis, [n]. */
const perExample = (values: tf.Tensor): tf.Tensor =>
  values.rank === 1 ? values : tf.mean(tf.reshape(values, [values.shape[0]!, -1]), 1);

/** Numbers of each place, [n, places]. */
export function perPlace({ values }: PlaceValues, places: number): tf.Tensor {
  const rows = tf.reshape(values, [values.shape[0]!, places, -1]);
  return rows.shape[2] === 1 ? tf.reshape(rows, [values.shape[0]!, places]) : tf.mean(rows, 2);
}

/** What is given for the first axes of places, for each place: [n, places], float32. */
function ofEachPlace(given: tf.Tensor, places: number): tf.Tensor {
  const [count] = given.shape as [number];
  const width = given.size / count;
  if (places % width !== 0) {
    throw new ModelError(
      `the model's output has ${plural(places, 'place')} and a mask or weights for ${width}`,
      'end the model with layers that keep every place, or with one that takes no mask further',
    );
  }
  const numbers = tf.cast(tf.reshape(given, [count, width]), 'float32');
  if (width === places) return numbers;
  const spread = tf.mul(tf.reshape(numbers, [count, width, 1]), tf.ones([1, 1, places / width]));
  return tf.reshape(spread, [count, places]);
}

function validPlaces({ valid }: PlaceValues, { mask, present, places }: Counting): tf.Tensor | undefined {
  const given = [mask, present, valid].flatMap((each) => (each ? [ofEachPlace(each, places)] : []));
  return given.length === 0 ? undefined : given.reduce((a, b) => tf.mul(a, b));
}

/** The losses of a batch, with what counts taken into account. */
export function batchLosses(loss: PlaceValues, counting: Counting): BatchLosses {
  const { places, weights } = counting;
  const byPlace = weights !== undefined && weights.rank > 1;
  const valid = validPlaces(loss, counting);
  if (loss.whole && byPlace) {
    throw new ModelError(
      'the loss gives one number an example, and data.weights has one for each place',
      'return a number for each place, the shape of the outputs without the last axis, or weigh examples',
    );
  }
  if (loss.whole || (!valid && !byPlace)) {
    const each = perExample(loss.values);
    return { each: weights ? tf.mul(each, weights) : each, valid };
  }
  let losses = perPlace(loss, places);
  if (weights) losses = tf.mul(losses, byPlace ? ofEachPlace(weights, places) : tf.expandDims(weights, 1));
  if (!valid) return { each: tf.mean(losses, 1) };
  return { each: tf.sum(tf.mul(losses, valid), 1), divisor: tf.sum(valid), valid };
}

/**
 * As `batchLosses`, for one of several outputs: the loss of an example is the mean over its own places that count, 0 where none
 * does, so that the number of examples divides the sum.
 */
export function exampleLosses(loss: PlaceValues, counting: Counting): BatchLosses {
  const { each, divisor, valid } = batchLosses(loss, counting);
  if (!divisor || !valid) return { each, valid };
  return { each: tf.div(each, tf.maximum(tf.sum(valid, 1), 1)), valid };
}

/** Whether a layer of the model makes masks, which may reach its output. */
export const makesMask = (layer: layers.Layer): boolean =>
  layer.getClassName() === 'Masking' || (layer as { maskZero?: boolean }).maskZero === true;
