/** Predictions and their targets from files of NumPy, for scoreArrays. */

import { ArrayFiles } from '../../src/data/npy/files.js';
import { readNpyRows } from '../../src/data/npy/npy.js';
import type { Reading } from '../../src/data/reading.js';
import { DataError } from '../../src/errors.js';
import type { OutputKind, PredictedArrays } from '../../src/evaluate/kept-arrays.js';
import { elements } from '../../src/ground/elements.js';
import { requireMemory } from '../../src/ground/memory.js';

/** Where each array is: a .npy file, or a .npz file, whose member has the name of the key. */
export interface PredictionFiles {
  readonly targets: string;
  readonly outputs: string;
  readonly weights?: string;
}

interface FoundArray {
  readonly values: Float64Array | Uint8Array;
  /** Examples first. */
  readonly shape: readonly number[];
}

/**
 * @throws DataError naming the file that cannot be read or does not fit
 */
export async function readPredictions(
  files: PredictionFiles,
  of: OutputKind,
  classes: PredictedArrays['classes'],
  reading: Reading,
): Promise<PredictedArrays> {
  const archives = new ArrayFiles(reading);
  const read = async (name: keyof PredictionFiles, file: string) => {
    const isArchive = ((await archives.members(file)) ?? []).length > 0;
    return readWhole(await archives.open({ file, ...(isArchive && { member: name }) }), reading);
  };
  try {
    const outputs = await read('outputs', files.outputs);
    const targets = await read('targets', files.targets);
    const weights = files.weights === undefined ? undefined : await read('weights', files.weights);
    const width = elements(outputs.shape.slice(1));
    if (outputs.shape[0] !== targets.shape[0]) {
      throw new DataError(
        `${files.targets} has ${targets.shape[0]} rows, and ${files.outputs} ${outputs.shape[0]}`,
        'give a row for each example in both',
      );
    }
    return {
      ...{ outputs: outputs.values, of, width, targets: targets.values },
      called: {
        outputs: `outputs (${files.outputs})`,
        targets: `targets (${files.targets})`,
        weights: `weights (${files.weights})`,
      },
      ...(classes !== undefined && { classes }),
      ...(weights && { weights: Float64Array.from(weights.values) }),
    };
  } finally {
    await archives.close();
  }
}

async function readWhole(npy: Awaited<ReturnType<ArrayFiles['open']>>, reading: Reading): Promise<FoundArray> {
  const { shape, file, data } = npy;
  try {
    if (shape.length === 0) throw new DataError(`${file} is one number alone`, 'give an array with a row an example');
    const length = elements(shape);
    requireMemory(`${file}: its header announces ${shape.join(' x ')} numbers`, 8 * length, DataError, 'give fewer');
    const values = npy.bytes ? new Uint8Array(length) : new Float64Array(length);
    await readNpyRows(npy, reading, (row, index) => values.set(row, index * row.length));
    return { values, shape };
  } finally {
    await data.close();
  }
}
