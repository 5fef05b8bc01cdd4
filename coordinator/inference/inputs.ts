/** From a file that a user names to batches of inputs for a trained model, in the order of the file. */
import { extname } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from '../../src/config/json-file.js';
import type { Encoding } from '../../src/data/encoding.js';
import { elements } from '../../src/data/examples.js';
import { imageInputs } from '../../src/data/images/inputs.js';
import { readNpy } from '../../src/data/npy/npy.js';
import { tableInputs } from '../../src/data/table/inputs.js';
import { DataError } from '../../src/errors.js';

/** Examples of a batch. */
const batchSize = 128;

export interface InputBatch {
  readonly count: number;
  /** [count, ...featureShape] in the model's own units. */
  readonly features: Float32Array;
  /** File of each image. */
  readonly names?: readonly string[];
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
 * @param featureShape of one example
 * @param encoding undefined for a model that another program saved: inputs are then numbers as they are
 * @throws DataError naming the file, and the row of what does not fit the model
 */
export async function openInputs(
  file: string,
  featureShape: readonly number[],
  encoding: Encoding | undefined,
): Promise<Inputs> {
  const input = encoding?.input ?? { kind: 'numbers', scale: 1 };
  const ending = extname(file).toLowerCase();
  if (input.kind === 'table') {
    const { features, width, count } = await tableInputs(file, input);
    return { kind: 'rows', batches: batches(rowsOf(features, width, count), featureShape, 1) };
  }
  const scale = input.kind === 'numbers' ? input.scale : 1 / 255;
  if (ending === '.json')
    return { kind: 'rows', batches: batches(await jsonRows(file, featureShape), featureShape, scale) };
  if (ending === '.npy')
    return { kind: 'rows', batches: batches(await npyRows(file, featureShape), featureShape, scale) };
  if (input.kind === 'image') {
    const { names, rows } = await imageInputs(file, input);
    return { kind: 'files', batches: batches(rows, featureShape, scale, names) };
  }
  throw new DataError(`${file}: is no .npy and no .json file`, 'the model takes numbers: name a file of either kind');
}

async function* batches(
  rows: Rows,
  featureShape: readonly number[],
  scale: number,
  names?: readonly string[],
): AsyncGenerator<InputBatch> {
  const width = elements(featureShape);
  // As engines scale: both factors and the product are float32.
  const factor = Math.fround(scale);
  let features = new Float32Array(batchSize * width);
  let count = 0;
  let first = 0;
  for await (const row of rows) {
    for (let i = 0; i < width; i++) features[count * width + i] = row[i] * factor;
    count++;
    if (count < batchSize) continue;
    yield { count, features, names: names?.slice(first, first + count) };
    features = new Float32Array(batchSize * width);
    first += count;
    count = 0;
  }
  if (count > 0) yield { count, features: features.subarray(0, count * width), names: names?.slice(first) };
}

function* rowsOf(features: Float32Array | Uint8Array, width: number, count: number): Generator<Row> {
  for (let row = 0; row < count; row++) yield features.subarray(row * width, (row + 1) * width);
}

async function npyRows(file: string, featureShape: readonly number[]): Promise<Rows> {
  const { features, shape } = await readNpy(file);
  const [count, ...rest] = shape;
  const width = elements(featureShape);
  if (elements(rest) === width) return rowsOf(features, width, count);
  throw new DataError(
    `${file}: has the shape [${shape.join(', ')}], and the model takes examples of shape [${featureShape.join(', ')}]`,
    `give it the shape [n, ${featureShape.join(', ')}]`,
  );
}

/** A list of examples; each is a list of numbers, nested as the model's input or flat. */
async function jsonRows(file: string, featureShape: readonly number[]): Promise<Rows> {
  const json = readJsonFile(file, z.unknown(), {
    Failure: DataError,
    what: 'a JSON list of examples',
    remedy: 'write a list of them, even of one: [[0.1, 0.2]]',
    whereMissing: 'check the path; a relative one starts at the current folder',
  });
  if (!Array.isArray(json) || json.length === 0) {
    throw new DataError(`${file}: holds no list of examples`, 'write a list of them, even of one: [[0.1, 0.2]]');
  }
  const width = elements(featureShape);
  return json.map((entry: unknown, i) => {
    const row: unknown[] = [entry].flat(featureShape.length);
    const where = `${file}: row ${i + 1}`;
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
