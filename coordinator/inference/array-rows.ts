/** Rows of inputs from arrays of NumPy in files: members of a .npz file, and sequences with their lengths. */
import { extname } from 'node:path';
import { plainNames } from '../../src/config/plain-names.js';
import { ArrayFiles, type ArrayPlace } from '../../src/data/npy/files.js';
import { inputRows } from '../../src/data/npy/lengths.js';
import { readArray } from '../../src/data/npy/npy.js';
import type { Reading } from '../../src/data/reading.js';
import { type InputRows, type Row, requireExamples, rowsOfArray, scaleOf, type Wanted } from './rows.js';
import type { SavedInput } from './signature.js';

export const isArchive = (path: string): boolean => extname(path).toLowerCase() === '.npz';

/** Where an input is, and what says how long its sequences are. */
export interface InputPlace {
  readonly place: ArrayPlace;
  readonly lengths?: ArrayPlace;
  readonly offsets?: ArrayPlace;
}

/** What is said of an input that is sequences goes by its name; of one without a name by these words alone. */
export const lengthKeys = ({
  name,
  isNamed,
  places,
}: SavedInput): readonly (readonly ['lengths' | 'offsets', string])[] =>
  places === undefined ? [] : (['lengths', 'offsets'] as const).map((key) => [key, isNamed ? `${name}_${key}` : key]);

/** @throws DataError naming the file, and the row of what does not fit the model */
export async function arrayRows(
  { name, isNamed }: SavedInput,
  { place, lengths, offsets }: InputPlace,
  wanted: Wanted,
  files: ArrayFiles,
  reading: Reading,
): Promise<InputRows> {
  const names = isNamed ? [name] : [plainNames.input, name];
  const npy = await files.open(place, names, `call the array of the input ${names[0]}`);
  try {
    const scale = scaleOf(wanted);
    if (!lengths && !offsets) return { ...rowsOfArray(npy.file, await readArray(npy, reading), wanted), scale };
    const input = { name: isNamed ? name : plainNames.input, place, lengths, offsets, scale: 1, truncate: false };
    const array = await inputRows(input, npy, files, reading);
    requireExamples(npy.file, [array.count, ...array.shape], wanted);
    const rows: Row[] = [];
    await array.read(reading, (row, _, used) => rows.push(row.slice(0, used)));
    return { rows, count: rows.length, scale };
  } finally {
    await npy.data.close();
  }
}

/** The inputs of a model from the members of one archive, by their names; the only one may have any. */
export async function archiveRows(
  file: string,
  inputs: readonly SavedInput[],
  wanted: readonly Wanted[],
  reading: Reading,
): Promise<InputRows[]> {
  const files = new ArrayFiles(reading);
  try {
    const members = (await files.members(file)) ?? [];
    const rows: InputRows[] = [];
    for (const [i, input] of inputs.entries()) {
      const said = lengthKeys(input).filter(([, member]) => members.includes(member));
      const beside = Object.fromEntries(said.map(([key, member]) => [key, { file, member }]));
      const others = members.filter((member) => !said.some(([, own]) => own === member));
      // Of all members but those that say how long it is.
      const member = inputs.length > 1 ? input.name : others.length === 1 ? others[0] : undefined;
      rows.push(await arrayRows(input, { place: { file, member }, ...beside }, wanted[i], files, reading));
    }
    return rows;
  } finally {
    await files.close();
  }
}
