/** Buckets: lengths that batches of sequences are cut to, so that short ones are not computed at the length of the longest. */
import { ConfigError } from '../errors.js';
import type { Examples } from './examples.js';
import { type Field, ofRole, strideOf, weightsOf, widthOf } from './field.js';
import { batchOf, evaluationBatches, type Geometry, stepsOf } from './geometry.js';

export interface Buckets {
  /** Places of the sequences of each, ascending; the last holds all. */
  readonly places: readonly number[];
  /** Places to which the examples are filled up. */
  readonly full: number;
  /** Of each example the first bucket that holds its sequences. */
  readonly of: Uint8Array;
}

/** What is cut into batches. */
export interface BatchedRows {
  /** Examples of the training split, and of its batches; absent where nothing is trained. */
  readonly training?: {
    readonly rows: Int32Array;
    readonly batchSize: number;
    /** Whether examples of one bucket come together. */
    readonly groupByLength: boolean;
  };
  /** Examples of the splits that are evaluated. */
  readonly evaluated: readonly Int32Array[];
  readonly evaluationBatch: number;
}

/** The least bucket of `auto`. */
const leastPlaces = 8;

/** Names of the fields that have a value for each place of a sequence that was filled up, with its mask. */
function sequencesIn(fields: readonly Field[]): Set<string> {
  const names = new Set(ofRole(fields, 'mask').flatMap(({ name, of }) => [name, of!]));
  for (const target of ofRole(fields, 'target')) {
    const weights = weightsOf(fields, target);
    if (weights && names.has(target.name)) names.add(weights.name);
  }
  return names;
}

/** The fields of batches whose sequences have so many places at most. @param places undefined leaves them as they are */
export function cutFields<F extends Field>(fields: readonly F[], places: number | undefined): readonly F[] {
  if (places === undefined) return fields;
  const cut = sequencesIn(fields);
  return fields.map((field) => {
    const [own, ...rest] = field.shape;
    return cut.has(field.name) && own > places ? { ...field, shape: [places, ...rest] } : field;
  });
}

/** The bucket of a batch: the first that holds the sequences of all its examples, whoever computes which of them. */
export function bucketOf(buckets: Buckets | undefined, batch: Int32Array): number {
  if (!buckets) return 0;
  let bucket = 0;
  for (const example of batch) bucket = Math.max(bucket, buckets.of[example]);
  return bucket;
}

/** The bucket of each step of an epoch. @param order example indices of the epoch */
export function stepBuckets(
  buckets: Buckets,
  cut: Pick<Geometry, 'training' | 'batchSize'>,
  order: Int32Array,
): Uint8Array {
  return Uint8Array.from({ length: stepsOf(cut) }, (_, step) => {
    const { start, count } = batchOf(cut, step);
    return bucketOf(buckets, order.subarray(start, start + count));
  });
}

/** The batches in which examples are evaluated, each with its bucket. */
export function bucketedBatches(
  buckets: Buckets | undefined,
  geometry: Pick<Geometry, 'evaluationBatch'>,
  rows: Int32Array,
): { batch: number; bucket: number; rows: Int32Array }[] {
  return evaluationBatches(geometry, rows.length).map(({ start, count }, batch) => {
    const own = rows.subarray(start, start + count);
    return { batch, bucket: bucketOf(buckets, own), rows: own };
  });
}

/**
 * The buckets of a run: a function of its examples, splits and batch size alone.
 * @param asked places of the sequences, ascending; `auto`: powers of two
 * @throws ConfigError where no input is a sequence of unequal length
 */
export function planBuckets(asked: readonly number[] | 'auto', examples: Examples, batched: BatchedRows): Buckets {
  const masks = sequenceMasks(examples.columns);
  if (masks.length === 0) {
    throw new ConfigError(
      'training.buckets: no input of the data is a sequence of unequal length',
      'say which is by data.length, where the source has it, or leave training.buckets out',
    );
  }
  const full = Math.max(...masks.map(({ shape: [places] }) => places));
  const lengths = lengthsOf(examples);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  const wanted = asked === 'auto' ? powersOfTwo(full) : asked;
  const last = Math.min(full, wanted.find((places) => places >= longest) ?? full);
  const shorter = wanted.filter((places) => places < last);
  const kept = worthIt(bucketsOf(lengths, [...shorter, last], full), batched);
  return bucketsOf(lengths, [...shorter.filter((_, bucket) => kept.has(bucket)), last], full);
}

function powersOfTwo(below: number): number[] {
  const powers: number[] = [];
  for (let places = leastPlaces; places < below; places *= 2) powers.push(places);
  return powers;
}

function bucketsOf(lengths: Int32Array, places: readonly number[], full: number): Buckets {
  const of = new Uint8Array(lengths.length);
  for (let i = 0; i < of.length; i++) of[i] = places.findIndex((most) => lengths[i] <= most);
  return { places, full, of };
}

/** Not those of windows of a text, which are full. */
const sequenceMasks = <F extends Field>(fields: readonly F[]): F[] =>
  ofRole(fields, 'mask').filter((mask) => strideOf(mask) >= widthOf(mask));

/** Places of each example's longest sequence. */
function lengthsOf({ count, columns }: Examples): Int32Array {
  const lengths = new Int32Array(count);
  for (const mask of sequenceMasks(columns)) {
    const { values, shape } = mask;
    const [places] = shape;
    const stride = strideOf(mask);
    for (let i = 0; i < count; i++) {
      let length = places;
      while (length > lengths[i] && values[i * stride + length - 1] === 0) length--;
      lengths[i] = Math.max(lengths[i], length);
    }
  }
  return lengths;
}

/** A bucket is worth its graphs where so many of the batches of an epoch are expected to have it. */
const leastShare = 0.01;

/** Buckets that are worth it: the examples of a large batch are hardly ever all short, unless most are. */
function worthIt(buckets: Buckets, { training, evaluated, evaluationBatch }: BatchedRows): Set<number> {
  if (!training) {
    const batches = evaluated.flatMap((rows) => bucketedBatches(buckets, { evaluationBatch }, rows));
    return new Set(batches.map(({ bucket }) => bucket));
  }
  const { rows, batchSize, groupByLength } = training;
  const drawn = groupByLength ? 1 : batchSize;
  const counts = new Int32Array(buckets.places.length);
  for (const row of rows) counts[buckets.of[row]]++;
  const worth = new Set<number>();
  let [upTo, before] = [0, 0];
  counts.forEach((count, bucket) => {
    upTo += count;
    // That a whole batch is among these; less that it is in a bucket before.
    let within = 1;
    for (let i = 0; i < drawn; i++) within *= Math.max(0, upTo - i) / (rows.length - i);
    if (within - before < leastShare) return;
    worth.add(bucket);
    before = within;
  });
  return worth;
}
