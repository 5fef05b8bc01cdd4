/** From a file that a user names to batches of inputs for a trained model, in the order of the file. */
import { extname } from 'node:path';
import { z } from 'zod';
import { checkTextSize, decodeText, type FileKind, parseJson } from '../../src/config/json-file.js';
import { statusOf } from '../../src/config/status.js';
import { type DataFile, openData } from '../../src/data/data-file.js';
import type { Encoding, InputEncoding } from '../../src/data/encoding.js';
import { elements } from '../../src/data/field.js';
import { imageInputs } from '../../src/data/images/inputs.js';
import { readNpy } from '../../src/data/npy/npy.js';
import { Reading, type ReadingOptions } from '../../src/data/reading.js';
import { tableInputs } from '../../src/data/table/inputs.js';
import { ConfigError, DataError } from '../../src/errors.js';

/** Examples of a batch. */
const batchSize = 128;

export interface InputBatch {
  readonly count: number;
  /** [count, ...featureShape] in the model's own units. */
  readonly features: Float32Array;
  /** File of each image. */
  readonly names?: readonly string[];
  /** Of each row of a table, what the columns to keep hold. */
  readonly kept?: readonly (readonly string[])[];
}

export interface InputOptions extends ReadingOptions {
  /** Columns of a table to repeat. */
  readonly keep?: readonly string[];
}

export interface Inputs {
  /** Whether each input is a file of its own. */
  readonly kind: 'files' | 'rows';
  readonly batches: AsyncIterable<InputBatch>;
}

/** One example each, as stored. */
type Row = ArrayLike<number>;
type Rows = AsyncIterable<Row> | Iterable<Row>;

/**
 * Inputs that a program holds: a list of examples, each a list of numbers, nested as the model's input or flat; all numbers in one
 * typed array, example by example; or, for models of tables, a row an object.
 */
export type InputValues = readonly unknown[] | Float32Array | Float64Array | Int32Array | Uint8Array;

/** What errors call an input: its file, or what a program calls it. */
export const nameOfInput = (input: string | InputValues): string => (typeof input === 'string' ? input : 'input');

/**
 * @param given a path (`-` for standard input), or the inputs themselves; those of images are pixels from 0 to 255, as in files
 * @param featureShape of one example
 * @param encoding undefined for a model that another program saved: inputs are then numbers as they are
 * @throws DataError naming the file, and the row of what does not fit the model
 */
export async function openInputs(
  given: string | InputValues,
  featureShape: readonly number[],
  encoding: Encoding | undefined,
  options: InputOptions = {},
): Promise<Inputs> {
  const reading = new Reading(options);
  const input = encoding?.input ?? { kind: 'numbers', scale: 1 };
  if (input.kind === 'table') {
    const table = typeof given === 'string' ? given : Array.from(given as readonly unknown[]);
    const { features, width, count, kept } = await tableInputs(table, input, reading, options.keep);
    return { kind: 'rows', batches: batches(rowsOf(features, width, count), featureShape, 1, { kept }) };
  }
  if (options.keep) {
    throw new ConfigError(`--keep ${options.keep.join(',')}: the model's inputs have no columns`, 'leave --keep out');
  }
  const scale = input.kind === 'numbers' ? input.scale : 1 / 255;
  if (typeof given !== 'string') {
    return { kind: 'rows', batches: batches(valueRows(given, featureShape), featureShape, scale) };
  }
  const file = given;
  const format = formatOf(file, input.kind);
  if (format === 'image' && input.kind === 'image') {
    const { names, rows } = await imageInputs(file, input);
    return { kind: 'files', batches: batches(rows, featureShape, scale, { names }) };
  }
  const rows = await arrayRows(await openData(file, reading), format, featureShape, reading);
  return { kind: 'rows', batches: batches(rows, featureShape, scale) };
}

/** By the name; what comes through a pipe says itself what it is. */
function formatOf(file: string, kind: InputEncoding['kind']): 'json' | 'npy' | 'image' | 'pipe' {
  const ending = extname(file).toLowerCase();
  if (ending === '.json') return 'json';
  if (ending === '.npy') return 'npy';
  if (file === '-') return 'pipe';
  if (kind === 'image') return 'image';
  if (statusOf(file)?.isFIFO()) return 'pipe';
  throw new DataError(`${file}: is no .npy and no .json file`, 'the model takes numbers: name a file of either kind');
}

