/** A trained model as a tfjs model with its weights, and what the run that made it left beside it. */
import { dirname, extname, join } from 'node:path';

import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { readJsonFile } from '../../src/config/json-file.js';
import { loadRunConfig } from '../../src/config/load.js';
import type { ModelConfig } from '../../src/config/model.js';
import type { RunConfig } from '../../src/config/run.js';
import { statusOf } from '../../src/config/status.js';
import { type Encoding, encodingSchema } from '../../src/data/encoding.js';
import { elements } from '../../src/data/field.js';
import { tableWidth } from '../../src/data/table/rows.js';
import { ModelError } from '../../src/errors.js';
import { type LayerWeight, modelWeights, outputShape, plainShape } from '../../src/model/build.js';
import { createModel } from '../../src/model/create.js';
import { countWeights } from '../../src/model/declared-size.js';
import { readModelFile, type SavedWeights } from '../../src/model/file.js';
import { modelOfTopology } from '../../src/model/load.js';
import { encodingFile } from '../../src/model/save.js';
import { type LocatedModel, runAround } from './locate.js';

export interface SavedModel {
  readonly model: tfl.LayersModel;
  /** With the saved values, in the order of a slab. */
  readonly weights: LayerWeight[];
  /** Shape of one example, without the batch. */
  readonly featureShape: readonly number[];
  /** Shape of what the model makes of one example. */
  readonly outputShape: readonly number[];
  readonly encoding?: Encoding;
  /** Of the run that made the model. */
  readonly config?: RunConfig;
}

/**
 * Reads a model, its weights, its encoding and the config of its run, the latter two where there are any. Code is imported
 * only where the user has named a run, whose config names it, or the module itself.
 *
 * @param module whose default export makes the model; default: that of the run's config
 * @param warn told of weights that are not finite
 * @throws ModelError when a file is missing or damaged, or when the model is none with one input and one output
 */
export async function openModel(
  { path, config: file }: LocatedModel,
  module?: string,
  warn: (message: string) => void = () => {},
): Promise<SavedModel> {
  const { topology, weights: saved } = await readModelFile(path);
  if (!saved) throw new ModelError(`${path}: describes a model without weights`, 'name a model that was trained');
  const encoding = await readEncoding(path);
  const config = file === undefined ? undefined : loadRunConfig(file, []);
  const maker = makerOf(config, module);
  const model = maker
    ? await fromModule(path, topology, maker, config?.seed ?? 0, encoding)
    : await fromTopology(path, topology);
  for (const [kind, { length }] of Object.entries({ input: model.inputs, output: model.outputs })) {
    if (length !== 1) throw new ModelError(`${path}: the model has ${length} ${kind}s`, `use a model with one ${kind}`);
  }
  const featureShape = closedShape(path, model.inputs[0].shape.slice(1), encoding);
  const { trainable, state, frozen } = modelWeights(model);
  const weights = [...trainable, ...state, ...frozen];
  assignWeights(model, saved, path, warn);
  const opened = { model, weights, featureShape, outputShape: outputShape(model, [featureShape]), encoding, config };
  checkEncoding(path, opened);
  return opened;
}

/** @throws ModelError when encoding.json describes inputs or classes that are not the model's */
function checkEncoding(path: string, { featureShape, outputShape, encoding }: SavedModel): void {
  const differ = (says: string, has: string) => {
    throw new ModelError(
      `${join(path, encodingFile)}: describes ${says}, and the model has ${has}`,
      'put back the encoding.json that was saved with the model',
    );
  };
  if (encoding?.input.kind === 'table') {
    const [described, taken] = [tableWidth(encoding.input.columns), elements(featureShape)];
    if (described !== taken) differ(`${described} features`, `${taken}`);
  }
  const units = outputShape.at(-1) ?? 1;
  const { classes: names, outputs } = encoding ?? {};
  // What a function of the user's makes of the outputs is its own affair.
  const classes = outputs === undefined || outputs.loss === 'custom' ? undefined : names?.length;
  if (classes !== undefined && units !== classes && !(units === 1 && classes === 2)) {
    differ(`${classes} classes`, `${units} outputs`);
  }
}

async function fromTopology(path: string, topology: object): Promise<tfl.LayersModel> {
  countWeights();
  const run = runAround(path);
  const remedy = `if it has layers of your own, name ${run === undefined ? 'its run' : `its run, ${run}`}, or the module that makes it: --module FILE`;
  return modelOfTopology(topology, path, remedy);
}

