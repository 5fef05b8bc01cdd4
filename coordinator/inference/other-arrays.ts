/** Other arrays in the places of those that a config of `source: npy` names. */
import type { NpyConfig } from '../../src/config/data.js';
import { suggest } from '../../src/config/suggest.js';
import { type Exchange, inputArrays, targetArrays } from '../../src/data/npy/fields.js';
import type { ArrayPlace } from '../../src/data/npy/files.js';
import { ConfigError } from '../../src/errors.js';

/** A file or folder, or a file for each array by the name of its field. */
export type OtherPlace = string | Readonly<Record<string, string>>;

/**
 * Arrays go by the names of their fields, such as `user`, `user_lengths` and `rating_weights`, those of fields without names by
 * `features`, `targets`, `weights`, `lengths` and `offsets`.
 *
 * @throws ConfigError where the place says not of all arrays where others are
 */
export function otherArrays(data: NpyConfig, place: OtherPlace): Exchange {
  const arrays = arraysOf(data);
  const names = [...arrays.keys()];
  if (typeof place !== 'string') {
    checkNames(place, names);
    return (name) => ({ file: place[name] });
  }
  const ways = `name each: ${names.map((name) => `--data ${name}=FILE`).join(' ')}; or one .npz file with arrays of these names`;
  if (/\.npy$/i.test(place)) {
    throw new ConfigError(`--data ${place}: is one array, and the model's data are ${names.join(', ')}`, ways);
  }
  // In the archive that the config names, members keep their names; files of their own are called as their fields.
  return (name, { file, member }) => ({ file: place, member: file === data.file ? (member ?? name) : name });
}

/** All arrays of a config. */
function arraysOf(data: NpyConfig): Map<string, ArrayPlace> {
  const arrays = new Map<string, ArrayPlace>();
  const note: Exchange = (name, place) => {
    arrays.set(name, place);
    return place;
  };
  inputArrays(data, note);
  targetArrays(data, note);
  return arrays;
}

/** @throws ConfigError unless there is one for each name, and no other */
export function checkNames(files: Readonly<Record<string, string>>, names: readonly string[]): void {
  const unknown = Object.keys(files).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = suggest(unknown, names);
    throw new ConfigError(
      `--data ${unknown}=${files[unknown]}: the model's data have no ${unknown}`,
      `${near === undefined ? '' : `did you mean ${near}? `}they are ${names.join(', ')}`,
    );
  }
  const missing = names.find((name) => !Object.hasOwn(files, name));
  if (missing === undefined) return;
  const given = Object.entries(files).map(([name, file]) => `--data ${name}=${file}`);
  throw new ConfigError(`${given.join(' ')}: ${missing} is missing`, `add --data ${missing}=PATH`);
}
