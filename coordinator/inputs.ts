/** From a file that a user names to batches of inputs for a trained model, in the order of the file. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Encoding } from '../src/data/encoding.js';
import { imageInputs } from '../src/data/image-inputs.js';
import { DataError } from '../src/errors.js';

/** Examples of a batch. */
export const batchSize = 128;

export interface InputBatch {
  readonly count: number;
  /** [count, ...featureShape] in the model's own units. */
  readonly features: Float32Array;
  /** File of each image. */
  readonly names?: readonly string[];
}

type Numbers = Float32Array | Uint8Array;
/** One example each, as stored. */
type Rows = AsyncIterable<Numbers> | Iterable<Numbers>;

/**
 * @param featureShape of one example
 * @param encoding undefined for a model that another program saved: inputs are then numbers as they are
 * @throws DataError naming the file, and the row of what does not fit the model
 */
export async function* inputBatches(
  file: string,
  featureShape: readonly number[],
  encoding: Encoding | undefined,
): AsyncGenerator<InputBatch> {
  const { input } = encoding ?? { input: { kind: 'numbers' as const, scale: 1 } };
  const ending = extname(file).toLowerCase();
  const isArray = ending === '.npy' || ending === '.json';
  if (input.kind === 'image' && !isArray) {
    const { names, rows } = await imageInputs(file, input);
    yield* batches(rows, featureShape, 1 / 255, names);
  } else if (isArray && input.kind !== 'table') {
    const scale = input.kind === 'image' ? 1 / 255 : input.kind === 'numbers' ? input.scale : 1;
    const rows = ending === '.json' ? await jsonRows(file, featureShape) : await npyRows(file, featureShape);
    yield* batches(rows, featureShape, scale);
  } else {
    throw new DataError(`${file}: is no .npy and no .json file`, 'the model takes numbers: name a file of either kind');
  }
}

async function* batches(
  rows: Rows,
  featureShape: readonly number[],
  scale: number,
  names?: readonly string[],
): AsyncGenerator<InputBatch> {
  const width = featureShape.reduce((a, b) => a * b, 1);
  // As engines scale: both factors and the product are float32.
  const factor = Math.fround(scale);
  let features = new Float32Array(batchSize * width);
  let count = 0;
  let first = 0;
  const batch = () => ({
    ...{ count, features: features.subarray(0, count * width) },
    names: names?.slice(first, first + count),
  });
  for await (const row of rows) {
    for (let i = 0; i < width; i++) features[count * width + i] = row[i] * factor;
    count++;
    if (count < batchSize) continue;
    yield batch();
    features = new Float32Array(batchSize * width);
    first += count;
    count = 0;
  }
  if (count > 0) yield batch();
}

async function npyRows(file: string, featureShape: readonly number[]): Promise<Rows> {
  throw new DataError(`${file}`, featureShape.join());
}

/** A list of examples; each is a list of numbers, nested as the model's input or flat. */
async function jsonRows(file: string, featureShape: readonly number[]): Promise<Rows> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw new DataError(`${file}: is no JSON (${message})`, 'write a list of examples');
    const reason = code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`;
    throw new DataError(`${file}: ${reason}`, 'check the path; a relative one starts at the current folder');
  }
  if (!Array.isArray(json)) throw new DataError(`${file}: holds no list`, 'write a list of examples, even of one');
  if (json.length === 0) throw new DataError(`${file}: holds an empty list`, 'write a list of examples');
  const width = featureShape.reduce((a, b) => a * b, 1);
  return json.map((entry: unknown, i) => {
    const row = [entry].flat(featureShape.length) as unknown[];
    const where = `${file}: row ${i + 1}`;
    const wrong = row.find((value) => typeof value !== 'number' || !Number.isFinite(Math.fround(value)));
    if (wrong !== undefined) {
      throw new DataError(`${where} holds ${JSON.stringify(wrong)}`, 'write numbers within the range of 32 bits');
    }
    if (row.length === width) return Float32Array.from(row as number[]);
    const shape = `[${featureShape.join(', ')}]`;
    throw new DataError(
      `${where} has ${row.length} numbers, the model takes ${width}`,
      `give each example shape ${shape}`,
    );
  });
}
