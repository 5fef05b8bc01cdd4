/** What decides about splits: a number of each example, in an array of its own. */
import type { NpyConfig } from '../../config/data.js';
import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { ColumnCollector, type ExampleColumn, type ExampleColumns, plainNumber } from '../example-columns.js';
import type { Reading } from '../reading.js';
import { keysOf, type SplitKey } from '../splits/split-key.js';
import { deciderOf } from '../splits/split-plan.js';
import type { ArrayLocation } from './array-place.js';
import { inputArrays, targetArrays } from './fields.js';
import type { ArrayFiles } from './files.js';
import { type Npy, readNpyRows } from './npy.js';
import { type ArrayRows, plainRows } from './rows.js';
import { requireCount } from './targets.js';

/** @param inputs by their names */
export async function readKey(
  { file, split, targets }: NpyConfig,
  files: ArrayFiles,
  inputs: ReadonlyMap<string, ArrayRows>,
  reading: Reading,
): Promise<SplitKey | undefined> {
  const decider = deciderOf({ split }, typeof targets === 'object' ? Object.keys(targets) : []);
  if (!decider) return undefined;
  // The name is a file, or a member of the archive that holds all arrays, as for other arrays.
  const npy = await files.open(file === undefined ? { file: decider.name } : { file, member: decider.name });
  const keys = keysOf({ ...decider, unit: file === undefined ? 'file' : 'array' }, npy.shape[0]);
  const origin = { place: (row: number) => `${npy.file}: row ${row}` };
  await readValues(`data.split.${decider.kind}`, npy, inputs, reading, (value, row) =>
    keys.add(row, value, origin, row),
  );
  return keys.finish();
}

/** Reads an array of one number an example, and closes it. @param asked for, by whom */
async function readValues(
  asked: string,
  npy: Npy,
  inputs: ReadonlyMap<string, ArrayRows>,
  reading: Reading,
  visit: (value: number, row: number) => void,
): Promise<void> {
  try {
    requireCount(plainRows(npy), inputs, 'values');
    if (elements(npy.shape) !== npy.shape[0]) {
      throw new DataError(
        `${asked}: ${npy.file} has ${elements(npy.shape.slice(1))} numbers for an example`,
        'use an array of shape [n] or [n, 1]',
      );
    }
    await readNpyRows(npy, reading, ([value], row) => visit(value, row));
  } finally {
    await npy.data.close();
  }
}

/**
 * What is asked for beside the examples: the array of a field by its name, an array of the archive, or a file.
 * @param inputs by their names
 */
export async function readShown(
  config: NpyConfig,
  files: ArrayFiles,
  inputs: ReadonlyMap<string, ArrayRows>,
  reading: Reading,
): Promise<ExampleColumns> {
  const fields = [...inputArrays(config, reading.arrays), ...targetArrays(config, reading.arrays)];
  const shown = new Map<string, ExampleColumn>();
  for (const { name, asked, optional } of reading.columns) {
    if (shown.has(name)) continue;
    const place = fields.find((field) => field.name === name)?.place ?? placeOf(name, config, reading);
    const npy = await files.open(place, [name]).catch((error: unknown) => {
      if (error instanceof DataError && optional) return undefined;
      throw error instanceof DataError ? new DataError(`${asked}: ${error.problem}`, error.remedy) : error;
    });
    if (!npy) continue;
    const collector = new ColumnCollector();
    await readValues(asked, npy, inputs, reading, (value) => collector.add(value, plainNumber));
    shown.set(name, collector.finish());
  }
  return shown;
}

/** As `data.split` names arrays; of other data than the config's in their archive, where they are in one. */
function placeOf(name: string, { file }: NpyConfig, { arrays }: Reading): ArrayLocation {
  const own = file === undefined ? { file: name } : { file, member: name };
  const other = arrays?.(name, own);
  return other?.file === undefined ? own : other;
}