type Maker = Pick<Extract<ModelConfig, { module: string }>, 'module' | 'options' | 'freeze'>;

/** What makes the model by a function of the user's: the config's module, or the one that was named instead. */
export function makerOf(config: RunConfig | undefined, named: string | undefined): Maker | undefined {
  const own = config && 'module' in config.model ? config.model : undefined;
  const module = named ?? own?.module;
  return module === undefined ? undefined : { module, options: own?.options, freeze: own?.freeze };
}

/** The user's own function may make layers that nobody else knows. */
async function fromModule(
  path: string,
  topology: object,
  maker: Maker,
  seed: number,
  encoding: Encoding | undefined,
): Promise<tfl.LayersModel> {
  const featureShape = closedShape(path, inputShapeIn(topology) ?? [null], encoding);
  const built = await createModel(maker, plainShape(featureShape, encoding?.classes?.length), seed, false);
  return built.model;
}

/** The first input shape that a topology gives. */
function inputShapeIn(json: unknown): (number | null)[] | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { batch_input_shape: shape } = json as { batch_input_shape?: (number | null)[] };
  if (Array.isArray(shape)) return shape.slice(1);
  for (const inner of Object.values(json)) {
    const found = inputShapeIn(inner);
    if (found) return found;
  }
  return undefined;
}

/** A model's input may be open in size; then the encoding says what it was trained on. */
function closedShape(path: string, shape: readonly (number | null)[], encoding: Encoding | undefined): number[] {
  const { input } = encoding ?? {};
  const trained =
    input?.kind === 'image'
      ? [input.height, input.width, input.channels]
      : input?.kind === 'text'
        ? [input.window]
        : [];
  const sizes = shape.map((size, i) => size ?? trained[i]);
  if (sizes.every((size) => size !== undefined)) return sizes;
  const known = sizes.map((size) => size ?? 'any').join(', ');
  throw new ModelError(`${path}: takes inputs of shape [${known}]`, 'save it with an input of fixed size');
}

/**
 * Gives a model's weights the values that are saved under their names; or in their order, where a user's function has left
 * the naming to tfjs, which counts on from model to model.
 * @param warn told of the first that holds what is not finite
 * @throws ModelError when one is missing or has another shape
 */
export function assignWeights(
  model: tfl.LayersModel,
  saved: SavedWeights,
  path: string,
  warn: (message: string) => void,
): void {
  const weights = model.weights as unknown as LayerWeight[];
  const inOrder = [...saved.values()];
  const sameShapes = weights.every(({ shape }, i) => inOrder[i]?.shape.join() === shape.join());
  const sameNames = weights.every(({ originalName }) => saved.has(originalName));
  const isRenamed = !sameNames && sameShapes && weights.length === inOrder.length;
  warnOfBroken(saved, path, warn);
  tf.tidy(() => {
    weights.forEach(({ originalName, shape, val }, i) => {
      const found = isRenamed ? inOrder[i] : saved.get(originalName);
      const wanted = `[${shape.join(', ')}]`;
      const remedy = 'name the model that belongs to the config';
      if (!found) throw new ModelError(`${path}: has no weight ${originalName} ${wanted}`, remedy);
      if (found.shape.join() !== shape.join()) {
        const problem = `${path}: the weight ${originalName} has shape [${found.shape.join(', ')}], the model's ${wanted}`;
        throw new ModelError(problem, remedy);
      }
      (val as tf.Variable).assign(tf.tensor(found.values, shape, 'float32'));
    });
  });
}

/** What such a model gives may still be finite, so it is read; whoever asks should know. */
function warnOfBroken(saved: SavedWeights, path: string, warn: (message: string) => void): void {
  const broken = [...saved].filter(([, { values }]) => !values.every(Number.isFinite));
  if (broken.length === 0) return;
  const [[name, { values }]] = broken;
  const count = values.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0);
  const others = broken.length > 1 ? `, and ${broken.length - 1} other weights hold some` : '';
  warn(`${path}: ${count} of the ${values.length} numbers of ${name} are NaN or infinite${others}`);
}

/** @returns undefined for a model that another program saved */
export async function readEncoding(path: string): Promise<Encoding | undefined> {
  const file = join(extname(path) === '.json' ? dirname(path) : path, encodingFile);
  if (!statusOf(file)) return undefined;
  return readJsonFile(file, encodingSchema, {
    Failure: ModelError,
    what: 'what says how inputs are read',
    remedy: 'copy it again from the model that was saved',
    whereMissing: 'check its rights',
    asWritten: true,
  });
}
