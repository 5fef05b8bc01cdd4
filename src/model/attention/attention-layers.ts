/** `multiHeadAttention` and `groupedQueryAttention`: Keras 3's layers, weights in its shapes. */
import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { fromHeads, rotated, toHeads } from './attention.js';
import { checkDocuments, documentsApart } from './document-ids.js';
import { attend } from './scaled-dot-product.js';
import { type Args, type CallOptions, positive, shapesOf, singleShape, WeightedLayer } from './weighted-layer.js';

/** Sizes of an attention. */
export interface Heads {
  readonly heads: number;
  /** Heads of keys and values: fewer than those of queries where these share them. */
  readonly groups: number;
  readonly size: number;
  readonly valueSize: number;
}

/** A layer with an attention in it. */
export abstract class AttentionLayer extends WeightedLayer {
  /** Makes the attention's weights. @param inputs widths of queries, keys and values @param prefix of the weights' names */
  protected buildAttention(
    { heads, groups, size, valueSize }: Heads,
    inputs: readonly number[],
    useBias: boolean,
    prefix = '',
  ): void {
    const parts = [
      { name: 'query', count: heads, each: size, width: inputs[0]! },
      { name: 'key', count: groups, each: size, width: inputs[1]! },
      { name: 'value', count: groups, each: valueSize, width: inputs[2]! },
    ];
    for (const { name, count, each, width } of parts) {
      this.matrix(`${prefix}${name}_kernel`, [width, count, each], [width, count * each]);
      if (useBias) this.weight(`${prefix}${name}_bias`, [count, each], tfl.initializers.zeros());
    }
    const outputs = inputs[0]!;
    this.matrix(`${prefix}output_kernel`, [heads, valueSize, outputs], [heads * valueSize, outputs]);
    if (useBias) this.weight(`${prefix}output_bias`, [outputs], tfl.initializers.zeros());
  }

  /** @param sources what queries, keys and values are made of */
  protected attention(
    sources: readonly tf.Tensor[],
    how: { readonly causal: boolean; readonly rotary: boolean; readonly dropout: number },
    options: CallOptions & { readonly documents?: tf.Tensor },
    prefix = '',
  ): tf.Tensor {
    const bias = (name: string) => (this.has(`${prefix}${name}_bias`) ? this.read(`${prefix}${name}_bias`) : undefined);
    const [q, k, v] = ['query', 'key', 'value'].map((name, i) =>
      toHeads(sources[i]!, this.read(`${prefix}${name}_kernel`), bias(name)),
    ) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [turnedQ, turnedK] = how.rotary ? [rotated(q), rotated(k)] : [q, k];
    const { mask, documents, training } = options;
    const drops = training === true && how.dropout > 0;
    const seen = attend(turnedQ, turnedK, v, {
      causal: how.causal,
      size: q.shape[3]!,
      mask: mask ? tf.cast(mask, 'float32') : undefined,
      documents,
      factors: drops ? (shape) => this.dropped(tf.ones(shape), how.dropout, options) : undefined,
    });
    return fromHeads(seen, this.read(`${prefix}output_kernel`), bias('output'));
  }
}

/** @throws Error where points cannot be made of a head's numbers */
export function checkRotary(layer: string, size: number, rotary: boolean): void {
  if (rotary && size % 2 !== 0) throw new Error(`${layer}: rotary turns pairs of numbers, and a head has ${size}`);
}

/** An attention alone. */
abstract class PlainAttention extends AttentionLayer {
  readonly dropout: number;
  readonly useBias: boolean;
  readonly causal: boolean;
  readonly rotary: boolean;
  readonly documents: boolean;
  protected abstract readonly sizes: Heads;

  constructor({ dropout = 0, useBias = true, causal = false, rotary = false, documents = false, ...args }: Args) {
    super(args);
    this.dropout = dropout as number;
    this.useBias = useBias as boolean;
    this.causal = causal as boolean;
    this.rotary = rotary as boolean;
    this.documents = documents as boolean;
  }
  protected override get mostInputs(): number {
    return this.documents ? 4 : 3;
  }
  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    checkDocuments(this.name, inputShape, this.documents);
    const { others } = documentsApart(shapesOf(inputShape), this.documents);
    this.buildAttention(this.sizes, widths(others), this.useBias);
    this.built = true;
  }
  override call(inputs: tf.Tensor | tf.Tensor[], options: CallOptions): tf.Tensor {
    const { others, documents } = documentsApart([inputs].flat(), this.documents);
    return tf.tidy(() => this.attention(sourcesOf(others), this, { ...options, documents }));
  }
  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return singleShape(inputShape);
  }
  override getConfig(): tf.serialization.ConfigDict {
    const { dropout, useBias, causal, rotary, documents } = this;
    return { ...super.getConfig(), dropout, useBias, causal, rotary, documents };
  }
}

/**
 * Attention of a sequence to itself, or of the first of its inputs to the second; a third gives the keys, as in Keras.
 * Options: numHeads, keyDim, valueDim (default: keyDim), dropout, useBias, causal, rotary, documents.
 */
export class MultiHeadAttention extends PlainAttention {
  static readonly className: string = 'MultiHeadAttention';
  protected readonly sizes: Heads;

  constructor({ numHeads, keyDim, valueDim = keyDim, ...args }: Args) {
    super(args);
    const heads = positive('multiHeadAttention', 'numHeads', numHeads);
    const size = positive('multiHeadAttention', 'keyDim', keyDim);
    this.sizes = { heads, groups: heads, size, valueSize: positive('multiHeadAttention', 'valueDim', valueDim) };
    checkRotary('multiHeadAttention', size, this.rotary);
  }
  override getConfig(): tf.serialization.ConfigDict {
    const { heads: numHeads, size: keyDim, valueSize: valueDim } = this.sizes;
    return { ...super.getConfig(), numHeads, keyDim, valueDim };
  }
}

/** The same with fewer heads of keys and values. Options: headDim, numQueryHeads, numKeyValueHeads, dropout, useBias, causal, rotary, documents. */
export class GroupedQueryAttention extends PlainAttention {
  static readonly className: string = 'GroupedQueryAttention';
  protected readonly sizes: Heads;

  constructor({ headDim, numQueryHeads, numKeyValueHeads, ...args }: Args) {
    super(args);
    const kind = 'groupedQueryAttention';
    const size = positive(kind, 'headDim', headDim);
    const heads = positive(kind, 'numQueryHeads', numQueryHeads);
    const groups = positive(kind, 'numKeyValueHeads', numKeyValueHeads);
    if (heads % groups !== 0) {
      throw new Error(`${kind}: numQueryHeads ${heads} is no multiple of numKeyValueHeads ${groups}`);
    }
    checkRotary(kind, size, this.rotary);
    this.sizes = { heads, groups, size, valueSize: size };
  }
  override getConfig(): tf.serialization.ConfigDict {
    const { size: headDim, heads: numQueryHeads, groups: numKeyValueHeads } = this.sizes;
    return { ...super.getConfig(), headDim, numQueryHeads, numKeyValueHeads };
  }
}

/** Queries, keys and values, of inputs in Keras's order: query, value, key. */
const sourcesOf = <T>([query, value = query, key = value]: readonly T[]): T[] => [query!, key!, value!];

/** Widths of what queries, keys and values are made of. */
function widths(shapes: readonly tfl.Shape[]): number[] {
  const wrong = shapes.find((shape) => shape.length !== 3);
  if (wrong) throw new Error(`attention needs sequences, [batch, places, width], and is given [${wrong.join(', ')}]`);
  return sourcesOf(shapes).map((shape) => shape[2]!);
}
