/** `transformerDecoder` and `transformerEncoder`: attention and a feed-forward part, each with a residual and a normalization. */
import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { activatedBy, rmsNormOf } from '../tfjs/whole-operations.js';
import { AttentionLayer, checkRotary } from './attention-layers.js';
import { checkDocuments, documentsApart } from './document-ids.js';
import { layerNorm } from './normalizations.js';
import { type Args, type CallOptions, positive, singleShape, word } from './weighted-layer.js';

/** Activations of the feed-forward part; swiglu has a gate (Shazeer 2020). */
const activations = ['gelu', 'geluTanh', 'relu', 'silu', 'swiglu'] as const;
/** Under which tfjs registers them. */
const known = { gelu: 'gelu', geluTanh: 'gelu_new', relu: 'relu', silu: 'swish', swiglu: 'swish' } as const;
const normalizations = ['layer', 'rms'] as const;

abstract class TransformerLayer extends AttentionLayer {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly feedForward: number;
  readonly dropout: number;
  readonly activation: (typeof activations)[number];
  readonly normalization: (typeof normalizations)[number];
  readonly normalizeFirst: boolean;
  readonly epsilon: number;
  readonly useBias: boolean;
  readonly rotary: boolean;
  readonly causal: boolean;
  readonly documents: boolean;
  readonly #kind: string;

  constructor(args: Args, kind: string, causal: boolean) {
    super(args);
    this.#kind = kind;
    this.causal = causal;
    this.heads = positive(kind, 'heads', args.heads);
    this.keyValueHeads = positive(kind, 'keyValueHeads', args.keyValueHeads ?? args.heads);
    if (this.heads % this.keyValueHeads !== 0) {
      throw new Error(`${kind}: heads ${this.heads} is no multiple of keyValueHeads ${this.keyValueHeads}`);
    }
    this.feedForward = positive(kind, 'feedForward', args.feedForward);
    this.dropout = (args.dropout as number | undefined) ?? 0;
    this.activation = word(kind, 'activation', args.activation ?? 'gelu', activations);
    this.normalization = word(kind, 'normalization', args.normalization ?? 'layer', normalizations);
    this.normalizeFirst = args.normalizeFirst !== false;
    this.epsilon = (args.epsilon as number | undefined) ?? 1e-5;
    this.useBias = args.useBias !== false;
    this.rotary = args.rotary === true;
    this.documents = args.documents === true;
  }

  protected override get mostInputs(): number {
    return this.documents ? 2 : 1;
  }
  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    checkDocuments(this.#kind, inputShape, this.documents);
    const shape = singleShape(inputShape);
    if (shape.length !== 3) {
      throw new Error(`${this.#kind} needs sequences, [batch, places, width], and is given [${shape.join(', ')}]`);
    }
    const width = shape[2]!;
    if (width % this.heads !== 0) {
      throw new Error(`${this.#kind}: the width ${width} of its input is no multiple of heads ${this.heads}`);
    }
    const size = width / this.heads;
    checkRotary(this.#kind, size, this.rotary);
    this.#buildNormalization('attention_norm', width);
    const heads = { heads: this.heads, groups: this.keyValueHeads, size, valueSize: size };
    this.buildAttention(heads, [width, width, width], this.useBias, 'attention_');
    this.#buildNormalization('feed_forward_norm', width);
    if (this.activation === 'swiglu') this.#buildDense('gate', width, this.feedForward);
    this.#buildDense('intermediate', width, this.feedForward);
    this.#buildDense('output', this.feedForward, width);
    this.built = true;
  }
  #buildNormalization(name: string, width: number): void {
    this.weight(`${name}_gamma`, [width], tfl.initializers.ones());
    if (this.normalization === 'layer') this.weight(`${name}_beta`, [width], tfl.initializers.zeros());
  }
  #buildDense(name: string, from: number, to: number): void {
    this.matrix(`${name}_kernel`, [from, to], [from, to]);
    if (this.useBias) this.weight(`${name}_bias`, [to], tfl.initializers.zeros());
  }

  #normalized(name: string, x: tf.Tensor): tf.Tensor {
    const gamma = this.read(`${name}_gamma`);
    if (this.normalization === 'rms') return rmsNormOf(x, gamma, this.epsilon);
    return layerNorm(x, gamma, this.read(`${name}_beta`), this.epsilon);
  }
  #dense(name: string, x: tf.Tensor): tf.Tensor {
    const made = tf.matMul(x, this.read(`${name}_kernel`));
    return this.useBias ? tf.add(made, this.read(`${name}_bias`)) : made;
  }
  #feedForward(x: tf.Tensor): tf.Tensor {
    const [batch, places, width] = x.shape as [number, number, number];
    const rows = tf.reshape(x, [batch * places, width]);
    const isGated = this.activation === 'swiglu';
    const active = activatedBy(known[this.activation], this.#dense(isGated ? 'gate' : 'intermediate', rows));
    const inner = isGated ? tf.mul(active, this.#dense('intermediate', rows)) : active;
    return tf.reshape(this.#dense('output', inner), x.shape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], options: CallOptions): tf.Tensor {
    return tf.tidy(() => {
      const { others, documents } = documentsApart([inputs].flat(), this.documents);
      const attention = (x: tf.Tensor) => this.attention([x, x, x], this, { ...options, documents }, 'attention_');
      const seen = this.#residual('attention_norm', others[0]!, options, attention);
      return this.#residual('feed_forward_norm', seen, options, (x) => this.#feedForward(x));
    });
  }
  #residual(norm: string, x: tf.Tensor, options: CallOptions, part: (x: tf.Tensor) => tf.Tensor): tf.Tensor {
    const made = part(this.normalizeFirst ? this.#normalized(norm, x) : x);
    const sum = tf.add(x, this.dropped(made, this.dropout, options));
    return this.normalizeFirst ? sum : this.#normalized(norm, sum);
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return singleShape(inputShape);
  }
  override getConfig(): tf.serialization.ConfigDict {
    const { heads, keyValueHeads, feedForward, dropout, activation, normalization } = this;
    const { normalizeFirst, epsilon, useBias, rotary, documents } = this;
    const sizes = { heads, keyValueHeads, feedForward, dropout, activation, normalization };
    return { ...super.getConfig(), ...sizes, normalizeFirst, epsilon, useBias, rotary, documents };
  }
}

/** Each place sees itself and those before it. */
export class TransformerDecoder extends TransformerLayer {
  static readonly className: string = 'TransformerDecoder';
  constructor(args: Args) {
    super(args, 'transformerDecoder', true);
  }
}

/** Each place sees all. */
export class TransformerEncoder extends TransformerLayer {
  static readonly className: string = 'TransformerEncoder';
  constructor(args: Args) {
    super(args, 'transformerEncoder', false);
  }
}
