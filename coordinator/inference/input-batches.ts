/** From what a user gives to batches of inputs for a trained model, in the order that they are given in. */
import { dirname, extname, resolve } from 'node:path';
import type { Encoding, TableEncoding } from '../../src/data/encoding.js';
import { isFolder, isImageName } from '../../src/data/images/files.js';
import { fileOf } from '../../src/data/images/image-table.js';
import { imageRows } from '../../src/data/images/inputs.js';
import { ArrayFiles } from '../../src/data/npy/files.js';
import { Reading, type ReadingOptions } from '../../src/data/reading.js';
import { tableInputs } from '../../src/data/table/inputs.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { elements } from '../../src/ground/elements.js';
import { statusOf } from '../../src/ground/status.js';
import { isModule } from '../../src/ground/user-module.js';
import { archiveRows, arrayRows, type InputPlace, isArchive, lengthKeys, placeInArchive } from './array-rows.js';
import {
  type ArrayEncoding,
  type InputRows,
  type InputValues,
  openRows,
  readJson,
  rowsOf,
  type Wanted,
} from './given-rows.js';
import { byName, checkCounts, isNamed, type NamedInputs, noJson, oneArray, rowsFromColumns } from './named-inputs.js';
import { encodingOf, type SavedInput } from './signature.js';

/** Examples of a batch. */
const batchSize = 128;

export interface InputBatch {
  readonly count: number;
  /** [count, ...shape] of each of the model's inputs, in its order and its own units, and of each mask behind them. */
  readonly inputs: readonly Float32Array[];
  /** File of each image. */
  readonly names?: readonly string[];
  /** Of each row of a table, what the columns to keep hold. */
  readonly kept?: readonly (readonly string[])[];
}

export interface InputOptions extends ReadingOptions {
  /** Columns of a table to repeat. */
  readonly keep?: readonly string[];
  /** Folder where names of images in a table start; default: that of the file, for rows without one the current. */
  readonly dir?: string;
  /** Given to the function of a module that makes the inputs. */
  readonly moduleOptions?: object;
}

export interface Inputs {
  /** Whether each input is a file of its own. */
  readonly kind: 'files' | 'rows';
  readonly batches: AsyncIterable<InputBatch>;
}

/** What a user gives: a path, the examples of the only input, or what each input has by its name. */
export type GivenInputs = string | InputValues | NamedInputs;

/** What errors call an input: its file, or what a program calls it. */
export const nameOfInput = (input: GivenInputs): string => (typeof input === 'string' ? input : 'input');

/**
 * @param given a path (`-` for standard input), or the inputs themselves; those of images are pixels from 0 to 255, as in files
 * @param inputs of the model
 * @param encoding undefined for a model that another program saved: inputs are then numbers as they are
 * @throws DataError naming the file, and the row of what does not fit the model
 */
export async function openInputs(
  given: GivenInputs,
  inputs: readonly SavedInput[],
  encoding: Encoding | undefined,
  options: InputOptions = {},
): Promise<Inputs> {
  const reading = new Reading({ ...options, trained: encoding });
  if (encoding?.input.kind === 'table') return openTable(given, inputs, encoding.input, reading, options);
  if (options.dir !== undefined) {
    throw new ConfigError(`--dir ${options.dir}: the model reads no table that names images`, 'leave --dir out');
  }
  if (options.keep) {
    throw new ConfigError(`--keep ${options.keep.join(',')}: the model's inputs have no columns`, 'leave --keep out');
  }
  const wanted = inputs.map(({ name, shape }) => ({ shape, encoding: arrayEncoding(encoding, name) }));
  const source = nameOfInput(given);
  if (typeof given === 'string' && isArchive(given)) {
    return opened(counted(source, await archiveRows(given, inputs, wanted, reading), inputs), inputs);
  }
  // What a module makes is given as by a program.
  const own = typeof given === 'string' && isModule(given) ? await madeBy(given, options, reading) : given;
  const found = inputs[0].isNamed ? await givenByName(own, inputs, reading) : own;
  if (!isNamed(found)) return opened([await openRows(found, wanted[0], reading, source)], inputs);
  const files = new ArrayFiles(reading);
  try {
    const rows: InputRows[] = [];
    for (const [i, input] of inputs.entries()) {
      const { name } = input;
      // What a file of JSON holds are no paths.
      const values = typeof own === 'string' ? [found[name]].flat() : found[name];
      const place = typeof values === 'string' ? await placeOf(values, found, input, files) : undefined;
      rows.push(
        place
          ? await arrayRows(input, place, wanted[i], files, reading)
          : await openRows(values, wanted[i], reading, `${source}: ${name}`),
      );
    }
    return opened(counted(source, rows, inputs), inputs);
  } finally {
    await files.close();
  }
}

