/** Means and deviations of numeric columns, and what they make of a row. */
import { DataError } from '../../errors.js';
import type { TableEncoding } from '../encoding.js';
import type { Values } from '../field.js';
import type { Reading } from '../reading.js';
import type { RowWriter } from '../row-writer.js';
import { type FeatureColumn, featuresOf } from './cell-values.js';

/** Count, mean and sum of squared deviations so far, in float64 (Welford, "Note on a method for calculating corrected sums", 1962). */
class Moments {
  count = 0;
  mean = 0;
  #squares = 0;

  add(value: number): void {
    if (Number.isNaN(value)) return;
    this.count++;
    const difference = value - this.mean;
    this.mean += difference / this.count;
    this.#squares += difference * (value - this.mean);
  }

  /** Standard deviation of the values themselves (divided by n), not an estimate for a population. */
  get deviation(): number {
    return Math.sqrt(this.#squares / this.count);
  }
}

/** Neither one of categories nor one of their codes, nor of texts. */
export const isNumeric = <C extends FeatureColumn>(
  column: C,
): column is Exclude<C, { categories: unknown } | { codes: unknown } | { tokenizer: unknown }> =>
  !('categories' in column || 'codes' in column || 'tokenizer' in column);

/**
 * Measures numeric columns on the training split, row by row in order.
 *
 * @param rows features less their column's offset, with NaN for missing values
 * @param training ascending
 * @param standardize else values stay as they are, and the mean only fills in
 * @throws DataError if a column has no value in the training split
 */
export async function fitColumns(
  columns: readonly FeatureColumn[],
  rows: RowWriter,
  training: Int32Array,
  standardize: boolean,
  reading: Reading,
): Promise<TableEncoding['columns'][number][]> {
  const moments = columns.map(() => new Moments());
  let next = 0;
  await rows.transform(reading, (row, index) => {
    if (training[next] !== index) return;
    next++;
    let start = 0;
    for (let i = 0; i < columns.length; i++) {
      if (isNumeric(columns[i])) moments[i].add(row[start]);
      start += featuresOf(columns[i]);
    }
  });
  return columns.map((column, i) => {
    if (!isNumeric(column)) return column;
    const { name, offset = 0 } = column;
    const { count, mean: meanOfRest, deviation } = moments[i];
    const mean = meanOfRest + offset;
    if (count === 0) {
      throw new DataError(`data: column ${name} has no value in the training split`, 'list it under data.exclude');
    }
    if (!standardize) return { name, fill: mean, mean: 0, scale: 1 };
    return { ...column, fill: mean, mean, scale: deviation > 0 ? 1 / deviation : 1 };
  });
}

/** Fills in missing values and scales the others, in place. @param row less the columns' offsets */
export function scaleRow(columns: TableEncoding['columns'], row: Values): void {
  let start = 0;
  for (const column of columns) {
    if (isNumeric(column)) {
      const { offset = 0, fill, mean, scale } = column;
      const value = Number.isNaN(row[start]) ? fill - offset : row[start];
      row[start] = (value - (mean - offset)) * scale;
    }
    start += featuresOf(column);
  }
}
