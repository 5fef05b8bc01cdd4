/** `logits: { tied: true }`: scores of all tokens by the table that they were looked up in. */
import tf = require('@tensorflow/tfjs-core');

import tfl = require('@tensorflow/tfjs-layers');

import { everyLayer } from '../layer-tree.js';
import { type Args, Misuse, WeightedLayer } from './weighted-layer.js';

type Layer = tfl.layers.Layer;

/**
 * Products with the rows of an embedding's table, [..., width] to [..., rows], as Keras 3's ReversibleEmbedding has them in reverse (Press
 * and Wolf 2017): no weight of its own, and no bias. Option: `embedding`, the `name` of one that its input depends on; default: the only one.
 */
export class TiedLogits extends WeightedLayer {
  static readonly className: string = 'TiedLogits';
  #name: string | undefined;
  #embedding: Layer | undefined;

  constructor({ embedding, ...args }: Args = {}) {
    super(args);
    this.#name = (embedding as { name?: string } | null | undefined)?.name;
  }
  /** Finds the embedding, which a layer that is made from a file is not told otherwise. @throws Misuse where there is not one of that name */
  override apply(...all: Parameters<Layer['apply']>): ReturnType<Layer['apply']> {
    const [given] = [all[0]].flat() as (tf.Tensor | tfl.SymbolicTensor)[];
    if (given instanceof tfl.SymbolicTensor) {
      this.#embedding = chosen(embeddingsBefore(given), this.#name);
      this.#name = this.#embedding.name;
      const [width, own] = [given.shape.at(-1)!, this.#sizes().width];
      if (width !== own) {
        throw new Misuse(
          `tied logits need vectors as wide as those of ${this.#name}, ${own}, and are given ${width} numbers`,
          `put dense: { units: ${own} } before it, or leave tied out`,
        );
      }
    }
    return super.apply(...all);
  }
  #sizes(): { rows: number; width: number } {
    if (!this.#embedding) throw new Misuse('tied logits cannot be a part of another layer', 'put them into the list');
    const { inputDim, outputDim } = this.#embedding.getConfig();
    return { rows: Number(inputDim), width: Number(outputDim) };
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x] = [inputs].flat() as [tf.Tensor];
      const { rows, width } = this.#sizes();
      const table = this.#embedding!.weights[0]!.read();
      return tf.reshape(tf.matMul(tf.reshape(x, [-1, width]), table, false, true), [...x.shape.slice(0, -1), rows]);
    });
  }
  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(inputShape as tfl.Shape).slice(0, -1), this.#sizes().rows];
  }
  override getConfig(): tf.serialization.ConfigDict {
    // Of all strings in a file, tfjs leaves those alone that are called name.
    return { ...super.getConfig(), embedding: this.#name === undefined ? null : { name: this.#name } };
  }
}

/** The embeddings that a tensor depends on. */
function embeddingsBefore(tensor: tfl.SymbolicTensor): Layer[] {
  const found = new Set<Layer>();
  const seen = new Set<tfl.SymbolicTensor>();
  const visit = (each: tfl.SymbolicTensor): void => {
    if (seen.has(each)) return;
    seen.add(each);
    for (const layer of everyLayer(each.sourceLayer)) if (layer.getClassName() === 'Embedding') found.add(layer);
    each.inputs.forEach(visit);
  };
  visit(tensor);
  return [...found];
}

function chosen(embeddings: readonly Layer[], name: string | undefined): Layer {
  const names = embeddings.map((layer) => layer.name);
  if (names.length === 0) {
    throw new Misuse(
      'there is no embedding before it whose table tied logits could use',
      'begin with tokenAndPositionEmbedding, or leave tied out',
    );
  }
  const found = embeddings.find((layer) => layer.name === name);
  if (found) return found;
  if (name !== undefined) {
    throw new Misuse(`tied: no embedding before it is called ${name}`, `use one of ${names.join(', ')}`);
  }
  if (names.length === 1) return embeddings[0]!;
  throw new Misuse(
    `tied logits use the table of one embedding, and before it are ${names.join(', ')}`,
    `say whose: tied: ${names[0]}`,
  );
}
