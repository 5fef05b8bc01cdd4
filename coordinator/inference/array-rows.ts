/** Rows of inputs from arrays of NumPy in files: members of a .npz file, and sequences with their lengths. */
import { extname } from 'node:path';
import { plainNames } from '../../src/config/plain-names.js';
import type { ArrayLocation } from '../../src/data/npy/array-place.js';
import { ArrayFiles } from '../../src/data/npy/files.js';
import { inputRows } from '../../src/data/npy/lengths.js';
import { readArray } from '../../src/data/npy/npy.js';
import type { Reading } from '../../src/data/reading.js';
import { type InputRows, type Row, requireExamples, rowsOfArray, scaleOf, type Wanted } from './given-rows.js';
import type { SavedInput } from './signature.js';

export const isArchive = (path: string): boolean => extname(path).toLowerCase() === '.npz';

/** Where an input is, and what says how long its sequences are. */
export interface InputPlace {
  readonly place: ArrayLocation;
  readonly lengths?: ArrayLocation;
  readonly offsets?: ArrayLocation;
}

const keys = ['lengths', 'offsets'] as const;

/** What says how long an input's sequences are goes by its name; of one without a name by these words alone. */
export const lengthKeys = ({
  name,
  isNamed,
  places,
}: SavedInput): readonly (readonly [(typeof keys)[number], string])[] =>
  places === undefined ? [] : keys.map((key) => [key, isNamed ? `${name}_${key}` : key]);

/**
 * Where an input is in an archive: under its name, or under that of training.
 * @param isOnly whether the archive is for this input alone: its only array may have any name
 */
export async function placeInArchive(
  file: string,
  input: SavedInput,
  isOnly: boolean,
  files: ArrayFiles,
): Promise<InputPlace> {
  const members = (await files.members(file)) ?? [];
  const { name, isNamed, places, members: trained = {} } = input;
  const there = (member: string | undefined): member is string => member !== undefined && members.includes(member);
  const known = places === undefined ? [] : keys.map((key) => [key, trained[key]] as const);
  const [key, length] = [...lengthKeys(input), ...known].find(([, member]) => there(member)) ?? [];
  const others = members.filter((member) => member !== length);
  const found = [isNamed ? name : plainNames.input, name, trained.values].find(there);
  const member = found ?? (isOnly ? (others.length === 1 ? others[0] : undefined) : name);
  return { place: { file, member }, ...(key && { [key]: { file, member: length } }) };
}

/** @throws DataError naming the file, and the row of what does not fit the model */
export async function arrayRows(
  { name, isNamed }: SavedInput,
  { place, lengths, offsets }: InputPlace,
  wanted: Wanted,
  files: ArrayFiles,
  reading: Reading,
): Promise<InputRows> {
  const called = isNamed ? name : plainNames.input;
  const npy = await files.open(place, [called], `call the array of the input ${called}`);
  try {
    const scale = scaleOf(wanted);
    if (!lengths && !offsets) return { ...rowsOfArray(npy.file, await readArray(npy, reading), wanted), scale };
    const input = { name: called, place, lengths, offsets, scale: 1, truncate: false };
    const array = await inputRows(input, npy, files, reading);
    requireExamples(npy.file, [array.count, ...array.shape], wanted);
    const rows: Row[] = [];
    await array.read(reading, (row, _, used) => rows.push(row.slice(0, used)));
    return { rows, count: rows.length, scale };
  } finally {
    await npy.data.close();
  }
}

/** The inputs of a model from the members of one archive, by their names. */
export async function archiveRows(
  file: string,
  inputs: readonly SavedInput[],
  wanted: readonly Wanted[],
  reading: Reading,
): Promise<InputRows[]> {
  const files = new ArrayFiles(reading);
  try {
    const rows: InputRows[] = [];
    for (const [i, input] of inputs.entries()) {
      const place = await placeInArchive(file, input, inputs.length === 1, files);
      rows.push(await arrayRows(input, place, wanted[i], files, reading));
    }
    return rows;
  } finally {
    await files.close();
  }
}
