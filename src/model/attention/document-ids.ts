/** Documents that lie one behind the other in a sequence: which of them each place is in, and where in it. */
import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { type Args, shapesOf, singleShape, WeightedLayer } from './weighted-layer.js';

/**
 * `documentIds`: of tokens [batch, places] the number of each place's document, from 0, [batch, places]. The token `endOfText` is the last
 * of its document. Layers of attention read it as their last input where they have `documents: true`.
 */
export class DocumentIds extends WeightedLayer {
  static readonly className: string = 'DocumentIds';
  readonly endOfText: number;

  constructor(args: Args = {}) {
    super(args);
    if (!Number.isInteger(args.endOfText) || (args.endOfText as number) < 0) {
      throw new Error(
        `documentIds: endOfText is ${JSON.stringify(args.endOfText)}, and must be the token that ends a text`,
      );
    }
    this.endOfText = args.endOfText as number;
  }
  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    if (singleShape(inputShape).length !== 2)
      throw new Error('documentIds reads tokens, [batch, places]: name them by from');
    super.build(inputShape);
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [tokens] = [inputs].flat() as [tf.Tensor];
      return tf.cumsum(tf.cast(tf.equal(tokens, this.endOfText), 'float32'), 1, true);
    });
  }
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), endOfText: this.endOfText };
  }
}

/** The inputs of a layer, and the documents among them. @param hasDocuments whether the last input is such */
export function documentsApart<T>(
  inputs: T[],
  hasDocuments: boolean,
): { readonly others: T[]; readonly documents?: T } {
  return hasDocuments ? { others: inputs.slice(0, -1), documents: inputs.at(-1)! } : { others: inputs };
}

/** @throws Error unless the last input of a layer with documents is [batch, places], of as many places as the first */
export function checkDocuments(layer: string, inputShape: tfl.Shape | tfl.Shape[], hasDocuments: boolean): void {
  if (!hasDocuments) return;
  const shapes = shapesOf(inputShape);
  const last = shapes.at(-1)!;
  if (shapes.length > 1 && shapes.slice(0, -1).every((shape) => shape[1] === last[1]) && last.length === 2) return;
  throw new Error(
    `${layer}: documents: true reads the documents of its places, [batch, ${shapes[0]![1] ?? 'places'}], as its last input, ` +
      `and its inputs are ${shapes.map((shape) => `[${shape.map((size) => size ?? 'any').join(', ')}]`).join(', ')}`,
  );
}

/** 1 where a place of `rows` and one of `columns` are in different documents: [batch, rows] and [batch, columns] give [batch, rows, columns]. */
export function differing(rows: tf.Tensor, columns: tf.Tensor): tf.Tensor {
  return tf.cast(tf.notEqual(tf.expandDims(rows, 2), tf.expandDims(columns, 1)), 'float32');
}

/** Places counted from the start of each document, or of the sequence where that is later: [batch, places], whole numbers. */
export function placesInDocuments(documents: tf.Tensor): tf.Tensor {
  const places = documents.shape[1]!;
  const earlier = tf.tensor2d(
    Float32Array.from({ length: places * places }, (_, at) => Number(at % places < Math.floor(at / places))),
    [places, places],
  );
  return tf.cast(tf.sum(tf.mul(tf.sub(1, differing(documents, documents)), earlier), 2), 'int32');
}
