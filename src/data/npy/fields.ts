/** The fields of `source: npy`, as its config says them. */
import type { NpyConfig } from '../../config/data.js';
import type { NpyArrayConfig, SequenceKeys } from '../../config/npy.js';
import { plainNames } from '../../config/plain-names.js';
import type { FieldEncoding } from '../encoding.js';
import type { ArrayLocation, Substitute } from './array-place.js';

export interface InputArray {
  readonly name: string;
  readonly place: ArrayLocation;
  readonly scale: number;
  readonly categories?: number;
  /** Set for sequences: how many places each has, or where each starts. */
  readonly lengths?: ArrayLocation;
  readonly offsets?: ArrayLocation;
  /** Places that all are filled up to. */
  readonly length?: number | 'longest';
  readonly truncate: boolean;
}

export interface TargetArray {
  readonly name: string;
  readonly place: ArrayLocation;
  readonly type?: 'class' | 'number';
  readonly standardize?: boolean;
  readonly weights?: ArrayLocation;
  /** An input that is sequences, where the target has something of each of their places. */
  readonly placesOf?: string;
}

const same: Substitute = (_, place) => place;

/** Where arrays are: texts are files, or members of the file that all are in. */
function placer({ file }: NpyConfig, substitute: Substitute) {
  function placed(name: string, array: NpyArrayConfig): ArrayLocation;
  function placed(name: string, array: NpyArrayConfig | undefined): ArrayLocation | undefined;
  function placed(name: string, array: NpyArrayConfig | undefined): ArrayLocation | undefined {
    if (array === undefined) return undefined;
    if (typeof array !== 'string') return substitute(name, { file: array.file ?? file!, member: array.member });
    return substitute(name, file === undefined ? { file: array } : { file, member: array });
  }
  return placed;
}

export function inputArrays(config: NpyConfig, substitute = same): InputArray[] {
  const { features, inputs } = config;
  const placed = placer(config, substitute);
  const sequences = (prefix: string, { lengths, offsets, length, truncate = false }: SequenceKeys) => ({
    lengths: placed(`${prefix}lengths`, lengths),
    offsets: placed(`${prefix}offsets`, offsets),
    length,
    truncate,
  });
  if (!inputs) {
    const name = plainNames.input;
    return [{ name, place: placed(name, features!), scale: config.scale, ...sequences('', config) }];
  }
  return Object.entries(inputs).map(([name, input]) => {
    const { scale = 1, categories, ...rest } = typeof input === 'string' ? {} : input;
    return { name, place: placed(name, input), scale, categories, ...sequences(`${name}_`, rest) };
  });
}

/** What is kept of an input for whoever gives a trained model others. */
export function knownOf({ scale, place, lengths, offsets }: InputArray): Partial<FieldEncoding> {
  const found = { values: place.member, lengths: lengths?.member, offsets: offsets?.member };
  const members = Object.fromEntries(Object.entries(found).filter(([, member]) => member !== undefined));
  return { scale, ...(Object.keys(members).length > 0 && { members }) };
}

/** Those that are inputs are not read. */
export function targetArrays(config: NpyConfig, substitute = same): TargetArray[] {
  const { targets, targetType: type, standardizeTargets: standardize, weights, placesOf } = config;
  const placed = placer(config, substitute);
  if (typeof targets === 'string') {
    const name = plainNames.target;
    const own = placed(plainNames.weight, weights);
    return [{ name, place: placed(name, targets), type, standardize, weights: own, placesOf }];
  }
  return Object.entries(targets).flatMap(([name, target]) => {
    if (typeof target === 'object' && 'of' in target) return [];
    const place = placed(name, target);
    if (typeof target === 'string') return { name, place };
    const own = placed(`${name}_weights`, target.weights);
    return { name, place, type: target.type, standardize: target.standardize, weights: own, placesOf: target.placesOf };
  });
}
