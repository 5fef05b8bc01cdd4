/** A trained model as a tfjs model with its weights, and what the run that made it left beside it. */
import { dirname, extname, join } from 'node:path';

import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { loadRunConfig } from '../../src/config/load-config.js';
import type { ModelConfig } from '../../src/config/model.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { type Encoding, encodingSchema, targetEncoding } from '../../src/data/encoding.js';
import { ModelError } from '../../src/errors.js';
import type { HeadMetrics } from '../../src/evaluate/run-metrics.js';
import { readJsonFile } from '../../src/ground/json-file.js';
import { statusOf } from '../../src/ground/status.js';
import { probabilityMisfit } from '../../src/metrics/probabilities.js';
import { createModel } from '../../src/model/build/create.js';
import { countWeights } from '../../src/model/build/declared-size.js';
import { type LayerWeight, modelWeights } from '../../src/model/build/layer-weights.js';
import { readModelFile, type SavedWeights } from '../../src/model/files/model-file.js';
import { modelOfTopology } from '../../src/model/files/model-from-json.js';
import { encodingFile } from '../../src/model/files/save.js';
import { keepMasks } from '../../src/model/forward.js';
import { lossName } from '../../src/model/target-range.js';
import type { HookSlot } from '../../src/model/tfjs/hooks.js';
import type { AskedTarget } from '../prepare/specs.js';
import { type LocatedModel, runAround } from './locate.js';
import { type Signature, signatureOf, trainedShape } from './signature.js';

export interface SavedModel extends Signature {
  readonly model: tfl.LayersModel;
  /** With the saved values, in the order of a slab. */
  readonly weights: LayerWeight[];
  /** Where the model reads masks. */
  readonly hooks: HookSlot;
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
 * @throws ModelError when a file is missing or damaged, or one is of another model
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
  const signature = signatureOf(path, model, encoding);
  const { trainable, state, frozen } = modelWeights(model);
  assignWeights(model, saved, path, warn);
  const hooks: HookSlot = {};
  keepMasks(model, hooks);
  return { model, weights: [...trainable, ...state, ...frozen], ...signature, hooks, encoding, config };
}

async function fromTopology(path: string, topology: object): Promise<tfl.LayersModel> {
  countWeights();
  const run = runAround(path);
  const remedy = `if it has layers of your own, name ${run === undefined ? 'its run' : `its run, ${run}`}, or the module that makes it: --module FILE`;
  return modelOfTopology(topology, path, remedy);
}

type Maker = Pick<Extract<ModelConfig, { module: string }>, 'module' | 'options' | 'freeze' | 'outputs'>;

/** What makes the model by a function of the user's: the config's module, or the one that was named instead. */
export function makerOf(config: RunConfig | undefined, named: string | undefined): Maker | undefined {
  const own = config && 'module' in config.model ? config.model : undefined;
  const module = named ?? own?.module;
  return module === undefined
    ? undefined
    : { module, options: own?.options, freeze: own?.freeze, outputs: own?.outputs };
}

/** The user's own function may make layers that nobody else knows. */
async function fromModule(
  path: string,
  topology: object,
  maker: Maker,
  seed: number,
  encoding: Encoding | undefined,
): Promise<tfl.LayersModel> {
  const { data, outputs } = trainedShape(path, topology, encoding);
  const built = await createModel({ ...maker, outputs: maker.outputs ?? outputs }, data, seed, false);
  return built.model;
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

/** Outputs read as it was saved with the model, where they are classes still. */
export function withSavedDecisions(
  heads: readonly HeadMetrics[],
  targets: readonly AskedTarget[],
  encoding: Encoding | undefined,
): readonly HeadMetrics[] {
  return heads.map((head, i) => {
    const { column, loss, survey } = targets[i];
    const { decision, outputs } = encoding ? targetEncoding(encoding, column) : {};
    if (!decision || probabilityMisfit(head, lossName(loss), survey)) return head;
    return { ...head, decision, kind: head.kind ?? outputs?.kind };
  });
}
