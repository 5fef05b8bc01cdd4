/** The fields of `source: npy`, as its config says them. */
import type { NpyConfig } from '../../config/data.js';
import type { NpyArrayConfig, SequenceKeys } from '../../config/npy.js';
import { plainNames } from '../../config/plain-names.js';
import type { ArrayPlace } from './files.js';

export interface InputArray {
  readonly name: string;
  readonly place: ArrayPlace;
  readonly scale: number;
  readonly categories?: number;
  /** Of sequences: how many places each has, or where each starts. */
  readonly lengths?: ArrayPlace;
  readonly offsets?: ArrayPlace;
  /** Places that all are filled up to. */
  readonly length?: number | 'longest';
  readonly truncate: boolean;
}

export interface TargetArray {
  readonly name: string;
  readonly place: ArrayPlace;
  readonly type?: 'class' | 'number';
  readonly standardize?: boolean;
  readonly weights?: ArrayPlace;
  /** An input that is sequences, where the target has something of each of their places. */
  readonly placesOf?: string;
}

/** Where an array is: texts are files, or members of the file that all are in. */
function placeIn({ file }: NpyConfig, array: NpyArrayConfig): ArrayPlace {
  if (typeof array !== 'string') return { file: array.file ?? file!, member: array.member };
  return file === undefined ? { file: array } : { file, member: array };
}

const placed = (config: NpyConfig, array: NpyArrayConfig | undefined): ArrayPlace | undefined =>
  array === undefined ? undefined : placeIn(config, array);

export function inputArrays(config: NpyConfig): InputArray[] {
  const { features, inputs } = config;
  const sequences = ({ lengths, offsets, length, truncate }: SequenceKeys) => ({
    ...{ lengths: placed(config, lengths), offsets: placed(config, offsets), length, truncate: truncate ?? false },
  });
  if (!inputs) {
    const { scale } = config;
    return [{ name: plainNames.input, place: placeIn(config, features!), scale, ...sequences(config) }];
  }
  return Object.entries(inputs).map(([name, input]) => {
    const { scale = 1, categories, ...rest } = typeof input === 'string' ? {} : input;
    return { name, place: placeIn(config, input), scale, categories, ...sequences(rest) };
  });
}

/** Those that are inputs are not read. */
export function targetArrays(config: NpyConfig): TargetArray[] {
  const { targets, targetType: type, standardizeTargets: standardize, weights, placesOf } = config;
  if (typeof targets === 'string') {
    const more = { type, standardize, weights: placed(config, weights), placesOf };
    return [{ name: plainNames.target, place: placeIn(config, targets), ...more }];
  }
  return Object.entries(targets).flatMap(([name, target]) => {
    if (typeof target === 'string') return { name, place: placeIn(config, target) };
    if ('of' in target) return [];
    const { type, standardize, weights, placesOf } = target;
    const more = { type, standardize, weights: placed(config, weights), placesOf };
    return { name, place: placeIn(config, target), ...more };
  });
}
