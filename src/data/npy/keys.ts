/** What decides about splits: a number of each example, in an array of its own. */
import type { NpyConfig } from '../../config/data.js';
import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import type { Reading } from '../reading.js';
import { keysOf, type SplitKey } from '../splits/split-key.js';
import { deciderOf } from '../splits/split-plan.js';
import type { ArrayFiles } from './files.js';
import { readNpyRows } from './npy.js';
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
  try {
    requireCount(plainRows(npy), inputs, 'values');
    if (elements(npy.shape) !== npy.shape[0]) {
      throw new DataError(
        `data.split.${decider.kind}: ${npy.file} has ${elements(npy.shape.slice(1))} numbers for an example`,
        'use an array of shape [n] or [n, 1]',
      );
    }
    const keys = keysOf({ ...decider, unit: file === undefined ? 'file' : 'array' }, npy.shape[0]);
    const origin = { place: (row: number) => `${npy.file}: row ${row}` };
    await readNpyRows(npy, reading, ([value], row) => keys.add(row, value, origin, row));
    return keys.finish();
  } finally {
    await npy.data.close();
  }
}
