/** Numbers that 32 bits hold too coarsely: a time of 1.7e9 seconds is rounded to steps of 128. */

import type { SourceExamples } from './examples.js';
import { isPlain, ofRole, widthOf } from './field.js';

/** Rows that are looked at. */
const sample = 2000;
/** Steps of so large a part of the deviation are said. */
const coarse = 0.01;

/**
 * Warns of columns of numbers whose values lie closer together than 32-bit floating point tells apart well.
 * Tables take an offset off their features; everything else is stored as it comes.
 */
export function warnOfRounding(examples: SourceExamples, warn: (message: string) => void): void {
  const targets = ofRole(examples.columns, 'target');
  for (const column of [...targets, ...ofRole(examples.columns, 'input')]) {
    const { name, role, values, stride, file } = column;
    const rows = Math.min(sample, file?.first ?? examples.count);
    const width = widthOf(column);
    if (values instanceof Float32Array && stride === undefined) {
      const told = coarsest(values, width, rows);
      const remedy =
        role !== 'target'
          ? 'take an offset off them, or measure in another unit'
          : isPlain(column)
            ? 'set data.standardizeTargets: true'
            : `set standardize: true in data.targets.${name}`;
      if (told) warn(`${name} ${told}: ${remedy}`);
    }
    if (values instanceof Float64Array) {
      // Standardized ones keep their digits, unless the file had lost them already.
      const sampled = values.subarray(0, width * rows);
      const told = sampled.every((value) => value === Math.fround(value)) ? coarsest(sampled, width, rows) : undefined;
      if (told) warn(`${name} ${told}: they come so, and standardizing is too late; save them as 64-bit numbers`);
    }
  }
}

/** The column whose steps are the largest part of its deviation, for people; undefined where none are large. */
function coarsest(values: Float32Array | Float64Array, width: number, rows: number): string | undefined {
  let worst: { column: number; step: number; deviation: number; largest: number } | undefined;
  for (let column = 0; column < width; column++) {
    let [mean, squares, largest] = [0, 0, 0];
    for (let row = 0; row < rows; row++) {
      const value = values[row * width + column];
      const difference = value - mean;
      mean += difference / (row + 1);
      squares += difference * (value - mean);
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    const deviation = Math.sqrt(squares / rows);
    // Between powers of two, 2^23 numbers.
    const step = 2 ** (Math.floor(Math.log2(Math.abs(largest))) - 23);
    if (!(deviation > 0 && step > coarse * deviation)) continue;
    if (!worst || step / deviation > worst.step / worst.deviation) worst = { column, step, deviation, largest };
  }
  if (!worst) return undefined;
  const { column, step, deviation, largest } = worst;
  const where = width > 1 ? ` in column ${column + 1}` : '';
  return `of ${largest.toPrecision(3)}${where} are rounded to steps of ${step} by 32-bit numbers, and their deviation is ${deviation.toPrecision(3)}`;
}
