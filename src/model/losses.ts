/** Losses as tfjs operations: numbers whose mean is an example's loss, so that shards of any size add up exactly. */

import tf = require('@tensorflow/tfjs-core');

import { type LossConfig, lossSettings } from '../config/model.js';
import { usualDelta } from '../config/usual.js';
import { ModelError } from '../errors.js';
import { decided, type Outputs, type ProbabilityKind } from './outputs.js';
import type { PlaceValues } from './place-losses.js';
import { crossEntropyOf } from './tfjs/whole-operations.js';

/** What a loss needs to know of the data and of the model's last layer. */
export interface OutputSpec {
  /** Shape of one example's output. */
  readonly shape: readonly number[];
  readonly outputs: Outputs;
  /** Shape of one example's target; a class index has none, one for each place of a sequence has [places]. */
  readonly targetShape: readonly number[];
  readonly classes?: number;
  /** Hinge reads targets of 0 as -1, as it does the first of two class indices. */
  readonly zeroOne?: boolean;
}

/** Maps targets and outputs of a batch, [n, ...] each, to the losses of its places. */
export type Loss = (targets: tf.Tensor, outputs: tf.Tensor) => PlaceValues;

// tf.backend().epsilon() of float32: keeps logarithms of probabilities finite.
const epsilon = 1e-7;

/** Cross-entropy of a distribution: -sum(target * log p), over the last axis. */
function crossEntropy(targets: tf.Tensor, outputs: tf.Tensor, probabilities: boolean): tf.Tensor {
  const logs = probabilities
    ? tf.log(tf.clipByValue(tf.div(outputs, tf.sum(outputs, -1, true)), epsilon, 1 - epsilon))
    : tf.logSoftmax(outputs);
  return tf.neg(tf.sum(tf.mul(targets, logs), -1));
}

/** Binary cross-entropy; on logits in the form that cannot overflow: max(x, 0) - x * t + log(1 + exp(-|x|)). */
function binaryCrossEntropy(targets: tf.Tensor, outputs: tf.Tensor, probabilities: boolean): tf.Tensor {
  if (!probabilities) {
    return tf.add(tf.sub(tf.relu(outputs), tf.mul(outputs, targets)), tf.log1p(tf.exp(tf.neg(tf.abs(outputs)))));
  }
  const p = tf.clipByValue(outputs, epsilon, 1 - epsilon);
  return tf.neg(tf.add(tf.mul(targets, tf.log(p)), tf.mul(tf.sub(1, targets), tf.log(tf.sub(1, p)))));
}

/** Huber 1964: quadratic up to delta, linear beyond. */
function huber(targets: tf.Tensor, outputs: tf.Tensor, delta: number): tf.Tensor {
  const error = tf.abs(tf.sub(outputs, targets));
  const quadratic = tf.minimum(error, delta);
  return tf.add(tf.mul(tf.square(quadratic), 0.5), tf.mul(tf.sub(error, quadratic), delta));
}

/** Class indices as one-hot rows; other targets as they are, in the shape of the outputs. */
function asOutputs(targets: tf.Tensor, outputs: tf.Tensor, spec: OutputSpec, loss: string): tf.Tensor {
  if (spec.classes === undefined) {
    const numbers = tf.reshape(targets, outputs.shape);
    return loss === 'hinge' && spec.zeroOne ? tf.sub(tf.mul(numbers, 2), 1) : numbers;
  }
  if (spec.shape.at(-1) === spec.classes && loss === 'categoricalCrossentropy') {
    return tf.oneHot(targets, spec.classes);
  }
  const numbers = tf.reshape(tf.cast(targets, 'float32'), outputs.shape);
  // Hinge reads its two classes as -1 and 1.
  return loss === 'hinge' ? tf.sub(tf.mul(numbers, 2), 1) : numbers;
}

/**
 * The loss function of a config.
 * @throws ModelError when the loss does not fit the model's output or the targets
 */
export function createLoss(config: LossConfig, spec: OutputSpec): Loss {
  const { name, fromLogits, delta = usualDelta, ignoreClass } = lossSettings(config);
  const kind = name.endsWith('rossentropy') ? decided(spec.outputs, `loss ${name}`, name) : undefined;
  checkFit(name, spec, fromLogits === undefined ? kind : undefined);
  const probabilities = kind === 'softmax' || kind === 'sigmoid';
  if (ignoreClass !== undefined && spec.classes === undefined) {
    throw new ModelError(
      `loss ${name}: ignoreClass ${ignoreClass} is for class indices, and the targets are numbers`,
      'use sparseCategoricalCrossentropy with class indices, or leave ignoreClass out',
    );
  }
  const loss = lossOf(name, spec, probabilities, delta);
  if (ignoreClass === undefined) return loss;
  return (targets, outputs) => {
    const valid = tf.notEqual(targets, tf.scalar(ignoreClass, 'int32'));
    // An ignored class may be no class: one-hot rows need one.
    return { ...loss(tf.mul(targets, tf.cast(valid, 'int32')), outputs), valid };
  };
}

