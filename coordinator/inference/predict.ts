/** Predicts from files with a saved model: classes with their probabilities, or numbers, one prediction a row. */
import { elements } from '../../src/data/field.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { createPredictor, type Predict } from '../../src/export/predictor.js';
import { type IdInput, idInputs, isId } from '../../src/model/embedding-ids.js';
import { takesIds } from '../check-ids.js';
import { type InputBatch, type InputValues, nameOfInput, openInputs } from './inputs.js';
import { locateModel, type ModelChoice } from './locate.js';
import { checkTop, type RankedClass, type Reading, readingOf } from './reading.js';
import { openModel, readEncoding, type SavedModel } from './saved-model.js';

export interface PredictOptions {
  readonly model?: ModelChoice;
  /** Module whose default export makes the model; default: that of the run's config. */
  readonly module?: string;
  /** Classes to name for each row, the surest first; default 1. All where there are not as many. */
  readonly top?: number;
  /** Names all classes where `top` is not given. */
  readonly every?: boolean;
  /** Columns of a table to repeat beside the predictions, such as ids and targets. */
  readonly keep?: readonly string[];
  readonly warn?: (message: string) => void;
}

export interface Prediction {
  /** Of the input, from 1. */
  readonly row: number;
  /** File of the input, where each is a file. */
  readonly name?: string;
  /** What the columns to keep hold, in their order; empty where one holds nothing. */
  readonly kept?: readonly string[];
  /** Where the model tells classes apart: the surest first, `top` of them. */
  readonly classes?: readonly RankedClass[];
  /** Where it predicts numbers: in the order of `Predictions.names`. */
  readonly values?: readonly number[];
}

export interface Predictions {
  /** The folder or file of the model. */
  readonly model: string;
  readonly kind: Reading['kind'];
  /** Whether each input is a file of its own. */
  readonly inputs: 'files' | 'rows';
  /** Names of the classes or of the numbers. */
  readonly names: readonly string[];
  /** What the score of a class is. */
  readonly measure?: 'probability' | 'score';
  /** One for each row of the input, in its order; read and computed while they are asked for. */
  readonly rows: AsyncIterable<Prediction>;
}

/**
 * Opens a model and an input for it. The encoding that was saved with the model says what that may be: PNG and JPEG files
 * or a folder of them, a CSV or Parquet file, or numbers in a .npy or .json file; or the inputs themselves, as a program has them.
 *
 * @param place a run's folder or a model's
 * @param input a path; or examples, [n, ...shape of one], as lists or in one typed array (of images: pixels from 0 to 255); or rows of
 *   a table as objects, `{ column: value }`
 * @throws LockstepError when there is no such model or `top` does not fit it; on the way through the rows, when an input
 *   cannot be read or does not fit the model
 */
export async function predict(
  place: string,
  input: string | InputValues,
  options: PredictOptions = {},
): Promise<Predictions> {
  const { model: choice, warn = () => {}, keep, every = false } = options;
  const located = locateModel(place, choice);
  const { path } = located;
  const saved = await openModel(located, options.module, warn);
  if (saved.encoding?.input.kind === 'text') {
    throw new ConfigError(`${path}: is a model of text`, 'give it a text to continue');
  }
  const reading = readingOf(saved);
  const top = options.top === undefined ? (every ? Number.POSITIVE_INFINITY : 1) : checkTop(reading, options.top, warn);
  const run = await createPredictor(saved, warn);
  const inputs = await openInputs(input, saved.featureShape, saved.encoding, { warn, keep });
  const { kind, names } = reading;
  const measure = kind === 'classes' ? reading.measure : undefined;
  const batches = await withIds(input, saved, inputs.batches);
  const rows = predictions(run, reading, top, batches);
  return { model: path, kind, names, measure, inputs: inputs.kind, rows };
}

/**
 * Whether a model is to be given a text to continue (see `continueText`), not inputs.
 * @throws ModelError when there is no such model
 */
export async function isTextModel(place: string, choice?: ModelChoice): Promise<boolean> {
  const encoding = await readEncoding(locateModel(place, choice).path);
  return encoding?.input.kind === 'text';
}

/**
 * The batches, checked as a whole before the first prediction where the model has embeddings: ids come from files that are in
 * memory anyway.
 */
async function withIds(
  input: string | InputValues,
  { model, featureShape }: SavedModel,
  batches: AsyncIterable<InputBatch>,
): Promise<AsyncIterable<InputBatch>> {
  const ids = idInputs(model, [featureShape]);
  if (ids.length === 0) return batches;
  const width = elements(featureShape);
  const read: InputBatch[] = [];
  let row = 0;
  for await (const batch of batches) {
    read.push(batch);
    for (let i = 0; i < batch.count; i++) checkRow(nameOfInput(input), batch.features, i * width, ++row, ids);
  }
  return (async function* again() {
    yield* read;
  })();
}

/** @throws DataError when the row holds a number that an embedding has no row for */
function checkRow(input: string, features: Float32Array, start: number, row: number, ids: readonly IdInput[]): void {
  for (const one of ids) {
    const odd = one.features.find((feature) => !isId(features[start + feature], one.rows));
    if (odd === undefined) continue;
    throw new DataError(
      `${input}: row ${row} holds ${features[start + odd]} as its feature ${odd + 1} (both counted from 1), and ${takesIds(one)}`,
      'leave the row out, or train a model that knows the id',
    );
  }
}

async function* predictions(
  run: Predict,
  reading: Reading,
  top: number,
  batches: AsyncIterable<InputBatch>,
): AsyncGenerator<Prediction> {
  let row = 0;
  for await (const { count, features, names, kept } of batches) {
    const outputs = await run(features, count);
    const width = outputs.length / count;
    for (let i = 0; i < count; i++) {
      const own = outputs.subarray(i * width, (i + 1) * width);
      row++;
      const input = { row, ...(names && { name: names[i] }), ...(kept && { kept: kept[i] }) };
      if (reading.kind === 'numbers') yield { ...input, values: reading.read(own) };
      else yield { ...input, classes: reading.read(own).slice(0, top) };
    }
  }
}
