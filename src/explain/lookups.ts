/**
 * Where a model looks ids up. An id has no slope, the vector that an embedding has for it does: explanations go by the
 * vectors, and what they come to is that of the id.
 */
import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { elements } from '../ground/elements.js';
import { everyLayer } from '../model/layer-tree.js';

type Layer = tfl.layers.Layer;

/** One application of an embedding to ids that are in the data. */
export interface Lookup {
  /** Which of the calls of embeddings it is, in the order in which the model makes them. */
  readonly call: number;
  /** Index of the model's input that the ids come from. */
  readonly input: number;
  /** Which feature of that input is looked up at each place. */
  readonly features: Int32Array;
  /** Of what one example gets: [...places, width of a vector]. */
  readonly shape: readonly number[];
  /** [rows, width of a vector] */
  readonly table: Float32Array;
}

/** Answers a call of an embedding; undefined leaves it to the layer. */
type Serve = (call: number, layer: Layer, ids: tf.Tensor) => tf.Tensor | undefined;

const isEmbedding = (layer: Layer): boolean => layer.getClassName() === 'Embedding';

/** What passes no gradient on to ids, which have none. */
const held = tf.customGrad((x) => ({
  value: tf.clone(x as tf.Tensor),
  gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
}));

/** Runs `body` with the model's embeddings served by `serve`. */
export function withLookups<T>(model: tfl.LayersModel, serve: Serve, body: () => T): T {
  const embeddings = [...everyLayer(model)].filter(isEmbedding);
  let calls = 0;
  const own = embeddings.map((layer) => Object.getOwnPropertyDescriptor(layer, 'call'));
  for (const layer of embeddings) {
    const call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => {
      const [ids] = [inputs].flat();
      return serve(calls++, layer, ids) ?? call(ids.dtype === 'float32' ? held(ids) : ids, kwargs);
    };
  }
  try {
    return body();
  } finally {
    embeddings.forEach((layer, i) => {
      delete (layer as { call?: unknown }).call;
      if (own[i]) Object.defineProperty(layer, 'call', own[i]);
    });
  }
}

interface SeenLookup {
  readonly layer: Layer;
  readonly shape: readonly number[];
  readonly ids: Float32Array;
}

/**
 * The lookups of ids that reach embeddings as they are in the data, through layers that only move numbers: two made-up
 * examples of distinct numbers tell which arrives where. Ids that the model computes are not among them.
 *
 * @param shapes of one example of each input
 * @param run applies the model to tensors of one example
 */
export function findLookups(
  model: tfl.LayersModel,
  shapes: readonly (readonly number[])[],
  run: (inputs: tf.Tensor[]) => void,
): Lookup[] {
  if (![...everyLayer(model)].some(isEmbedding)) return [];
  const ends: number[] = [];
  for (const shape of shapes) ends.push((ends.at(-1) ?? 0) + elements(shape));
  const width = ends.at(-1)!;
  // Features are counted over all inputs.
  const numbers = [(feature: number) => feature + 1, (feature: number) => width - feature + 0.5];
  const [first, second] = numbers.map((number) => sightings(model, shapes, number, run));
  return first.flatMap(({ layer, shape, ids }, call) => {
    const places = Array.from(ids, (id, place) => {
      const feature = id - 1;
      const isMoved = Number.isInteger(id) && feature >= 0 && feature < width;
      return isMoved && second[call].ids[place] === numbers[1](feature) ? feature : -1;
    });
    const input = ends.findIndex((end) => places[0] < end);
    const start = ends[input - 1] ?? 0;
    if (places.length === 0 || !places.every((feature) => feature >= start && feature < ends[input])) return [];
    const features = Int32Array.from(places, (feature) => feature - start);
    const table = layer.weights[0].read();
    return { call, input, features, shape: [...shape, table.shape[1]!], table: Float32Array.from(table.dataSync()) };
  });
}

function sightings(
  model: tfl.LayersModel,
  shapes: readonly (readonly number[])[],
  number: (feature: number) => number,
  run: (inputs: tf.Tensor[]) => void,
): SeenLookup[] {
  const found: SeenLookup[] = [];
  tf.tidy(() => {
    let feature = 0;
    const inputs = shapes.map((shape) => {
      const values = Float32Array.from({ length: elements(shape) }, () => number(feature++));
      return tf.tensor(values, [1, ...shape]);
    });
    const serve: Serve = (_, layer, ids) => {
      found.push({ layer, shape: ids.shape.slice(1), ids: Float32Array.from(ids.dataSync()) });
      return tf.zeros([...ids.shape, Number(layer.getConfig().outputDim)]);
    };
    withLookups(model, serve, () => run(inputs));
  });
  return found;
}

/** Vectors of an example's ids, one place after the other. */
export function vectorsOf({ features, table, shape }: Lookup, input: ArrayLike<number>): Float32Array {
  const width = shape.at(-1)!;
  const values = new Float32Array(features.length * width);
  features.forEach((feature, place) => {
    const row = input[feature] * width;
    values.set(table.subarray(row, row + width), place * width);
  });
  return values;
}
