/** Predicts from files with a saved model: classes with their probabilities, or numbers, one prediction a row. */
import { plainNames } from '../../src/config/plain-names.js';
import { isCode } from '../../src/data/field.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { createPredictor, maskedOf, type Predict } from '../../src/export/predictor.js';
import { elements } from '../../src/ground/elements.js';
import { type IdInput, idInputs } from '../../src/model/embedding-ids.js';
import { takesIds } from '../prepare/check-ids.js';
import { type GivenInputs, type InputBatch, nameOfInput, openInputs } from './input-batches.js';
import { locateModel, type ModelChoice } from './locate.js';
import { checkTop, type OutputReading, type RankedClass, readingOf } from './output-meaning.js';
import { PictureWriter } from './pictures.js';
import { openModel, readEncoding, type SavedModel } from './saved-model.js';
import type { SavedInput } from './signature.js';

/** Which model predicts, and for what. */
export interface PredictOptions {
  /** Which model of the run: `best` by validation, `final`, or one at a path; default: the best, where there is one. */
  readonly model?: ModelChoice;
  /** Module whose default export makes the model; default: that of the run's config. */
  readonly module?: string;
  /** Classes to name for each row, the surest first; default 1. All where there are not as many. */
  readonly top?: number;
  /** Names all classes where `top` is not given. */
  readonly every?: boolean;
  /** Columns of a table to repeat beside the predictions, such as ids and targets. */
  readonly keep?: readonly string[];
  /** Folder where names of images in a table start; default: that of the table's file, for rows of a program the current. */
  readonly dir?: string;
  /** Folder to write masks and pictures that are predicted to, as PNG: grey, classes as the values of the training's masks. */
  readonly images?: string;
  /** Whether files in that folder may be replaced. */
  readonly force?: boolean;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
}

/** What is predicted of one target. */
export interface PredictedValue {
  /** The PNG file that was written of it; there is nothing else then. */
  readonly file?: string;
  /** Where the model tells classes apart: the surest first, `top` of them. */
  readonly classes?: readonly RankedClass[];
  /** Where it predicts numbers: in the order of `names`, null where a place does not count. */
  readonly values?: readonly (number | null)[];
  /**
   * Where it tells a class for each of several places, pixels or words: the likeliest of each, row-major, null where a place does not
   * count; those at the end of a sequence are left out.
   */
  readonly places?: readonly (string | null)[];
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
  /** What is predicted: a class, a class for each place of a sequence, or numbers. */
  readonly kind: OutputReading['kind'];
  /** Names of the classes or of the numbers. */
  readonly names: readonly string[];
  /** What the score of a class is. */
  readonly measure?: 'probability' | 'score';
  /** Absent where the model's only output has none. */
  readonly target?: string;
  /** Whether predictions are written as PNG files. */
  readonly isWritten?: boolean;
}

/** What the only target, or the first, is; `targets` has all. */
export interface Predictions extends PredictedTarget {
  /** The folder or file of the model. */
  readonly model: string;
  /** Whether each input is a file of its own. */
  readonly inputs: 'files' | 'rows';
  /** What is predicted, in the order of the values. */
  readonly targets: readonly PredictedTarget[];
  /** One for each row of the input, in its order; read and computed while they are asked for. */
  readonly rows: AsyncIterable<Prediction>;
}

/**
 * Opens a model and an input for it. The encoding that was saved with the model says what that may be: PNG and JPEG files
 * or a folder of them, a CSV, Parquet or JSON lines file, or numbers in a .npy, .npz or .json file, or what a module makes; or the inputs themselves, as a program has them.
 *
 * @param place a run's folder or a model's
 * @param input a path; or examples, [n, ...shape of one], as lists or in one typed array (of images: pixels from 0 to 255); or rows of
 *   a table as objects, `{ column: value }`, or its columns, `{ column: [...] }`; or, for inputs that have names, `{ input: examples or path }` or a list
 *   of `{ input: example }`
 * @throws LockstepError when there is no such model or `top` does not fit it; on the way through the rows, when an input
 *   cannot be read or does not fit the model
 */
