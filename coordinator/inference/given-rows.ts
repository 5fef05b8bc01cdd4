/** From what a user gives for one input to its rows, in their order: arrays in files or of a program, and images. */

import { extname } from 'node:path';
import { z } from 'zod';
import { type DataFile, openData } from '../../src/data/data-file.js';
import type { FieldEncoding, ImageEncoding } from '../../src/data/encoding.js';
import { imageInputs } from '../../src/data/images/inputs.js';
import { type NpyArray, readNpy } from '../../src/data/npy/npy.js';
import type { Reading } from '../../src/data/reading.js';
import { DataError } from '../../src/errors.js';
import { elements } from '../../src/ground/elements.js';
import { checkTextSize, decodeText, type JsonFileKind, parseJson } from '../../src/ground/json-file.js';
import { statusOf } from '../../src/ground/status.js';
import { plural } from '../../src/ground/units.js';

/** One example each, as stored; a sequence as long as it is. */
export type Row = ArrayLike<number>;
type Rows = AsyncIterable<Row> | Iterable<Row>;

export interface CountedRows {
  readonly rows: Rows;
  readonly count: number;
}

/** An input, opened. */
export interface InputRows extends CountedRows {
  /** Factor from what is stored to the model's own units. */
  readonly scale: number;
  /** File of each image. */
  readonly names?: readonly string[];
}

/**
 * Inputs that a program holds: a list of examples, each a list of numbers, nested as the model's input or flat; all numbers in one
 * typed array, example by example; or, for models of tables, a row an object.
 */
export type InputValues = readonly unknown[] | TypedValues;
type TypedValues = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Of an input that is an array of its own, or made of images. */
export type ArrayEncoding = FieldEncoding | ImageEncoding;

/** What a model takes for one of its inputs. */
export interface Wanted {
  /** Of one example. */
  readonly shape: readonly number[];
  readonly encoding: ArrayEncoding;
}

/**
 * @param given a path (`-` for standard input), or the examples themselves
 * @param name what errors call examples that are in no file of their own
 * @throws DataError naming the file, and the row of what does not fit the model
 */
export async function openRows(
  given: string | InputValues,
  wanted: Wanted,
  reading: Reading,
  name = 'input',
): Promise<InputRows> {
  const { encoding } = wanted;
  const scale = scaleOf(wanted);
  if (typeof given !== 'string') return { ...valueRows(name, given, wanted), scale };
  const format = formatOf(given, !('scale' in encoding));
  if (format === 'image' && !('scale' in encoding)) {
    const images = await imageInputs(given, encoding);
    return { ...images, count: images.names.length, scale };
  }
  return { ...(await arrayRows(await openData(given, reading), format, wanted, reading)), scale };
}

/** Factor from what is stored to the model's own units. */
export const scaleOf = ({ encoding }: Wanted): number => ('scale' in encoding ? encoding.scale : 1 / 255);

/** By the name; what comes through a pipe says itself what it is. */
function formatOf(file: string, ofImages: boolean): 'json' | 'npy' | 'image' | 'pipe' {
  const ending = extname(file).toLowerCase();
  if (ending === '.json') return 'json';
  if (ending === '.npy') return 'npy';
  if (file === '-') return 'pipe';
  if (ofImages) return 'image';
  if (statusOf(file)?.isFIFO()) return 'pipe';
  throw new DataError(
    `${file}: is no .npy, .npz or .json file, and no module`,
    'the model takes numbers: name a file of one of these kinds',
  );
}

/** @param data closed here */
async function arrayRows(
  data: DataFile,
  format: 'json' | 'npy' | 'image' | 'pipe',
  wanted: Wanted,
  reading: Reading,
): Promise<CountedRows> {
  try {
    const isNpy = format === 'npy' || (format === 'pipe' && (await isArray(data)));
    return isNpy
      ? rowsOfArray(data.name, await readNpy(data, reading), wanted)
      : listedRows(data.name, await jsonIn(data), wanted);
  } finally {
    await data.close();
  }
}

/** Whether a file is one of NumPy's. @throws DataError for an archive, which is read by its name */
async function isArray(data: DataFile): Promise<boolean> {
  const start = (await data.read(4, 0)).toString('latin1');
  if (start.startsWith('PK\x03\x04')) {
    throw new DataError(`${data.name}: is a zip archive without a name`, 'name the file itself, as FILE.npz');
  }
  return start.startsWith('\x93');
}