async function madeBy(file: string, { moduleOptions = {} }: InputOptions, reading: Reading): Promise<InputValues> {
  const { moduleInputs } = await import('../../src/data/module/source.js');
  return moduleInputs(file, moduleOptions, reading);
}

/** Where an input is that is a file of arrays, or has one beside it that says how long its sequences are. */
async function placeOf(
  file: string,
  given: NamedInputs,
  input: SavedInput,
  files: ArrayFiles,
): Promise<InputPlace | undefined> {
  const said = lengthKeys(input).filter(([, name]) => typeof given[name] === 'string');
  if (said.length === 0 && !isArchive(file)) return undefined;
  const own = isArchive(file) ? await placeInArchive(file, input, true, files) : { place: { file } };
  // What is named is meant.
  const { place } = own;
  return said.length === 0
    ? own
    : { place, ...Object.fromEntries(said.map(([key, name]) => [key, { file: given[name] as string }])) };
}

function counted(source: string, rows: InputRows[], inputs: readonly SavedInput[]): InputRows[] {
  checkCounts(source, new Map(rows.map(({ count }, i) => [inputs[i].name, count])));
  return rows;
}

const plainNumbers: ArrayEncoding = { scale: 1 };

function arrayEncoding(encoding: Encoding | undefined, name: string): ArrayEncoding {
  const own = encoding && encodingOf(encoding, name);
  return own && !('window' in own) ? own : plainNumbers;
}

/** What each input has; for the only one also all that there is of it. */
async function givenByName(given: GivenInputs, inputs: readonly SavedInput[], reading: Reading): Promise<GivenInputs> {
  const names = inputs.map(({ name }) => name);
  if (typeof given === 'string') {
    const ending = extname(given).toLowerCase();
    if (inputs.length === 1 && ending !== '.json') return given;
    if (ending === '.npy') throw oneArray(given, names);
    if (ending !== '.json' && given !== '-' && !statusOf(given)?.isFIFO()) throw noJson(given, names);
  }
  const value = typeof given === 'string' ? await readJson(given, reading) : given;
  const isOnly = inputs.length === 1 && !isNamed(value) && !(Array.isArray(value) && value.some(isNamed));
  // A text in a file is no path.
  if (isOnly && typeof value !== 'string') return value as InputValues;
  const more = inputs.flatMap((input) => lengthKeys(input).map(([, name]) => name));
  return byName(nameOfInput(given), value, names, more);
}

/** Rows of a table, each with what all inputs have. */
async function openTable(
  given: GivenInputs,
  inputs: readonly SavedInput[],
  encoding: TableEncoding,
  reading: Reading,
  { keep, dir }: InputOptions,
): Promise<Inputs> {
  const { images = {} } = encoding;
  const ofImages = Object.keys(images);
  if (dir !== undefined && ofImages.length === 0) {
    throw new ConfigError(`--dir ${dir}: the table names no images`, 'leave --dir out');
  }
  if (typeof given === 'string' && ofImages.length > 0 && (isFolder(given) || isImageName(given))) {
    if (keep) throw new ConfigError(`--keep ${keep.join(',')}: ${given} has no columns`, 'leave --keep out');
    return opened([await openRows(given, onlyImage(given, inputs[0], encoding), reading)], inputs);
  }
  const table = await tableOf(given, reading);
  const name = nameOfInput(given);
  const { count, kept, inputs: read, files, where } = await tableInputs(table, encoding, reading, keep, name);
  const start = resolve(dir ?? (typeof given === 'string' && given !== '-' ? dirname(given) : '.'));
  const rows = inputs.map(({ name }): InputRows => {
    const image = images[name];
    if (image) {
      const named = { column: image.column, dir: start, asked: '--dir FOLDER' };
      const names = files.map((row) => row[ofImages.indexOf(name)]);
      const paths = names.map((file, row) => fileOf(file, named, () => where(row)));
      return { rows: imageRows(paths, image), count, scale: 1 / 255, names };
    }
    const { values, width, lengths } = read.length === 1 ? read[0] : read.find((own) => own.name === name)!;
    return { rows: rowsOf(values, width, count, lengths), count, scale: 1 };
  });
  return opened(rows, inputs, kept);
}

