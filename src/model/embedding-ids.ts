/**
 * Which features a model's embeddings take for ids. An id without a row is found out by engines in the middle of a step, if at
 * all: some count negative ones from the end, and fractions are cut off.
 */
import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { elements } from '../ground/elements.js';
import { everyLayer } from './layer-tree.js';

type Layer = tfl.layers.Layer;

export interface IdInput {
  /** Name of the embedding. */
  readonly layer: string;
  /** The embedding takes ids from 0 to `rows - 1`. */
  readonly rows: number;
  /** Index of the model's input that the ids come from. */
  readonly input: number;
  /** The features of that input which the embedding is given as ids, ascending. */
  readonly features: Int32Array;
}

/** An embedding and what it is given, for an example that was made up. */
interface SeenIds {
  readonly embedding: Layer;
  readonly ids: Float32Array;
}

/**
 * The ids that reach embeddings as they are in the data, through layers that only move numbers: two made-up examples of
 * distinct numbers tell which arrives where. Ids that the model computes are not among them.
 */
export function idInputs(model: tfl.LayersModel, shapes: readonly (readonly number[])[]): IdInput[] {
  if (![...everyLayer(model)].some(isEmbedding)) return [];
  const ends: number[] = [];
  for (const shape of shapes) ends.push((ends.at(-1) ?? 0) + elements(shape));
  // Features are counted over all inputs.
  const width = ends.at(-1)!;
  const examples = [(i: number) => i + 1, (i: number) => width - i + 0.5];
  const [first, second] = examples.map((number) =>
    seen(
      model,
      shapes,
      Float32Array.from({ length: width }, (_, i) => number(i)),
    ),
  );
  return first.flatMap(({ embedding, ids }, i) => {
    const features = shapes.map(() => new Set<number>());
    ids.forEach((id, place) => {
      const feature = id - 1;
      const isMoved = Number.isInteger(id) && feature >= 0 && feature < width;
      if (!isMoved || second[i].ids[place] !== examples[1](feature)) return;
      const input = ends.findIndex((end) => feature < end);
      features[input].add(feature - (ends[input - 1] ?? 0));
    });
    const rows = Number(embedding.getConfig().inputDim);
    return features.flatMap((own, input) =>
      own.size === 0 ? [] : { layer: embedding.name, rows, input, features: Int32Array.from(own).sort() },
    );
  });
}

const isEmbedding = (layer: Layer): boolean => layer.getClassName() === 'Embedding';

/** @param example of all inputs, one behind the other */
function seen(model: tfl.LayersModel, shapes: readonly (readonly number[])[], example: Float32Array): SeenIds[] {
  const found: SeenIds[] = [];
  tf.tidy(() => {
    let start = 0;
    const inputs = shapes.map((shape) => {
      const own = example.subarray(start, start + elements(shape));
      start += own.length;
      return tf.tensor(own, [1, ...shape]);
    });
    visit(model, inputs, found);
  });
  return found;
}

/** Where tfjs keeps which applications of its layers belong to a model; sequential ones keep them in a model inside. */
interface Container {
  readonly containerNodes: ReadonlySet<string>;
  readonly model?: Container & tfl.LayersModel;
}

/** Computes what leads to embeddings, and nothing else. */
function visit(model: tfl.LayersModel, inputs: tf.Tensor[], found: SeenIds[]): void {
  const own = (model as unknown as Container).model ?? model;
  const { containerNodes } = own as unknown as Container;
  for (const layer of model.layers) {
    if (![...everyLayer(layer)].some(isEmbedding)) continue;
    layer.inboundNodes.forEach(({ inputTensors }, i) => {
      if (!containerNodes.has(`${layer.name}_ib-${i}`)) return;
      const leading = tfl.model({ inputs: own.inputs, outputs: inputTensors });
      enter(layer, [leading.apply(inputs.length === 1 ? inputs[0] : inputs)].flat() as tf.Tensor[], found);
    });
  }
}

function enter(layer: Layer, inputs: tf.Tensor[], found: SeenIds[]): void {
  if (isEmbedding(layer)) found.push({ embedding: layer, ids: Float32Array.from(inputs[0].dataSync()) });
  else if (layer instanceof tfl.LayersModel) visit(layer, inputs, found);
  else if (layer.getClassName() === 'TimeDistributed') {
    // Places are to the layer inside what examples are to others.
    const [, places, ...rest] = inputs[0].shape;
    enter((layer as unknown as { layer: Layer }).layer, [tf.reshape(inputs[0], [places, ...rest])], found);
  }
}