function lossOf(name: string, spec: OutputSpec, probabilities: boolean, delta: number): Loss {
  return (targets, outputs) => {
    if (name === 'sparseCategoricalCrossentropy') {
      const whole = probabilities ? undefined : crossEntropyOf(targets, outputs);
      const hot = () => tf.oneHot(targets, outputs.shape.at(-1)!);
      return { values: whole ?? crossEntropy(hot(), outputs, probabilities) };
    }
    const wanted = asOutputs(targets, outputs, spec, name);
    switch (name) {
      case 'categoricalCrossentropy':
        return { values: crossEntropy(wanted, outputs, probabilities) };
      case 'binaryCrossentropy':
        return { values: binaryCrossEntropy(wanted, outputs, probabilities) };
      case 'meanAbsoluteError':
        return { values: tf.abs(tf.sub(outputs, wanted)) };
      case 'huber':
        return { values: huber(wanted, outputs, delta) };
      case 'hinge':
        return { values: tf.relu(tf.sub(1, tf.mul(wanted, outputs))) };
      default:
        return { values: tf.square(tf.sub(outputs, wanted)) };
    }
  };
}

/** @param kind of the outputs, where the user has not said it */
function checkFit(name: string, { shape, targetShape, classes }: OutputSpec, kind?: ProbabilityKind): void {
  const output = `the model's output [${shape.join(', ')}]`;
  const units = shape.at(-1) ?? 1;
  const said = `loss: { ${name}: { fromLogits: false } }`;
  /** Whether the output has `width` numbers for each class index. */
  const fits = (width: number) => shape.join() === [...targetShape, width].join();
  const places = targetShape.length > 0 ? ` at each of [${targetShape.join(', ')}] places` : '';
  const after = shape.length > 1 ? ', after flatten or a layer that pools' : '';
  const keep = places ? ', after layers that keep every place (returnSequences: true)' : after;
  const fail = (problem: string, remedy: string) => {
    throw new ModelError(`loss ${name} does not fit ${problem}`, remedy);
  };
  if (name === 'sparseCategoricalCrossentropy' || (name === 'categoricalCrossentropy' && classes !== undefined)) {
    if (classes === undefined)
      fail('targets that are not class indices', 'use categoricalCrossentropy or meanSquaredError');
    // Rows of 0 and 1 that were read as a class at each place.
    const isRows = classes === 2 && targetShape.length > 0 && shape.join() === targetShape.join();
    if (isRows && name === 'sparseCategoricalCrossentropy') {
      fail(
        `${output}: the data has a class${places}`,
        'use categoricalCrossentropy if each row has one 1, else binaryCrossentropy',
      );
    }
    if (!fits(classes!)) {
      fail(
        `${output}: the data has ${classes} classes${places}`,
        `end the model with a dense layer of ${classes} units (units: classes)${keep}`,
      );
    }
    if (kind === 'sigmoid') fail('a sigmoid output', `use softmax or no activation on the last layer, or say ${said}`);
    return;
  }
  if (name === 'categoricalCrossentropy' && units < 2) {
    fail(`${output}: one unit has no other class`, 'use binaryCrossentropy, or give the last layer a unit a class');
  }
  if (classes !== undefined) {
    if (name !== 'binaryCrossentropy' && name !== 'hinge') {
      fail('class indices', 'use sparseCategoricalCrossentropy (or binaryCrossentropy for two classes)');
    }
    if (classes > 2) fail(`${classes} classes`, 'use sparseCategoricalCrossentropy');
    if (!fits(1))
      fail(
        `${output}${places && `: the data has a class${places}`}`,
        `end the model with a dense layer of 1 unit${keep}`,
      );
  } else if (shape.join() !== targetShape.join()) {
    fail(`${output}: a target has shape [${targetShape.join(', ')}]`, 'give the last layer the shape of the targets');
  }
  if (name === 'binaryCrossentropy' && kind === 'softmax') {
    fail('a softmax output', `use sigmoid or no activation on the last layer, or say ${said}`);
  }
}
