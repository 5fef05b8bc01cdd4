/** How the examples of a split are told apart: by the values of a column, by bins of its numbers, or by several columns at once. */
import type { ExampleColumn } from '../data/example-columns.js';
import { DataError } from '../errors.js';
import { numberText, plural } from '../ground/units.js';
import { quantile } from './intervals.js';

/** Bins of numbers: so many of as many examples each, or by their edges. */
export type Bins = { readonly bins: number } | { readonly edges: readonly number[] };

/** A column, and what tells examples apart by it. */
export interface SliceColumn {
  readonly name: string;
  readonly bins?: Bins;
}

export interface Slicing {
  /** `sex`, or `sex, age`. */
  readonly column: string;
  /** What examples of a slice have in common, slice by slice. */
  readonly values: readonly string[];
  /** The slice of each example of the split. */
  readonly codes: Int32Array;
  /** By the names of columns of numbers: where their bins begin and end. */
  readonly edges: Readonly<Record<string, readonly number[]>>;
}

/** Slices that one column may have. */
const most = 200;
const missing = '(missing)';

/**
 * @param columns of all examples
 * @param rows the examples of the split
 * @param asked who asks, for messages: `--by age:4`
 * @throws DataError where bins are asked of text, or there are too many values
 */
export function slicingOf(
  by: readonly SliceColumn[],
  columns: (name: string) => ExampleColumn,
  rows: Int32Array,
  asked: string,
): Slicing {
  const each = by.map((one) => {
    const column = columns(one.name);
    return one.bins ? byBins(one.name, one.bins, column, rows, asked) : byValues(one.name, column, rows);
  });
  const whole = each.length === 1 ? each[0] : crossed(each, rows.length);
  if (whole.values.length <= most) return whole;
  const numbers = by.find(({ name, bins }) => !bins && columns(name).numbers.every((value) => !Number.isNaN(value)));
  throw new DataError(
    `${asked}: there are ${plural(whole.values.length, 'value')} of ${whole.column}, more than the ${most} slices that are told apart`,
    numbers ? `ask for bins: ${numbers.name}:4` : 'name a column of fewer values',
  );
}

function byValues(column: string, { codes, values }: ExampleColumn, rows: Int32Array): Slicing {
  return distinct(
    column,
    rows,
    (row) => codes[row],
    (code) => (code < 0 ? missing : values[code] || '""'),
    {},
  );
}

function byBins(name: string, bins: Bins, { codes, values, numbers }: ExampleColumn, rows: Int32Array, asked: string) {
  const text = rows.find((row) => codes[row] >= 0 && Number.isNaN(numbers[codes[row]]));
  if (text !== undefined) {
    throw new DataError(
      `${asked}: column ${name} holds ${JSON.stringify(values[codes[text]])}, which is no finite number`,
      `slice by its values: ${name}`,
    );
  }
  const held = Float64Array.from(
    rows.filter((row) => codes[row] >= 0),
    (row) => numbers[codes[row]],
  ).sort();
  const inner = 'edges' in bins ? bins.edges : quantileEdges(held, bins.bins);
  const ends = 'edges' in bins || held.length === 0 ? undefined : ([held[0], held[held.length - 1]] as const);
  const codeOf = (row: number) => (codes[row] < 0 ? -1 : binOf(inner, numbers[codes[row]]));
  const labelOf = (code: number) => (code < 0 ? missing : binText(inner, code, ends));
  const edges = ends ? [ends[0], ...inner, ends[1]] : inner;
  return distinct(name, rows, codeOf, labelOf, { [name]: edges });
}

/** Edges between bins of as many numbers each; equal ones are one, so that there may be fewer bins. @param ascending numbers */
export function quantileEdges(ascending: Float64Array, bins: number): number[] {
  if (ascending.length === 0) return [];
  const edges = Array.from({ length: bins - 1 }, (_, i) => quantile(ascending, (i + 1) / bins));
  return [...new Set(edges)].filter((edge) => edge > ascending[0]);
}

/** A bin begins with its lower edge. */
function binOf(edges: readonly number[], value: number): number {
  const bin = edges.findIndex((edge) => value < edge);
  return bin < 0 ? edges.length : bin;
}

/** `[17, 28)`, the last `[48, 90]`; with edges that are given `< 30` and `>= 60` at the ends. */
function binText(edges: readonly number[], bin: number, ends: readonly [number, number] | undefined): string {
  const [low, high] = [edges[bin - 1] ?? ends?.[0], edges[bin] ?? ends?.[1]];
  if (low === undefined) return `< ${numberText(high)}`;
  if (high === undefined) return `>= ${numberText(low)}`;
  return `[${numberText(low)}, ${numberText(high)}${bin === edges.length ? ']' : ')'}`;
}

/** Slices in the order of their codes, those that have examples. */
function distinct(
  column: string,
  rows: Int32Array,
  codeOf: (row: number) => number,
  labelOf: (code: number) => string,
  edges: Slicing['edges'],
): Slicing {
  const found = Int32Array.from(rows, codeOf);
  const present = [...new Set(found)].sort((a, b) => a - b);
  const placeOf = new Map(present.map((code, place) => [code, place]));
  return { column, edges, values: present.map(labelOf), codes: found.map((code) => placeOf.get(code)!) };
}

/** Every combination of values that some example has. */
function crossed(each: readonly Slicing[], examples: number): Slicing {
  const combine = (place: number) => each.reduce((code, { codes, values }) => code * values.length + codes[place], 0);
  const label = (code: number): string => {
    const parts: string[] = [];
    for (const { values } of each.toReversed()) {
      parts.unshift(values[code % values.length]);
      code = Math.floor(code / values.length);
    }
    return parts.join(', ');
  };
  const places = Int32Array.from({ length: examples }, (_, i) => i);
  const edges = Object.assign({}, ...each.map((one) => one.edges));
  return distinct(each.map(({ column }) => column).join(', '), places, combine, label, edges);
}

/** The groups that examples belong to, numbered as they come. */
export function groupNumbers({ codes }: ExampleColumn, rows: Int32Array): { numbers: Int32Array; count: number } {
  const numberOf = new Map<number, number>();
  const numbers = Int32Array.from(rows, (row) => {
    const code = codes[row];
    if (!numberOf.has(code)) numberOf.set(code, numberOf.size);
    return numberOf.get(code)!;
  });
  return { numbers, count: numberOf.size };
}
