/**
 * `resetAfter` of `gru` and `gruCell`, which is Keras's default and PyTorch's GRU: the reset gate is multiplied with the product of the state,
 * its bias included, and not with the state. tfjs refuses the option. Imported for its effect.
 */
import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

interface GruWeight {
  read(): tf.Tensor;
}
interface ResettingCell {
  resetAfter?: boolean;
  readonly units: number;
  readonly useBias: boolean;
  readonly kernel: GruWeight;
  readonly recurrentKernel: GruWeight;
  bias: GruWeight | null;
  readonly biasInitializer: unknown;
  readonly biasRegularizer: unknown;
  readonly activation: { apply(x: tf.Tensor): tf.Tensor };
  readonly recurrentActivation: { apply(x: tf.Tensor): tf.Tensor };
  readonly dropout: number;
  readonly recurrentDropout: number;
  readonly dropoutFunc?: (x: tf.Tensor, rate: number) => tf.Tensor;
  dropoutMask: tf.Tensor[] | null;
  recurrentDropoutMask: tf.Tensor[] | null;
  addWeight(name: string, shape: number[], dtype: null, initializer: unknown, regularizer: unknown): GruWeight;
  build(shape: unknown): void;
  call(inputs: tf.Tensor[], kwargs: { readonly training?: boolean | null }): tf.Tensor[];
  getConfig(): Record<string, unknown>;
}
type Options = Record<string, unknown> & { readonly resetAfter?: unknown };
type GruFactory = (options: Options) => object;
type ClassMap = Record<string, [unknown, (made: new (options: Options) => object, config: Options) => object]>;

/** tfjs makes the layer as it knows it; which of the two it is, its cell is told. */
function told(make: (options: Options) => object, { resetAfter, ...options }: Options): object {
  const made = make(options) as { cell?: ResettingCell };
  (made.cell ?? (made as ResettingCell)).resetAfter = resetAfter === true;
  return made;
}
const factories = tfl.layers as unknown as Record<string, GruFactory>;
const { classNameMap } = tf.serialization.SerializationMap.getMap() as unknown as { classNameMap: ClassMap };
for (const [name, className] of Object.entries({ gru: 'GRU', gruCell: 'GRUCell' })) {
  const make = factories[name]!;
  factories[name] = (options) => told(make, options);
  const [, fromConfig] = classNameMap[className]!;
  classNameMap[className]![1] = (made, config) => told((options) => fromConfig(made, options), config);
}

/** Masks for all steps of a sequence; tfjs disposes of them before the next. */
function drawn(
  x: tf.Tensor,
  rate: number,
  { dropoutFunc = tf.dropout }: ResettingCell,
  training: boolean,
): tf.Tensor[] {
  return Array.from({ length: 3 }, () => {
    const ones = tf.onesLike(x);
    return tf.keep(training ? dropoutFunc(ones, rate) : ones);
  });
}
const isPart = (rate: number): boolean => rate > 0 && rate < 1;

const cell = (classNameMap.GRUCell![0] as { prototype: ResettingCell }).prototype;
const { build, call, getConfig } = cell;
cell.build = function withBothBiases(shape) {
  if (!this.resetAfter || !this.useBias) return build.call(this, shape);
  const own = this as { useBias: boolean };
  own.useBias = false;
  build.call(this, shape);
  own.useBias = true;
  this.bias = this.addWeight('bias', [2, 3 * this.units], null, this.biasInitializer, this.biasRegularizer);
};
cell.call = function resetting(inputs, kwargs) {
  return this.resetAfter
    ? tf.tidy(() => resetAfter(this, inputs, kwargs.training === true))
    : call.call(this, inputs, kwargs);
};
cell.getConfig = function withOption() {
  return { ...getConfig.call(this), resetAfter: this.resetAfter === true };
};

/** A step of Keras 3's GRUCell (keras/src/layers/rnn/gru.py). @param given the input and the state, [batch, ...] */
function resetAfter(cell: ResettingCell, given: tf.Tensor[], training: boolean): tf.Tensor[] {
  let [x, h] = given as [tf.Tensor, tf.Tensor];
  if (isPart(cell.dropout)) {
    cell.dropoutMask ??= drawn(x, cell.dropout, cell, training);
    x = tf.mul(x, cell.dropoutMask[0]!);
  }
  if (isPart(cell.recurrentDropout)) {
    cell.recurrentDropoutMask ??= drawn(h, cell.recurrentDropout, cell, training);
    h = tf.mul(h, cell.recurrentDropoutMask[0]!);
  }
  const biases = cell.bias && tf.split(cell.bias.read(), 2, 0);
  const sums = (value: tf.Tensor, kernel: GruWeight, bias: tf.Tensor | undefined) => {
    const product = tf.matMul(value as tf.Tensor2D, kernel.read() as tf.Tensor2D);
    return tf.split(bias ? tf.add(product, bias) : product, 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
  };
  const ofInput = sums(x, cell.kernel, biases?.[0]);
  const ofState = sums(h, cell.recurrentKernel, biases?.[1]);
  const update = cell.recurrentActivation.apply(tf.add(ofInput[0], ofState[0]));
  const reset = cell.recurrentActivation.apply(tf.add(ofInput[1], ofState[1]));
  const candidate = cell.activation.apply(tf.add(ofInput[2], tf.mul(reset, ofState[2])));
  const next = tf.add(tf.mul(update, h), tf.mul(tf.sub(1, update), candidate));
  return [next, next];
}