/** @param data closed here */
async function arrayRows(
  data: DataFile,
  format: 'json' | 'npy' | 'image' | 'pipe',
  featureShape: readonly number[],
  reading: Reading,
): Promise<Rows> {
  try {
    const isNpy = format === 'npy' || (format === 'pipe' && (await data.read(1, 0))[0] === 0x93);
    return isNpy ? await npyRows(data, featureShape, reading) : await jsonRows(data, featureShape);
  } finally {
    await data.close();
  }
}

async function* batches(
  rows: Rows,
  featureShape: readonly number[],
  scale: number,
  { names, kept }: Pick<InputBatch, 'names' | 'kept'> = {},
): AsyncGenerator<InputBatch> {
  const width = elements(featureShape);
  const part = (start: number, end: number) => ({ names: names?.slice(start, end), kept: kept?.slice(start, end) });
  // As engines scale: both factors and the product are float32.
  const factor = Math.fround(scale);
  let features = new Float32Array(batchSize * width);
  let count = 0;
  let first = 0;
  for await (const row of rows) {
    for (let i = 0; i < width; i++) features[count * width + i] = row[i] * factor;
    count++;
    if (count < batchSize) continue;
    yield { count, features, ...part(first, first + count) };
    features = new Float32Array(batchSize * width);
    first += count;
    count = 0;
  }
  if (count > 0) yield { count, features: features.subarray(0, count * width), ...part(first, first + count) };
}

function* rowsOf(features: Float32Array | Uint8Array, width: number, count: number): Generator<Row> {
  for (let row = 0; row < count; row++) yield features.subarray(row * width, (row + 1) * width);
}

async function npyRows(data: DataFile, featureShape: readonly number[], reading: Reading): Promise<Rows> {
  const { features, shape } = await readNpy(data, reading);
  const file = data.name;
  const [count, ...rest] = shape;
  const width = elements(featureShape);
  if (elements(rest) === width) return rowsOf(features, width, count);
  throw new DataError(
    `${file}: has the shape [${shape.join(', ')}], and the model takes examples of shape [${featureShape.join(', ')}]`,
    `give it the shape [n, ${featureShape.join(', ')}]`,
  );
}

function valueRows(values: InputValues, featureShape: readonly number[]): Rows {
  if (!ArrayBuffer.isView(values)) return listedRows('input', values, featureShape);
  const width = elements(featureShape);
  const odd = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (odd >= 0) {
    throw new DataError(`input: number ${odd + 1} is ${values[odd]}`, 'give numbers within the range of 32 bits');
  }
  if (values.length > 0 && values.length % width === 0) {
    const count = values.length / width;
    return Array.from({ length: count }, (_, row) => values.subarray(row * width, (row + 1) * width));
  }
  throw new DataError(
    `input: has ${values.length} numbers, and the model takes ${width} an example`,
    `give it [n, ${featureShape.join(', ')}] numbers, example by example`,
  );
}

async function jsonRows(data: DataFile, featureShape: readonly number[]): Promise<Rows> {
  const file = data.name;
  const json = await jsonIn(data, {
    Failure: DataError,
    what: 'a JSON list of examples',
    remedy: 'write a list of them, even of one: [[0.1, 0.2]]',
  });
  return listedRows(file, json, featureShape);
}

/** A list of examples; each is a list of numbers, nested as the model's input or flat. */
function listedRows(name: string, list: unknown, featureShape: readonly number[]): Row[] {
  if (!Array.isArray(list) || list.length === 0) {
    throw new DataError(`${name}: holds no list of examples`, 'write a list of them, even of one: [[0.1, 0.2]]');
  }
  const width = elements(featureShape);
  return list.map((entry: unknown, i) => {
    const row: unknown[] = ArrayBuffer.isView(entry)
      ? Array.from(entry as Float32Array)
      : [entry].flat(featureShape.length);
    const where = `${name}: row ${i + 1}`;
    const wrong = row.findIndex((value) => typeof value !== 'number' || !Number.isFinite(Math.fround(value)));
    if (wrong >= 0) {
      throw new DataError(`${where} holds ${JSON.stringify(row[wrong])}`, 'write numbers within the range of 32 bits');
    }
    if (row.length === width) return row as number[];
    const shape = `[${featureShape.join(', ')}]`;
    throw new DataError(
      `${where} has ${row.length} numbers, and the model takes ${width}`,
      `give each example the shape ${shape}`,
    );
  });
}

async function jsonIn(data: DataFile, kind: FileKind): Promise<unknown> {
  checkTextSize(data.name, data.size, kind);
  return parseJson(decodeText(await data.read(data.size, 0), data.name, kind), data.name, z.unknown(), kind);
}
