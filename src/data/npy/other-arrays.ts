/** Other arrays in the places of those that a config of `source: npy` names. */
import type { NpyConfig } from '../../config/data.js';
import { ConfigError } from '../../errors.js';
import { suggest } from '../../ground/suggest.js';
import type { ArrayLocation, Substitute } from './array-place.js';
import { inputArrays, targetArrays } from './fields.js';

/** A file or folder, or a file for each array by the name of its field. */
export type OtherPlace = string | Readonly<Record<string, string>>;

/** How a user says such places: of arrays by their names, or of one file. */
export type Wording = (place: OtherPlace) => string;

const asOption: Wording = (place) =>
  typeof place === 'string'
    ? `--data ${place}`
    : Object.entries(place)
        .map(([name, file]) => `--data ${name}=${file}`)
        .join(' ');

/**
 * Arrays go by the names of their fields, such as `user`, `user_lengths` and `rating_weights`, those of fields without names by
 * `features`, `targets`, `weights`, `lengths` and `offsets`.
 *
 * @throws ConfigError where the place says not of all arrays where others are
 */
export function otherArrays(data: NpyConfig, place: OtherPlace, wording: Wording = asOption): Substitute {
  const arrays = arraysOf(data);
  const names = [...arrays.keys()];
  if (typeof place !== 'string') {
    checkArrayNames(place, names, wording);
    return (name) => ({ file: place[name] });
  }
  if (/\.npy$/i.test(place)) {
    const each = wording(Object.fromEntries(names.map((name) => [name, 'FILE'])));
    throw new ConfigError(
      `${wording(place)}: is one array, and the model's data are ${names.join(', ')}`,
      `name each: ${each}; or one .npz file with arrays of these names`,
    );
  }
  // In the archive that the config names, members keep their names; files of their own are called as their fields.
  return (name, { file, member }) => ({ file: place, member: file === data.file ? (member ?? name) : name });
}

/** All arrays of a config. */
function arraysOf(data: NpyConfig): Map<string, ArrayLocation> {
  const arrays = new Map<string, ArrayLocation>();
  const note: Substitute = (name, place) => {
    arrays.set(name, place);
    return place;
  };
  inputArrays(data, note);
  targetArrays(data, note);
  return arrays;
}

/** @throws ConfigError unless there is one for each name, and no other */
export function checkArrayNames(
  files: Readonly<Record<string, string>>,
  names: readonly string[],
  wording: Wording = asOption,
): void {
  const unknown = Object.keys(files).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = suggest(unknown, names);
    throw new ConfigError(
      `${wording({ [unknown]: files[unknown] })}: the model's data have no ${unknown}`,
      `${near === undefined ? '' : `did you mean ${near}? `}they are ${names.join(', ')}`,
    );
  }
  const missing = names.find((name) => !Object.hasOwn(files, name));
  if (missing === undefined) return;
  throw new ConfigError(`${wording(files)}: ${missing} is missing`, `give ${wording({ ...files, [missing]: 'PATH' })}`);
}