/** Whether so many numbers are a sequence of fewer places than the longest. */
function isShorter(count: number, { shape, encoding }: Wanted): boolean {
  const isSequence = 'scale' in encoding && encoding.length !== undefined;
  return isSequence && count > 0 && count < elements(shape) && count % elements(shape.slice(1)) === 0;
}

const shapeText = ({ shape, encoding }: Wanted): string => {
  const isSequence = 'scale' in encoding && encoding.length !== undefined;
  return `[${shape.join(', ')}]${isSequence && shape[0] > 1 ? `, or of 1 to ${shape[0] - 1} places` : ''}`;
};

/** What a file or a pipe holds as JSON; undefined where it is an array of NumPy. */
export async function readJson(file: string, reading: Reading): Promise<unknown> {
  const data = await openData(file, reading);
  try {
    return (await isArray(data)) ? undefined : await jsonIn(data);
  } finally {
    await data.close();
  }
}

/** Rows of one array, each a view of it. */
export function* rowsOf(
  values: TypedValues,
  width: number,
  count: number,
  lengths?: readonly number[],
): Generator<Row> {
  for (let row = 0; row < count; row++) {
    yield values.subarray(row * width, row * width + (lengths?.[row] ?? width));
  }
}

/** @throws DataError unless rows are examples of the model */
export function rowsOfArray(name: string, { features, shape }: NpyArray, wanted: Wanted): CountedRows {
  requireExamples(name, shape, wanted);
  const [count, ...rest] = shape;
  return { rows: rowsOf(features, elements(rest), count), count };
}

/** @throws DataError unless an array holds examples of the model */
export function requireExamples(name: string, shape: readonly number[], wanted: Wanted): void {
  const { shape: exampleShape } = wanted;
  const width = elements(shape.slice(1));
  if (width === elements(exampleShape) || isShorter(width, wanted)) return;
  throw new DataError(
    `${name}: has the shape [${shape.join(', ')}], and the model takes examples of shape ${shapeText(wanted)}`,
    `give it the shape [${['n', ...exampleShape].join(', ')}]`,
  );
}

function valueRows(name: string, values: InputValues, wanted: Wanted): CountedRows {
  if (!ArrayBuffer.isView(values)) return listedRows(name, values, wanted);
  const { shape } = wanted;
  const width = elements(shape);
  const odd = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (odd >= 0) {
    throw new DataError(`${name}: number ${odd + 1} is ${values[odd]}`, 'give numbers within the range of 32 bits');
  }
  const count = values.length / width;
  if (count > 0 && Number.isInteger(count)) return { rows: rowsOf(values, width, count), count };
  throw new DataError(
    `${name}: has ${plural(values.length, 'number')}, and the model takes ${width} an example`,
    `give it [${['n', ...shape].join(', ')}] numbers, example by example`,
  );
}

/** A list of examples; each is a list of numbers, nested as the model's input or flat. */
function listedRows(name: string, list: unknown, wanted: Wanted): CountedRows {
  const { shape: exampleShape } = wanted;
  if (!Array.isArray(list) || list.length === 0) {
    throw new DataError(`${name}: holds no list of examples`, 'write a list of them, even of one: [[0.1, 0.2]]');
  }
  const width = elements(exampleShape);
  const rows = list.map((entry: unknown, i) => {
    const row: unknown[] = ArrayBuffer.isView(entry)
      ? Array.from(entry as Float32Array)
      : [entry].flat(exampleShape.length);
    const where = `${name}: row ${i + 1}`;
    const wrong = row.findIndex((value) => typeof value !== 'number' || !Number.isFinite(Math.fround(value)));
    if (wrong >= 0) {
      throw new DataError(`${where} holds ${JSON.stringify(row[wrong])}`, 'write numbers within the range of 32 bits');
    }
    if (row.length === width || isShorter(row.length, wanted)) return row as number[];
    const shape = shapeText(wanted);
    throw new DataError(
      `${where} has ${plural(row.length, 'number')}, and the model takes ${width}`,
      `give each example the shape ${shape}`,
    );
  });
  return { rows, count: rows.length };
}

const examples: JsonFileKind = {
  Failure: DataError,
  what: 'a JSON list of examples',
  remedy: 'write a list of them, even of one: [[0.1, 0.2]]',
};

async function jsonIn(data: DataFile): Promise<unknown> {
  checkTextSize(data.name, data.size, examples);
  return parseJson(decodeText(await data.read(data.size, 0), data.name, examples), data.name, z.unknown(), examples);
}
