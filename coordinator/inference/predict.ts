/** Predicts from files with a saved model: classes with their probabilities, or numbers, one prediction a row. */
import { elements, isCode } from '../../src/data/field.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { createPredictor, type Predict } from '../../src/export/predictor.js';
import { type IdInput, idInputs } from '../../src/model/embedding-ids.js';
import { takesIds } from '../check-ids.js';
import { type GivenInputs, type InputBatch, nameOfInput, openInputs } from './inputs.js';
import { locateModel, type ModelChoice } from './locate.js';
import { checkTop, type RankedClass, type Reading, readingOf } from './reading.js';
import { openModel, readEncoding, type SavedModel } from './saved-model.js';
import type { SavedInput } from './signature.js';

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

/** What is predicted of one target. */
export interface PredictedValue {
  /** Where the model tells classes apart: the surest first, `top` of them. */
  readonly classes?: readonly RankedClass[];
  /** Where it predicts numbers: in the order of `names`. */
  readonly values?: readonly number[];
  /** Where it tells a class for each of several places, pixels or words: the likeliest of each, row-major. */
  readonly places?: readonly string[];
}

/** Of a model whose outputs have no names: what is predicted itself. */
export interface Prediction extends PredictedValue {
  /** Of the input, from 1. */
  readonly row: number;
  /** File of the input, where each is a file. */
  readonly name?: string;
  /** What the columns to keep hold, in their order; empty where one holds nothing. */
  readonly kept?: readonly string[];
  /** What is predicted of each target, by its name, where they have names. */
  readonly targets?: Readonly<Record<string, PredictedValue>>;
}

/** What predictions of a target are. */
export interface PredictedTarget {
  readonly kind: Reading['kind'];
  /** Names of the classes or of the numbers. */
  readonly names: readonly string[];
  /** What the score of a class is. */
  readonly measure?: 'probability' | 'score';
  /** Absent where the model's only output has none. */
  readonly target?: string;
}

/** What the only target, or the first, is; `targets` has all. */
export interface Predictions extends PredictedTarget {
  /** The folder or file of the model. */
  readonly model: string;
  /** Whether each input is a file of its own. */
  readonly inputs: 'files' | 'rows';
  readonly targets: readonly PredictedTarget[];
  /** One for each row of the input, in its order; read and computed while they are asked for. */
  readonly rows: AsyncIterable<Prediction>;
}

/**
 * Opens a model and an input for it. The encoding that was saved with the model says what that may be: PNG and JPEG files
 * or a folder of them, a CSV or Parquet file, or numbers in a .npy or .json file; or the inputs themselves, as a program has them.
 *
 * @param place a run's folder or a model's
 * @param input a path; or examples, [n, ...shape of one], as lists or in one typed array (of images: pixels from 0 to 255); or rows of
 *   a table as objects, `{ column: value }`, or its columns, `{ column: [...] }`; or, for inputs that have names, `{ input: examples or path }` or a list
 *   of `{ input: example }`
 * @throws LockstepError when there is no such model or `top` does not fit it; on the way through the rows, when an input
 *   cannot be read or does not fit the model
 */