export async function predict(place: string, input: GivenInputs, options: PredictOptions = {}): Promise<Predictions> {
  const { model: choice, warn = () => {}, keep, every = false, dir, images, force } = options;
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
  const pictures =
    images === undefined
      ? undefined
      : new PictureWriter(
          readings.map((reading, i) => ({ reading, shape: saved.outputs[i].shape, target: reading.target })),
          { folder: images, force },
        );
  const run = await createPredictor(saved, warn);
  const data = saved.config?.data;
  const moduleOptions = data?.source === 'module' ? data.options : undefined;
  const inputs = await openInputs(input, saved.inputs, saved.encoding, { warn, keep, dir, moduleOptions });
  const batches = await withIds(nameOfInput(input), saved, inputs.batches);
  const targets = readings.map(
    ({ read: _, ...about }, i): PredictedTarget => ({ ...about, ...(pictures?.writes(i) && { isWritten: true }) }),
  );
  return {
    model: path,
    ...targets[0],
    inputs: inputs.kind,
    targets,
    rows: predictions(run, saved, readings, { top, pictures }, batches),
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
export async function withIds(
  source: string,
  { model, inputs }: SavedModel,
  batches: AsyncIterable<InputBatch>,
): Promise<AsyncIterable<InputBatch>> {
  const ids = idInputs(
    model,
    inputs.map(({ shape }) => shape),
  );
  if (ids.length === 0) return batches;
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
  readings: readonly (OutputReading & { readonly target?: string })[],
  { top, pictures }: { readonly top: number; readonly pictures?: PictureWriter },
  batches: AsyncIterable<InputBatch>,
): AsyncGenerator<Prediction> {
  const masked = maskedOf(saved);
  let row = 0;
  for await (const { count, inputs, names, kept } of batches) {
    const outputs = await run(inputs, count);
    for (let i = 0; i < count; i++) {
      row++;
      const input = { row, ...(names && { name: names[i] }), ...(kept && { kept: kept[i] }) };
      const values: PredictedValue[] = [];
      for (const [j, reading] of readings.entries()) {
        const made = masked.indexOf(j);
        const masks = [
          made < 0 ? undefined : rowOf(outputs[saved.outputs.length + made], i, count),
          givenMask(saved, inputs, i, j),
        ];
        const value = predicted(reading, rowOf(outputs[j], i, count), top, counted(saved.outputs[j].shape, masks));
        const file = await pictures?.write(j, value.places ?? value.values ?? [], row, names?.[i]);
        values.push(file === undefined ? value : { file });
      }
      if (readings.length === 1 && readings[0].target === undefined) yield { ...input, ...values[0] };
      else yield { ...input, targets: Object.fromEntries(values.map((value, j) => [readings[j].target, value])) };
    }
  }
}

function rowOf(outputs: Float32Array, row: number, count: number): Float32Array {
  const width = outputs.length / count;
  return outputs.subarray(row * width, (row + 1) * width);
}

/** What the data say of the places of an output: those of an input of sequences, where its target has them. */
function givenMask(
  { inputs, outputs, masks }: SavedModel,
  given: readonly Float32Array[],
  row: number,
  output: number,
): Float32Array | undefined {
  const { placesOf } = outputs[output].encoding;
  if (placesOf === undefined) return undefined;
  const of = inputs.findIndex(({ name, isNamed }) => (isNamed ? name : plainNames.input) === placesOf);
  const index = masks.findIndex((mask) => mask.of === of);
  const width = masks[index]?.shape[0] ?? 0;
  return index < 0 ? undefined : given[inputs.length + index].subarray(row * width, (row + 1) * width);
}

/** Which places of an output count in all masks that are of its places; undefined where all do. */
function counted(shape: readonly number[], masks: readonly (Float32Array | undefined)[]): boolean[] | undefined {
  const own = masks.filter((mask) => shape.length > 1 && mask?.length === shape[0]);
  if (own.every((mask) => mask!.every(Boolean))) return undefined;
  return Array.from({ length: shape[0] }, (_, place) => own.every((mask) => mask![place] !== 0));
}

function predicted(
  reading: OutputReading,
  outputs: Float32Array,
  top: number,
  counts: readonly boolean[] | undefined,
): PredictedValue {
  /** Of so many values, those of places that count. */
  const shown = <T>(values: readonly T[]): (T | null)[] =>
    counts
      ? values.map((value, i) => (counts[Math.floor((i * counts.length) / values.length)] ? value : null))
      : [...values];
  if (reading.kind === 'numbers') return { values: shown(reading.read(outputs)) };
  if (reading.kind === 'classes') return { classes: reading.read(outputs).slice(0, top) };
  const places = shown(reading.read(outputs));
  return { places: places.slice(0, places.findLastIndex((place) => place !== null) + 1) };
}
