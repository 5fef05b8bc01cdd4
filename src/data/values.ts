/** `source: values`: numbers written in the config. */

import type { ValuesConfig } from '../config/data.js';
import { DataError } from '../errors.js';
import { plural } from '../ground/units.js';
import { plainColumn, type SourceColumn, type SourceExamples } from './examples.js';

type ValuesRow = number | readonly number[];

/** @throws DataError if features and targets differ in length, rows differ in length, or a target is no class index */
export function valueExamples(config: ValuesConfig, ignoreClass?: number): SourceExamples {
  const { features, targets, classes } = config;
  if (features.length !== targets.length) {
    throw new DataError(
      `data.targets has ${plural(targets.length, 'row')} for the ${plural(features.length, 'row')} of data.features`,
      'give one row of each for every example',
    );
  }
  const width = rowWidth(features, 'data.features');
  const input = plainColumn('input', { shape: [width], values: toFloats(features, width) });
  const examples = (target: SourceColumn) => ({ count: features.length, columns: [input, target] });
  if (classes !== undefined) {
    const values = toClasses(targets, classes, ignoreClass);
    return examples(plainColumn('target', { shape: [], values, categories: classes }));
  }
  const targetWidth = rowWidth(targets, 'data.targets');
  const floats = toFloats(targets, targetWidth);
  const values = config.standardizeTargets ? Float64Array.from(targets.flat()) : floats;
  return examples(plainColumn('target', { shape: [targetWidth], values }));
}

/** Numbers in every row; a plain number is a row of one. */
function rowWidth(rows: readonly ValuesRow[], path: string): number {
  const [width, ...others] = rows.map((row) => (typeof row === 'number' ? 1 : row.length));
  const odd = others.findIndex((other) => other !== width) + 1;
  if (odd > 0) {
    throw new DataError(
      `${path}[${odd}] has ${plural(others[odd - 1], 'number')}, ${path}[0] has ${width}`,
      'make all rows equally long',
    );
  }
  return width;
}

function toFloats(rows: readonly ValuesRow[], width: number): Float32Array {
  const floats = new Float32Array(new SharedArrayBuffer(rows.length * width * Float32Array.BYTES_PER_ELEMENT));
  rows.flat().forEach((value, i) => {
    floats[i] = value;
    if (!Number.isFinite(floats[i])) {
      throw new DataError(`data: ${value} is beyond the range of 32-bit numbers`, 'scale it to at most 3.4e38');
    }
  });
  return floats;
}

function toClasses(rows: readonly ValuesRow[], classes: number, ignoreClass: number | undefined): Int32Array {
  const indices = new Int32Array(new SharedArrayBuffer(rows.length * Int32Array.BYTES_PER_ELEMENT));
  rows.forEach((row, i) => {
    const isClass = typeof row === 'number' && Number.isInteger(row) && row >= 0 && row < classes;
    if (!isClass && row !== ignoreClass) {
      throw new DataError(
        `data.targets[${i}] is ${JSON.stringify(row)}, not a class of data.classes ${classes}`,
        `use integers from 0 to ${classes - 1}, or leave classes out to predict numbers`,
      );
    }
    indices[i] = row as number;
  });
  return indices;
}
