/**
 * A classifier of short texts, "wide and deep" (Cheng et al. 2016): numbers of each class for every n-gram of tokens, hashed into tables, as a
 * linear model has them, and convolutions over vectors of tokens. What configs sentiment-en.yaml and sentiment-zh.yaml name.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { layers, Shape, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ModelFunction } from 'lockstep';

interface Options {
  /** N-grams of up to so many tokens. */
  readonly grams: number;
  /** Rows of the table of n-grams of each length above 1. */
  readonly buckets: number;
  /** Steps of these tables are so many times as long as those of other weights. */
  readonly factor: number;
  /** Share of n-grams that a step does not see. */
  readonly gramDropout: number;
  readonly width: number;
  readonly filters: number;
  readonly kernels: readonly number[];
  /** Of vectors, and of what the convolutions found. */
  readonly dropout: number;
  readonly lastDropout: number;
}

const build: ModelFunction = (tf, { inputs, targets, options }) => {
  const { grams, buckets, factor, gramDropout, width, filters, kernels, dropout, lastDropout } =
    options as unknown as Options;
  const [[name, { shape, categories = 1 }]] = Object.entries(inputs);
  const [[target, { categories: classes = 1 }]] = Object.entries(targets);

  /** [batch, places] of tokens, filled up with 0, to the sum of their n-grams' numbers over the root of how many there are. */
  class HashedGrams extends tf.layers.Layer {
    static readonly className = 'HashedGrams';
    table!: ReturnType<layers.Layer['addWeight']>;
    constructor(private readonly size: number) {
      super({ name: `grams_${size}` });
    }
    override build(): void {
      const rows = this.size === 1 ? categories : buckets;
      this.table = this.addWeight('table', [rows, classes], 'float32', tf.initializers.zeros());
      this.built = true;
    }
    override computeOutputShape(given: Shape): Shape {
      return [given[0], classes];
    }
    override call(given: Tensor | Tensor[], { training }: { training?: boolean }): Tensor {
      return tf.tidy(() => {
        const tokens = tf.cast([given].flat()[0], 'int32');
        const [batch, places] = tokens.shape as [number, number];
        const count = places - this.size + 1;
        const at = (i: number) => tf.slice(tokens, [0, i], [batch, count]);
        const whole = (value: number) => tf.scalar(value, 'int32');
        let ids: Tensor = at(0);
        // Products stay below 2^31 for up to 2^18 buckets and 2^16 tokens.
        for (let i = 1; i < this.size; i++) {
          const mixed = tf.add(tf.mul(ids, whole(4099)), tf.mul(at(i), whole(7919 * i + 31)));
          ids = tf.mod(mixed, whole(buckets));
        }
        const there = tf.cast(tf.greater(at(this.size - 1), whole(0)), 'float32');
        const seen = training && gramDropout > 0 ? tf.dropout(there, gramDropout) : there;
        const rows = tf.reshape(tf.gather(this.table.read(), tf.reshape(ids, [-1])), [batch, count, classes]);
        const sum = tf.sum(tf.mul(rows, tf.expandDims(seen, -1)), 1);
        return tf.mul(tf.div(sum, tf.sqrt(tf.maximum(tf.sum(there, 1, true), tf.scalar(1)))), tf.scalar(factor));
      });
    }
  }

  const tokens = tf.input({ shape, name });
  const wide = Array.from({ length: grams }, (_, i) => new HashedGrams(i + 1).apply(tokens) as SymbolicTensor);
  const vectors = tf.layers.embedding({ inputDim: categories, outputDim: width }).apply(tokens);
  const dropped = tf.layers.dropout({ rate: dropout }).apply(vectors);
  const found = kernels.map((kernelSize) => {
    const convolution = tf.layers.conv1d({ filters, kernelSize, activation: 'relu' });
    return tf.layers.globalMaxPooling1d().apply(convolution.apply(dropped)) as SymbolicTensor;
  });
  const all = tf.layers.dropout({ rate: lastDropout }).apply(tf.layers.concatenate().apply(found));
  const deep = tf.layers.dense({ units: classes }).apply(all) as SymbolicTensor;
  const scores = tf.layers.add({ name: target }).apply([...wide, deep]) as SymbolicTensor;
  return tf.model({ inputs: tokens, outputs: scores });
};
export default build;
