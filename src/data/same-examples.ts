/**
 * Whether two runs were given the same examples, whatever each makes of them: classes by their names, numbers in the units
 * of the data, columns of tables by theirs.
 */
import { setImmediate } from 'node:timers/promises';
import { numberText, plural } from '../ground/units.js';
import { fieldsOfTable, type TableEncoding, targetEncoding } from './encoding.js';
import type { Column, Dataset } from './examples.js';
import { isPlain, ofRole, strideOf, type Values, valuesOf, widthOf } from './field.js';
import { originOf } from './row-origins.js';
import { RowReader } from './row-reader.js';

/** Examples of a data set, in their order. */
export interface SomeExamples {
  /** What messages call their run. */
  readonly name: string;
  readonly dataset: Pick<Dataset, 'examples' | 'encoding' | 'where'>;
  readonly rows: Int32Array;
}

export interface Sameness {
  /** What is not the same; absent where everything is that both have. */
  readonly difference?: string;
  /** Whether some input of both could be compared: pictures of other sizes and other columns of a table cannot. */
  readonly seesInputs: boolean;
}

/** A value as the data have it; null where the model is not shown it: it is missing and filled in, or a category that training had not. */
type ComparedValue = string | number | null;

/** Something that an example has: numbers of a column from `start` on, and how they are read. */
interface ColumnPart {
  readonly key: string;
  readonly column: Column;
  readonly start: number;
  /** Values of it. */
  readonly length: number;
  /** Equal where the stored numbers mean the same. */
  readonly how: string;
  /** @param at where its numbers begin */
  read(values: Values, at: number, i: number): ComparedValue;
  /** How far what is read may be from what was there. */
  slack(value: number): number;
}

/** Rows that are compared before signals get their turn. */
const blockRows = 256;
const rounding = 2 ** -23;
const exact = () => 0;

export async function sameExamples(one: SomeExamples, other: SomeExamples): Promise<Sameness> {
  if (one.rows.length !== other.rows.length) {
    const difference = `${one.name} has ${one.rows.length} of them, ${other.name} ${other.rows.length}`;
    return { difference, seesInputs: false };
  }
  const targets = pairsOf(targetCells(one), targetCells(other));
  const inputs = pairsOf(inputCells(one), inputCells(other)).filter(([a, b]) => a.length === b.length);
  const seesInputs = inputs.length > 0;
  if (targets.length === 0) return { difference: 'their targets have other names', seesInputs };
  const odd = targets.find(([a, b]) => a.length !== b.length);
  if (odd)
    return { difference: `${odd[0].key} is ${plural(odd[0].length, 'number')}, and ${odd[1].length}`, seesInputs };
  for (const pair of [...targets, ...inputs]) {
    const difference = await firstDifference(pair, one, other);
    if (difference !== undefined) return { difference, seesInputs };
  }
  return { seesInputs };
}

/** What both have; two that are the only one of theirs belong together whatever they are called. */
function pairsOf(one: readonly ColumnPart[], other: readonly ColumnPart[]): (readonly [ColumnPart, ColumnPart])[] {
  if (one.length === 1 && other.length === 1) return [[one[0], other[0]]];
  return one.flatMap((cell) => {
    const found = other.find(({ key }) => key === cell.key);
    return found ? [[cell, found] as const] : [];
  });
}

function targetCells({ dataset: { examples, encoding } }: SomeExamples): ColumnPart[] {
  return ofRole(examples.columns, 'target').map((column) => {
    const { classes, targetScaling } = targetEncoding(encoding, column);
    const key = isPlain(column) ? 'target' : `target ${column.name}`;
    if (column.categories !== undefined) return named(key, column, classes ?? []);
    if (!targetScaling) return plain(key, column);
    const { mean, deviation } = targetScaling;
    return {
      ...plain(key, column),
      how: JSON.stringify(targetScaling),
      read: (values, at, i) => values[at + i] * deviation[i % mean.length] + mean[i % mean.length],
      slack: (value) => rounding * (Math.abs(value) + Math.max(...mean.map(Math.abs))),
    };
  });
}

function inputCells({ dataset: { examples, encoding } }: SomeExamples): ColumnPart[] {
  const { input } = encoding;
  const tables = input.kind === 'table' ? fieldsOfTable(input) : [];
  return ofRole(examples.columns, 'input').flatMap((column) => {
    const ofTable = tables.find(({ name }) => isPlain(column) || name === column.name);
    if (ofTable) return columnCells(column, ofTable.columns);
    const key = isPlain(column) ? 'input' : `input ${column.name}`;
    return input.kind === 'text' ? named(key, column, input.vocabulary) : plain(key, column);
  });
}

