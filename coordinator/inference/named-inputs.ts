/** Inputs that are given by their names: an array or a file each, or a row an object. */

import { DataError } from '../../src/errors.js';
import { suggest } from '../../src/ground/suggest.js';
import type { InputValues } from './given-rows.js';

/** For each input of the model, by its name, its examples or the file that holds them; for models of tables, each column. */
export type NamedInputs = Readonly<Record<string, string | InputValues>>;

export const isNamed = (given: unknown): given is NamedInputs =>
  typeof given === 'object' && given !== null && !Array.isArray(given) && !ArrayBuffer.isView(given);

/**
 * What is given for each input.
 *
 * @param source what errors call what is given
 * @param given an object of arrays, or a list of objects
 * @param names of the model's inputs
 * @param more that may be given besides: files of lengths
 * @throws DataError for an input that is missing or that the model has not
 */
export function byName(source: string, given: unknown, names: readonly string[], more: readonly string[]): NamedInputs {
  if (isNamed(given)) {
    checkNames(
      source,
      Object.keys(given).filter((name) => !more.includes(name) || typeof given[name] !== 'string'),
      names,
    );
    return given;
  }
  if (Array.isArray(given) && given.length > 0 && given.every(isNamed)) return columnsOf(source, given, names);
  throw oneArray(source, names);
}

/** @throws DataError unless all have as many rows */
export function checkCounts(source: string, counts: ReadonlyMap<string, number>): void {
  const [[first, count], ...others] = counts;
  const odd = others.find(([, other]) => other !== count);
  if (!odd) return;
  throw new DataError(
    `${source}: ${first} has ${count} ${count === 1 ? 'row' : 'rows'}, and ${odd[0]} has ${odd[1]}`,
    'give all of them as many: a row of each makes an example',
  );
}

/** The ways to give inputs by their names. */
const waysFor = (names: readonly string[]) =>
  `{ ${names.map((name) => `"${name}": [...]`).join(', ')} }, or a file each: ${names.map((name) => `--input ${name}=FILE`).join(' ')}`;

const readsOf = (names: readonly string[]) =>
  `the model reads the input${names.length > 1 ? 's' : ''} ${names.join(', ')}`;

export const oneArray = (source: string, names: readonly string[]) =>
  new DataError(`${source}: is one array, and ${readsOf(names)}`, `give each by its name: ${waysFor(names)}`);

export const noJson = (file: string, names: readonly string[]) =>
  new DataError(
    `${file}: is no .json file, and ${readsOf(names)}`,
    `write one that gives each by its name: ${waysFor(names)}`,
  );

function checkNames(source: string, given: readonly string[], names: readonly string[]): void {
  const unknown = given.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = suggest(unknown, names);
    throw new DataError(
      `${source}: the model has no input ${JSON.stringify(unknown)}`,
      near === undefined
        ? `its inputs are ${names.join(', ')}`
        : `did you mean ${near}? Its inputs are ${names.join(', ')}`,
    );
  }
  const missing = names.find((name) => !given.includes(name));
  if (missing === undefined) return;
  throw new DataError(
    `${source}: the input ${missing} is missing`,
    `give all that the model reads: ${names.join(', ')}`,
  );
}

/** Of rows that are objects, what each input has. */
function columnsOf(source: string, rows: readonly NamedInputs[], names: readonly string[]): NamedInputs {
  rows.forEach((row, i) => {
    checkNames(`${source}: row ${i + 1}`, Object.keys(row), names);
  });
  return Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));
}

/**
 * Rows of a table from its columns.
 * @throws DataError where a column is no list, or columns are of unlike length
 */
export function rowsFromColumns(source: string, columns: NamedInputs): object[] {
  const names = Object.keys(columns);
  const odd = names.find((name) => typeof columns[name] !== 'object' || isNamed(columns[name]));
  if (odd !== undefined || names.length === 0) {
    throw new DataError(
      names.length === 0 ? `${source}: has no columns` : `${source}: column ${odd} is no list`,
      'the model reads a table: name one file of it, or give rows as objects, or a list of values for each column',
    );
  }
  checkCounts(source, new Map(names.map((name) => [name, columns[name].length])));
  return Array.from({ length: columns[names[0]].length }, (_, row) =>
    Object.fromEntries(names.map((name) => [name, columns[name][row]])),
  );
}
