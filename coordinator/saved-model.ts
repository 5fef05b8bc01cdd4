/** A trained model as a tfjs model with its weights, and what the run that made it left beside it. */
import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, models } from '@tensorflow/tfjs-layers';
import { loadRunConfig } from '../src/config/load.js';
import type { RunConfig } from '../src/config/run.js';
import type { Encoding } from '../src/data/encoding.js';
import { ModelError } from '../src/errors.js';
import { type LayerWeight, modelWeights } from '../src/model/build.js';
import { readModelFile, type SavedWeights } from '../src/model/file.js';
import { encodingFile } from '../src/model/save.js';
import type { LocatedModel } from './locate.js';

export interface SavedModel {
  readonly model: LayersModel;
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
 * Reads a model, its weights, its encoding and the config of its run, the latter two where there are any.
 * @throws ModelError when a file is missing or damaged, or when the model is none with one input and one output
 */
export async function openModel({ path, config }: LocatedModel): Promise<SavedModel> {
  const { topology, weights: saved } = await readModelFile(path);
  if (!saved) throw new ModelError(`${path}: describes a model without weights`, 'name a model that was trained');
  const model = await fromTopology(path, topology);
  const [featureShape, outputShape] = [
    onlyShape(path, 'input', model.inputs),
    onlyShape(path, 'output', model.outputs),
  ];
  const { trainable, state, frozen } = modelWeights(model);
  const weights = [...trainable, ...state, ...frozen];
  assignWeights(weights, saved, path);
  return {
    ...{ model, weights, featureShape, outputShape },
    encoding: await readEncoding(path),
    config: config === undefined ? undefined : loadRunConfig(config, []),
  };
}

async function fromTopology(path: string, topology: object): Promise<LayersModel> {
  try {
    return await models.modelFromJSON(topology as Parameters<typeof models.modelFromJSON>[0]);
  } catch (error) {
    throw new ModelError(`${path}: cannot be built (${(error as Error).message})`, 'save or convert the model again');
  }
}

/** The shape of the model's only input or output. */
function onlyShape(path: string, kind: string, tensors: LayersModel['inputs']): number[] {
  if (tensors.length !== 1) {
    throw new ModelError(`${path}: the model has ${tensors.length} ${kind}s`, `use a model with one ${kind}`);
  }
  const [, ...shape] = tensors[0].shape;
  if (shape.every((size) => size !== null)) return shape as number[];
  throw new ModelError(
    `${path}: its ${kind} [${shape.map((size) => size ?? '?').join(', ')}] is open in size`,
    'fix it',
  );
}

/**
 * Gives weights the values that are saved under their names.
 * @throws ModelError when one is missing or has another shape
 */
export function assignWeights(weights: readonly LayerWeight[], saved: SavedWeights, path: string): void {
  tf.tidy(() => {
    for (const { originalName, shape, val } of weights) {
      const found = saved.get(originalName);
      const wanted = `[${shape.join(', ')}]`;
      const remedy = 'name the model that belongs to the config';
      if (!found) throw new ModelError(`${path}: has no weight ${originalName} ${wanted}`, remedy);
      if (found.shape.join() !== shape.join()) {
        const problem = `${path}: the weight ${originalName} has shape [${found.shape.join(', ')}], the model's ${wanted}`;
        throw new ModelError(problem, remedy);
      }
      (val as tf.Variable).assign(tf.tensor(found.values, shape, 'float32'));
    }
  });
}

const kinds = ['numbers', 'table', 'image', 'text'];

/** @returns undefined for a model that another program saved */
export async function readEncoding(path: string): Promise<Encoding | undefined> {
  const file = join(extname(path) === '.json' ? dirname(path) : path, encodingFile);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ModelError(`${file}: cannot be read (${code})`, 'check its rights');
  }
  try {
    const encoding = JSON.parse(text) as Encoding;
    if (kinds.includes(encoding.input.kind)) return encoding;
  } catch {
    // Told below.
  }
  throw new ModelError(`${file}: does not say how inputs are read`, 'copy it again from the model that was saved');
}