/** The picture that is all that a row names. @throws DataError where something stands beside it */
function onlyImage(given: string, { shape }: SavedInput, { columns, images = {} }: TableEncoding): Wanted {
  const [encoding, ...others] = Object.values(images);
  if (columns.length === 0 && others.length === 0) return { shape, encoding };
  const all = [...Object.values(images).map(({ column }) => column), ...columns.map(({ name }) => name)];
  throw new DataError(
    `${given}: the model reads a row of a table for each image, with the columns ${all.join(', ')}`,
    `give a CSV, Parquet or JSON lines file with these, or a .json file: [{ ${all.map((name) => `${JSON.stringify(name)}: ...`).join(', ')} }]`,
  );
}

/** A path, or rows as objects: those of a program, or of a file of JSON. */
async function tableOf(given: GivenInputs, reading: Reading): Promise<string | readonly unknown[]> {
  if (typeof given !== 'string') return tableRows(given);
  if (extname(given).toLowerCase() !== '.json') return given;
  const value = await readJson(given, reading);
  if (isNamed(value)) return rowsFromColumns(given, value);
  if (Array.isArray(value) && value.length > 0) return value;
  throw new DataError(`${given}: holds no list of rows`, 'write a list of objects, even of one: [{ "age": 31 }]');
}

const tableRows = (given: InputValues | NamedInputs): readonly unknown[] =>
  isNamed(given) ? rowsFromColumns('input', given) : Array.from(given as readonly unknown[]);

function opened(rows: readonly InputRows[], inputs: readonly SavedInput[], kept?: InputBatch['kept']): Inputs {
  // Of a picture and a table of numbers, it is the picture that has a name.
  const kind = rows.some(({ names }) => names) ? 'files' : 'rows';
  return { kind, batches: batches(rows, inputs, kept) };
}

/** Batches of all inputs, which have as many rows. */
async function* batches(
  rows: readonly InputRows[],
  inputs: readonly SavedInput[],
  kept?: InputBatch['kept'],
): AsyncGenerator<InputBatch> {
  const names = rows.find((input) => input.names)?.names;
  const blocks = rows.map((input, i) => blocksOf(input, inputs[i]));
  let first = 0;
  try {
    for (;;) {
      const parts: Float32Array[] = [];
      const masks: Float32Array[] = [];
      let count = 0;
      for (const next of blocks) {
        const { value, done } = await next.next();
        if (done) return;
        parts.push(value.features);
        if (value.mask) masks.push(value.mask);
        count = value.count;
      }
      const end = first + count;
      yield { count, inputs: [...parts, ...masks], names: names?.slice(first, end), kept: kept?.slice(first, end) };
      first = end;
    }
  } finally {
    for (const next of blocks) await next.return(undefined);
  }
}

interface FeatureBlock {
  readonly count: number;
  readonly features: Float32Array;
  readonly mask?: Float32Array;
}

async function* blocksOf(
  { rows, scale }: InputRows,
  { shape, places }: SavedInput,
): AsyncGenerator<FeatureBlock, undefined> {
  // As engines scale: both factors and the product are float32.
  const factor = Math.fround(scale);
  const width = elements(shape);
  const room = () => ({
    features: new Float32Array(batchSize * width),
    mask: places === undefined ? undefined : new Float32Array(batchSize * places),
  });
  let block = room();
  let count = 0;
  for await (const row of rows) {
    const { features, mask } = block;
    for (let i = 0; i < row.length; i++) features[count * width + i] = row[i] * factor;
    if (places !== undefined) mask!.fill(1, count * places, count * places + (row.length * places) / width);
    count++;
    if (count < batchSize) continue;
    yield { count, ...block };
    block = room();
    count = 0;
  }
  const { features, mask } = block;
  if (count > 0) {
    yield { count, features: features.subarray(0, count * width), mask: mask?.subarray(0, count * (places ?? 0)) };
  }
}