export async function predict(place: string, input: GivenInputs, options: PredictOptions = {}): Promise<Predictions> {
  const { model: choice, warn = () => {}, keep, every = false } = options;
  const located = locateModel(place, choice);
  const { path } = located;
  const saved = await openModel(located, options.module, warn);
  if (saved.encoding?.input.kind === 'text') {
    throw new ConfigError(`${path}: is a model of text`, 'give it a text to continue');
  }
  const readings = saved.outputs.map(({ name, isNamed }, i) => ({
    ...readingOf(saved, i),
    ...(isNamed && { target: name }),
  }));
  if (options.top !== undefined) checkTop(readings, options.top, warn);
  const top = options.top ?? (every ? Number.POSITIVE_INFINITY : 1);
  const run = await createPredictor(saved, warn);
  const inputs = await openInputs(input, saved.inputs, saved.encoding, { warn, keep });
  const batches = await withIds(input, saved, inputs.batches);
  const targets = readings.map(({ read: _, ...about }): PredictedTarget => about);
  return {
    model: path,
    ...targets[0],
    inputs: inputs.kind,
    targets,
    rows: predictions(run, saved, readings, top, batches),
  };
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
  given: GivenInputs,
  { model, inputs }: SavedModel,
  batches: AsyncIterable<InputBatch>,
): Promise<AsyncIterable<InputBatch>> {
  const ids = idInputs(
    model,
    inputs.map(({ shape }) => shape),
  );
  if (ids.length === 0) return batches;
  const source = nameOfInput(given);
  const read: InputBatch[] = [];
  let row = 0;
  for await (const batch of batches) {
    read.push(batch);
    for (let i = 0; i < batch.count; i++) {
      row++;
      for (const one of ids) checkRow(`${source}: row ${row}`, batch.inputs[one.input], i, inputs[one.input], one);
    }
  }
  return (async function* again() {
    yield* read;
  })();
}

/** @throws DataError when the row holds a number that the embedding has no row for */
function checkRow(
  where: string,
  values: Float32Array,
  row: number,
  { name, shape, isNamed }: SavedInput,
  ids: IdInput,
) {
  const start = row * elements(shape);
  const odd = ids.features.find((feature) => !isCode(values[start + feature], ids.rows));
  if (odd === undefined) return;
  const feature = elements(shape) === 1 && isNamed ? name : `its feature ${odd + 1}${isNamed ? ` of ${name}` : ''}`;
  const counted = feature === name ? '' : ' (both counted from 1)';
  throw new DataError(
    `${where} holds ${values[start + odd]} as ${feature}${counted}, and ${takesIds(ids)}`,
    'leave the row out, or train a model that knows the id',
  );
}

async function* predictions(
  run: Predict,
  saved: SavedModel,
  readings: readonly (Reading & { readonly target?: string })[],
  top: number,
  batches: AsyncIterable<InputBatch>,
): AsyncGenerator<Prediction> {
  let row = 0;
  for await (const { count, inputs, names, kept } of batches) {
    const outputs = await run(inputs, count);
    for (let i = 0; i < count; i++) {
      row++;
      const input = { row, ...(names && { name: names[i] }), ...(kept && { kept: kept[i] }) };
      const values = readings.map((reading, j) => {
        const own = rowOf(outputs[j], i, count);
        const shown = reading.kind === 'places' ? present(saved, inputs, i, j, own) : own;
        return predicted(reading, shown, top);
      });
      if (readings.length === 1 && readings[0].target === undefined) yield { ...input, ...values[0] };
      else yield { ...input, targets: Object.fromEntries(values.map((value, j) => [readings[j].target, value])) };
    }
  }
}

function rowOf(outputs: Float32Array, row: number, count: number): Float32Array {
  const width = outputs.length / count;
  return outputs.subarray(row * width, (row + 1) * width);
}

/** The outputs of the places that are there: of a sequence that is filled up, where the model tells something of each place. */
function present(
  { inputs, outputs, masks }: SavedModel,
  given: readonly Float32Array[],
  row: number,
  output: number,
  values: Float32Array,
): Float32Array {
  const [mask, ...others] = masks;
  const places = mask?.shape[0];
  if (!mask || others.length > 0 || places !== outputs[output].shape[0]) return values;
  const own = given[inputs.length].subarray(row * places, (row + 1) * places);
  const there = own.reduce((sum, each) => sum + each, 0);
  return values.subarray(0, (values.length / places) * there);
}

function predicted(reading: Reading, outputs: Float32Array, top: number): PredictedValue {
  if (reading.kind === 'numbers') return { values: reading.read(outputs) };
  if (reading.kind === 'places') return { places: reading.read(outputs) };
  return { classes: reading.read(outputs).slice(0, top) };
}