/** The columns of a table that are an input. */
function columnCells(column: Column, columns: TableEncoding['columns']): ColumnPart[] {
  let next = 0;
  return columns.flatMap((each): ColumnPart | readonly ColumnPart[] => {
    // The same text has other tokens in each run.
    if ('tokenizer' in each) return [];
    const [start, how] = [next, JSON.stringify(each)];
    const shared = { key: `column ${each.name}`, column, start, length: 1, how, slack: exact };
    if ('codes' in each) {
      next += 1;
      return { ...shared, read: (values, at) => each.codes[values[at]] ?? null };
    }
    if ('categories' in each) {
      const { categories, missing } = each;
      const width = categories.length + Number(missing);
      next += width;
      const read = (values: Values, at: number) => {
        for (let i = 0; i < categories.length; i++) if (values[at + i] !== 0) return categories[i];
        return null;
      };
      return { ...shared, read };
    }
    next += 1;
    const { fill, mean, scale } = each;
    const filled = Math.fround((fill - mean) * scale);
    return {
      ...shared,
      read: (values, at) => (values[at] === filled ? null : values[at] / scale + mean),
      slack: (value) => rounding * (Math.abs(value) + Math.abs(mean)),
    };
  });
}

const named = (key: string, column: Column, names: readonly string[]): ColumnPart => ({
  ...plain(key, column),
  how: JSON.stringify(names),
  read: (values, at, i) => names[values[at + i]] ?? String(values[at + i]),
  slack: exact,
});

function plain(key: string, column: Column): ColumnPart {
  const { scale = 1 } = column;
  return {
    ...{ key, column, start: 0, length: widthOf(column), how: String(scale) },
    read: (values, at, i) => values[at + i] * scale,
    slack: (value) => (scale === 1 ? 0 : rounding * Math.abs(value)),
  };
}

async function firstDifference(
  [a, b]: readonly [ColumnPart, ColumnPart],
  one: SomeExamples,
  other: SomeExamples,
): Promise<string | undefined> {
  const isAlike = a.how === b.how;
  const [read, readOther] = [blocksOf(a.column), blocksOf(b.column)];
  for (let from = 0; from < one.rows.length; from += blockRows) {
    const [rows, otherRows] = [one, other].map((each) => each.rows.subarray(from, from + blockRows));
    const [mine, theirs] = [await read(rows), await readOther(otherRows)];
    for (let row = 0; row < rows.length; row++) {
      const [at, otherAt] = [mine.at(row) + a.start, theirs.at(row) + b.start];
      for (let i = 0; i < a.length; i++) {
        if (isAlike && a.length > 1 && mine.values[at + i] === theirs.values[otherAt + i]) continue;
        const [value, otherValue] = [a.read(mine.values, at, i), b.read(theirs.values, otherAt, i)];
        if (value === null || otherValue === null || Object.is(value, otherValue)) continue;
        if (typeof value === 'number' && typeof otherValue === 'number') {
          const slack = isAlike ? 0 : a.slack(value) + b.slack(otherValue);
          if (Math.abs(value - otherValue) <= slack) continue;
        }
        const said = inWords([value, otherValue]);
        const places = [placeOf(one, a, rows[row]), placeOf(other, b, otherRows[row])];
        return `${a.key} of the first that differs is ${said[0]} ${places[0]} and ${said[1]} ${places[1]}`;
      }
    }
    await setImmediate();
  }
  return undefined;
}

/** With as many digits as tell them apart. */
function inWords(values: readonly (string | number)[]): string[] {
  const texts = [6, 9, 17].map((digits) =>
    values.map((value) => (typeof value === 'number' ? numberText(value, digits) : JSON.stringify(value))),
  );
  return texts.find(([one, other]) => one !== other) ?? texts[2];
}

const placeOf = ({ name, dataset }: SomeExamples, { column }: ColumnPart, example: number): string =>
  `in ${name} (${originOf(dataset, example, column.name)})`;

interface ColumnBlock {
  readonly values: Values;
  /** Where a row of those that were asked for begins. */
  at(row: number): number;
}

/** Reads rows wherever they are. */
function blocksOf(column: Column): (rows: Int32Array) => ColumnBlock | Promise<ColumnBlock> {
  const { values, file, type } = column;
  const [width, stride] = [widthOf(column), strideOf(column)];
  if (!file) return (rows) => ({ values, at: (row) => rows[row] * stride });
  const reader = new RowReader(file, column);
  return async (rows) => {
    const onDisk = rows.filter((row) => row >= file.first);
    const inMemory = rows.length - onDisk.length;
    const all = valuesOf(type, new ArrayBuffer(rows.length * width * values.BYTES_PER_ELEMENT));
    // Rows ascend, and those in memory are the first ones.
    for (let i = 0; i < inMemory; i++) all.set(values.subarray(rows[i] * stride, rows[i] * stride + width), i * width);
    if (onDisk.length > 0) {
      const read = await reader.load(onDisk, values);
      all.set(read.subarray(0, onDisk.length * width), inMemory * width);
    }
    return { values: all, at: (row) => row * width };
  };
}
