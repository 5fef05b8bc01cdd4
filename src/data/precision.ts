/** Numbers that 32 bits hold too coarsely: a time of 1.7e9 seconds is rounded to steps of 128. */
import { elements } from './examples.js';
import type { SourceExamples } from './source.js';

/** Rows that are looked at. */
const sample = 2000;
/** Steps of so large a part of the deviation are said. */
const coarse = 0.01;

/**
 * Warns of columns of numbers whose values lie closer together than 32-bit floating point tells apart well.
 * Tables take an offset off their features; everything else is stored as it comes.
 */
export function warnOfRounding(examples: SourceExamples, warn: (message: string) => void): void {
  const { features, featureShape, featureStride, targets, targetShape, file } = examples;
  const inMemory = Math.min(sample, file?.first ?? examples.count);
  if (targets instanceof Float32Array) {
    const told = coarsest(targets, elements(targetShape), Math.min(sample, examples.count));
    if (told) warn(`targets ${told}: set data.standardizeTargets: true`);
  }
  if (targets instanceof Float64Array) {
    // Standardized ones keep their digits, unless the file had lost them already.
    const sampled = targets.subarray(0, elements(targetShape) * Math.min(sample, examples.count));
    const told = sampled.every((value) => value === Math.fround(value))
      ? coarsest(sampled, elements(targetShape), Math.min(sample, examples.count))
      : undefined;
    if (told) warn(`targets ${told}: they come so, and standardizing is too late; save them as 64-bit numbers`);
  }
  if (features instanceof Float32Array && featureStride === undefined) {
    const told = coarsest(features, elements(featureShape), inMemory);
    if (told) warn(`features ${told}: take an offset off them, or measure in another unit`);
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
