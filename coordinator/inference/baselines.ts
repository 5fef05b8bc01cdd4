/** What an example is compared with to explain it: an example without what is to be explained. */
import { type Encoding, fieldsOfTable, type TableEncoding } from '../../src/data/encoding.js';
import { isNumeric } from '../../src/data/table/column-scaling.js';
import { tableWidth } from '../../src/data/table/rows.js';
import { ConfigError } from '../../src/errors.js';
import { type Lookup, vectorsOf } from '../../src/explain/lookups.js';
import type { Point } from '../../src/explain/slopes.js';
import type { InputParts } from './explained-inputs.js';
import type { SavedModel } from './saved-model.js';

/** By their names; anything else is a file with an example. */
export const baselineNames = ['zeros', 'mean', 'white'] as const;
type NamedBaseline = (typeof baselineNames)[number];

export const isNamedBaseline = (text: string): text is NamedBaseline =>
  (baselineNames as readonly string[]).includes(text);

/** Everything that the model is given for an example: inputs, masks, vectors of ids. */
export const pointOf = (lookups: readonly Lookup[], given: readonly Float32Array[]): Point => [
  ...given,
  ...lookups.map((lookup) => vectorsOf(lookup, given[lookup.input])),
];

/**
 * Whether a feature of an input is more than what fills a sequence up.
 * @param given of an example: inputs and masks
 */
export function isThere(
  { inputs, masks }: Pick<SavedModel, 'inputs' | 'masks'>,
  given: readonly Float32Array[],
  input: number,
  feature: number,
): boolean {
  const mask = masks.findIndex(({ of }) => of === input);
  if (mask < 0) return true;
  const places = given[inputs.length + mask];
  return places[Math.floor((feature * places.length) / given[input].length)] > 0;
}

/**
 * The baseline of an example, with its masks.
 * @throws ConfigError where the model's inputs have no such baseline
 */
export function baselineOf(
  saved: SavedModel,
  lookups: readonly Lookup[],
  parts: readonly InputParts[],
  given: readonly Float32Array[],
  name: NamedBaseline,
): Point {
  const { inputs, encoding } = saved;
  const ids = given.map(
    (_, i) => new Set(lookups.flatMap(({ input, features }) => (input === i ? [...features] : []))),
  );
  const values = given.map((own, i) => {
    if (i >= inputs.length) return own;
    const kind = parts[i];
    if (kind.kind === 'picture') return picture(own, kind.channels, name);
    if (name === 'white') throw unfit(name, 'is for pictures');
    // Ids stay: their vectors are the baseline's, and masks that come from ids, as what fills a sequence up, are those of the example.
    if (ids[i].size > 0) return own.map((id, feature) => (ids[i].has(feature) ? id : 0));
    if (name === 'zeros') return new Float32Array(own.length);
    return means(own, inputs[i].name, encoding);
  });
  const vectors = lookups.map((lookup) => {
    const places = lookup.features.length;
    const width = lookup.shape.at(-1)!;
    const vector = name === 'mean' ? meanVector(lookup.table, width) : new Float32Array(width);
    // What fills a sequence up is that of the example, as its mask is.
    const all = vectorsOf(lookup, given[lookup.input]);
    for (let place = 0; place < places; place++) {
      if (isThere(saved, given, lookup.input, lookup.features[place])) all.set(vector, place * width);
    }
    return all;
  });
  return [...values, ...vectors];
}

const unfit = (name: string, why: string) =>
  new ConfigError(
    `--baseline ${name}: ${why}, and the model has other inputs`,
    'use --baseline zeros, or name a file with an example',
  );

/** Its own mean colour. */
function picture(values: Float32Array, channels: number, name: NamedBaseline): Float32Array {
  if (name !== 'mean') return new Float32Array(values.length).fill(name === 'white' ? 1 : 0);
  const means = Array.from({ length: channels }, (_, channel) => {
    let sum = 0;
    for (let i = channel; i < values.length; i += channels) sum += values[i];
    return (sum * channels) / values.length;
  });
  return values.map((_, i) => means[i % channels]);
}

/** Columns of numbers at their means in training, and of no category. */
function means(values: Float32Array, input: string, encoding: Encoding | undefined): Float32Array {
  const table: TableEncoding | undefined = encoding?.input.kind === 'table' ? encoding.input : undefined;
  const fields = table ? fieldsOfTable(table) : [];
  const field = fields.find(({ name }) => name === input) ?? fields[0];
  if (!field) throw unfit('mean', 'is for pictures, tables and ids');
  const found = new Float32Array(values.length);
  let next = 0;
  for (const column of field.columns) {
    if (isNumeric(column)) found[next] = (column.fill - column.mean) * column.scale;
    next += tableWidth([column]);
  }
  return found;
}

function meanVector(table: Float32Array, width: number): Float32Array {
  const sums = new Float64Array(width);
  table.forEach((value, i) => {
    sums[i % width] += value;
  });
  return Float32Array.from(sums, (sum) => (sum * width) / table.length);
}
