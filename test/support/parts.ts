/** Examples of one input, one target and perhaps weights, as flat as most tests look at them. */
import type tf = require('@tensorflow/tfjs-core');

import {
  type Examples,
  inputColumn,
  plainColumn,
  type RowFile,
  targetColumn,
  weightColumn,
} from '../../src/data/examples.js';
import type { Field, FieldType } from '../../src/data/field.js';
import type { BatchBuffers } from '../../src/engine/engine.js';
import type { BatchTensors } from '../../src/engine/heads.js';

export interface Parts {
  readonly count: number;
  readonly features: Float32Array | Uint8Array;
  readonly file?: RowFile;
  readonly featureScale: number;
  readonly featureShape: readonly number[];
  readonly featureStride?: number;
  readonly targets: Int32Array | Float32Array;
  readonly targetShape: readonly number[];
  readonly targetStride?: number;
  readonly classes?: number;
  readonly weights?: Float32Array;
  readonly weightShape?: readonly number[];
}

export function partsOf(examples: Examples): Parts {
  const [input, target, weight] = [inputColumn(examples), targetColumn(examples), weightColumn(examples)];
  return {
    count: examples.count,
    features: input.values as Parts['features'],
    file: input.file,
    featureScale: input.scale ?? 1,
    featureShape: input.shape,
    featureStride: input.stride,
    targets: target.values as Parts['targets'],
    targetShape: target.shape,
    targetStride: target.stride,
    classes: target.categories,
    weights: weight?.values as Parts['weights'],
    weightShape: weight && weight.shape.length > 0 ? weight.shape : undefined,
  };
}

export function examplesOf(parts: Parts): Examples {
  const { count, features, file, featureScale, featureShape, featureStride } = parts;
  const { targets, targetShape, targetStride, classes, weights, weightShape = [] } = parts;
  const input = { values: features, file, scale: featureScale, shape: featureShape, stride: featureStride };
  const target = { values: targets, shape: targetShape, stride: targetStride, categories: classes };
  return {
    count,
    columns: [
      plainColumn('input', input),
      plainColumn('target', target),
      ...(weights ? [plainColumn('weight', { values: weights, shape: weightShape })] : []),
    ],
  };
}

/** The buffers of a batch of such examples. */
export function batchParts([features, targets, weights]: BatchBuffers) {
  return {
    features: features as Parts['features'],
    targets: targets as Parts['targets'],
    weights: weights as Parts['weights'],
  };
}

interface FlatFields {
  readonly featureShape: readonly number[];
  readonly featureType?: FieldType;
  readonly featureScale?: number;
  readonly targetShape: readonly number[];
  readonly targetType?: FieldType;
  readonly classes?: number;
  /** Shape of an example's weights, where it has some. */
  readonly weightShape?: readonly number[];
}

/** Fields of such examples. */
export function fieldsOf(flat: FlatFields): Field[] {
  const { featureShape, featureType = 'float32', featureScale, targetShape, targetType = 'float32' } = flat;
  const { classes, weightShape } = flat;
  return [
    { name: 'features', role: 'input', type: featureType, shape: featureShape, scale: featureScale },
    { name: 'targets', role: 'target', type: targetType, shape: targetShape, categories: classes },
    ...(weightShape ? [{ name: 'weights', role: 'weight', type: 'float32', shape: weightShape } as const] : []),
  ];
}

/** A batch of such examples. */
export const batchOfTensors = (features: tf.Tensor, targets: tf.Tensor): BatchTensors =>
  new Map([
    ['features', features],
    ['targets', targets],
  ]);
