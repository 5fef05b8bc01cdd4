/** Reads saved models: tfjs's model.json with its weights, and the JSON that Keras's `model.to_json()` gives. */
import { elements } from '../../ground/elements.js';
import '../tfjs/core-gaps.js';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import tf = require('@tensorflow/tfjs-core');

import { z } from 'zod';
import { ModelError } from '../../errors.js';
import { readJsonFile } from '../../ground/json-file.js';
import { beside } from '../../ground/near-path.js';
import { checkConnections, checkInitializers } from './connections.js';
import { readableTopology } from './keras.js';
import { isObject, type Json } from './keras-graph.js';
import { readWeightFiles } from './weight-files.js';

/** Weights by their names in the file, e.g. `dense_1/kernel`. */
export type SavedWeights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

export interface ModelFile {
  /** What `tf.models.modelFromJSON` takes. */
  readonly topology: object;
  /** Absent where the file describes the layers alone. */
  readonly weights?: SavedWeights;
}

/** Bytes of one value, by the dtype in which it is stored. */
const valueBytes = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 } as const;

const entrySchema = z.looseObject({
  name: z.string(),
  shape: z.array(z.int().min(0)),
  dtype: z.enum(['float32', 'int32', 'bool']),
  group: z.string().optional(),
  quantization: z
    .looseObject({
      dtype: z.enum(['uint8', 'uint16', 'float16']),
      scale: z.number().optional(),
      min: z.number().optional(),
    })
    .optional(),
});
const manifestSchema = z.array(z.looseObject({ paths: z.array(z.string()), weights: z.array(entrySchema) }));
type WeightGroup = z.infer<typeof manifestSchema>[number];
type WeightEntry = z.infer<typeof entrySchema>;

/**
 * Reads a model.
 *
 * @param path a folder that holds model.json, or the JSON file itself
 * @throws ModelError when it is missing, damaged or no layers model
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const { file, topology, weightsManifest } = await open(path);
  if (weightsManifest === undefined) return { topology };
  const manifest = manifestSchema.safeParse(weightsManifest);
  if (!manifest.success) {
    const [{ path: place, message }] = manifest.error.issues;
    throw new ModelError(`${file}: weightsManifest.${place.join('.')}: ${message}`, 'save or convert the model again');
  }
  return manifest.data.length === 0 ? { topology } : { topology, weights: readWeights(file, manifest.data) };
}

/** As `readModelFile`, without the weights. */
export async function readTopology(path: string): Promise<object> {
  return (await open(path)).topology;
}

async function open(path: string): Promise<{ file: string; topology: Json; weightsManifest: unknown }> {
  const file = await jsonFile(path);
  const json = parse(file);
  const wrapped = isObject(json.modelTopology) ? json.modelTopology : json;
  refuseGraph(file, json.format, wrapped);
  const topology = isObject(wrapped.model_config) ? wrapped.model_config : wrapped;
  if (typeof (topology.class_name ?? topology.className) === 'string' && topology.config !== undefined) {
    const readable = readableTopology(file, topology, wrapped.keras_version ?? json.keras_version);
    checkConnections(file, readable);
    checkInitializers(file, readable);
    return { file, topology: readable, weightsManifest: json.weightsManifest };
  }
  throw new ModelError(
    `${file}: holds no model (there is no class_name with its config)`,
    "name a tfjs LayersModel's model.json, or what Keras's model.to_json() gives",
  );
}

async function jsonFile(path: string): Promise<string> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ModelError(
      `${path}: ${code === 'ENOENT' ? 'no such file or folder' : `cannot be read (${code})`}`,
      beside(path, where),
    );
  }
  if (!isFolder) return path;
  const file = join(path, 'model.json');
  if (existsSync(file)) return file;
  // Of a run, the model that predict and evaluate take: the best one, else the last.
  const ofRun = ['best', 'model'].map((name) => join(path, name, 'model.json')).find((each) => existsSync(each));
  if (ofRun) return ofRun;
  throw new ModelError(`${path}: the folder has no model.json`, where);
}

const where = "name a run's folder, a model's, or its model.json; a relative path starts at the current folder";

const parse = (file: string): Json =>
  readJsonFile(file, z.record(z.string(), z.unknown()), {
    Failure: ModelError,
    what: 'the JSON of a model',
    remedy: 'convert .h5 and .keras files by tensorflowjs_converter --output_format tfjs_layers_model',
    whereMissing: 'check its rights',
  });

function refuseGraph(file: string, format: unknown, topology: Json): void {
  if (format !== 'graph-model' && !Array.isArray(topology.node)) return;
  throw new ModelError(
    `${file}: is a graph model, which has no layers to train`,
    'convert the original by tensorflowjs_converter --output_format tfjs_layers_model',
  );
}

function readWeights(file: string, manifest: readonly WeightGroup[]): SavedWeights {
  const weights = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const { paths, weights: entries } of manifest) {
    const sum = (size: (entry: WeightEntry) => number) => entries.reduce((total, entry) => total + size(entry), 0);
    const bytes = readWeightFiles(
      file,
      paths,
      sum(bytesOf),
      sum(({ shape }) => 4 * elements(shape)),
    );
    let offset = 0;
    for (const entry of entries) {
      const part = bytes.slice(offset, offset + bytesOf(entry));
      offset += part.length;
      if (entry.group === 'optimizer') continue;
      if (weights.has(entry.name)) {
        throw new ModelError(`${file}: has two weights named ${entry.name}`, 'save or convert the model again');
      }
      weights.set(entry.name, { shape: entry.shape, values: decode(file, entry, part) });
    }
  }
  return weights;
}

const bytesOf = ({ shape, dtype, quantization }: WeightEntry): number =>
  elements(shape) * valueBytes[quantization?.dtype ?? dtype];

/** The values of a weight; decoded by tfjs, which knows quantised weights. */
function decode(file: string, entry: WeightEntry, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  try {
    return tf.tidy(() => {
      const decoded = tf.io.decodeWeights(bytes.buffer, [entry as tf.io.WeightsManifestEntry]);
      return Float32Array.from(decoded[entry.name].dataSync());
    });
  } catch (error) {
    throw new ModelError(`${file}: ${(error as Error).message}`, 'save or convert the model again');
  }
}
