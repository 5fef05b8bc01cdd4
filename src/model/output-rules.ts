/**
 * What each layer of tfjs makes of logits and of probabilities. New numbers of any size are logits; numbers between bounds that
 * are no probabilities, such as those of tanh, may stand for either.
 */
import type { layers } from '@tensorflow/tfjs-layers';

type Layer = layers.Layer;
type Shape = readonly (number | null)[];

/** What is known of the numbers of a tensor. */
export type Known =
  | { readonly kind: 'logits' }
  /** Each is a probability by itself. */
  | { readonly kind: 'sigmoid' }
  /** Those along the axis add up to one. */
  | { readonly kind: 'softmax'; readonly axis: number }
  | Undecided;
export interface Undecided {
  readonly kind: 'undecided';
  /** What stands in the way. */
  readonly why: string;
}

/** One application of a layer. */
export interface Call {
  readonly layer: Layer;
  readonly config: Readonly<Record<string, unknown>>;
  /** The layer's name and class, for messages. */
  readonly where: string;
  /** What is known of its inputs; their shapes, and that of the output, hold the batch. */
  readonly inputs: readonly Known[];
  readonly shapes: readonly Shape[];
  readonly shape: Shape;
  /** What another layer would make of an input: one inside this one. */
  readonly inside: (layer: Layer, input: Known, shape: Shape, output: Shape) => Known;
}
type Rule = (call: Call) => Known;

const logits: Known = { kind: 'logits' };
const sigmoid: Known = { kind: 'sigmoid' };
const softmax = (axis: number): Known => ({ kind: 'softmax', axis });
export const undecided = (why: string): Undecided => ({ kind: 'undecided', why });

const isProbability = ({ kind }: Known): boolean => kind === 'sigmoid' || kind === 'softmax';
const lastOf = (shape: Shape): number => shape.length - 1;
const axisIn = (axis: number, shape: Shape): number => (axis < 0 ? axis + shape.length : axis);

/** Gives the same numbers, or nearly. */
const keeps: Rule = ({ inputs: [input] }) => input;
const makesLogits: Rule = () => logits;

/** What an activation function makes of an input; `bounded` means between bounds that are not those of a probability. */
type Effect = 'identity' | 'keepsPositive' | 'logits' | 'bounded' | 'sigmoid' | 'softmax';
const activations: Readonly<Record<string, Effect | undefined>> = {
  linear: 'identity',
  sigmoid: 'sigmoid',
  hardSigmoid: 'sigmoid',
  softmax: 'softmax',
  // The softmax of log probabilities is the probabilities.
  logSoftmax: 'logits',
  relu: 'keepsPositive',
  elu: 'keepsPositive',
  selu: 'logits',
  swish: 'logits',
  mish: 'logits',
  gelu: 'logits',
  gelu_new: 'logits',
  relu6: 'bounded',
  // Those of activations.ts.
  exponential: 'bounded',
  leakyRelu: 'keepsPositive',
  kerasHardSigmoid: 'sigmoid',
  sparseSigmoid: 'sigmoid',
  hardSilu: 'logits',
  hardTanh: 'bounded',
  logSigmoid: 'bounded',
  softShrink: 'logits',
  hardShrink: 'logits',
  tanhShrink: 'logits',
  squareplus: 'bounded',
  sparsePlus: 'bounded',
  softplus: 'bounded',
  softsign: 'bounded',
  tanh: 'bounded',
};

function activated(name: unknown, input: Known, shape: Shape, where: string): Known {
  const of = activations[String(name)];
  switch (of) {
    case 'identity':
      return input;
    case 'sigmoid':
      return sigmoid;
    case 'softmax':
      return softmax(lastOf(shape));
    case 'keepsPositive':
      return input;
    case 'logits':
      return isProbability(input) ? undecided(`${where} changes probabilities by ${name}`) : logits;
    default:
      // Probabilities stay below the 6 at which relu6 cuts.
      if (name === 'relu6' && isProbability(input)) return input;
      return undecided(`${where} ends in ${name}, whose outputs may be meant as either`);
  }
}

/** Weighs inputs anew and ends in an activation. */
const weighs: Rule = ({ config, shape, where }) => activated(config.activation ?? 'linear', logits, shape, where);

/** Mixes what is alike into the same: `convex` where the result lies between the inputs and has their sum. */
const mixes =
  (how: string, convex: boolean): Rule =>
  ({ inputs, where }) => {
    const [first] = inputs;
    const alike = inputs.every((input) => input.kind === first.kind && axisOf(input) === axisOf(first));
    const found = inputs.find(({ kind }) => kind === 'undecided');
    if (found) return found;
    if (!alike)
      return undecided(`${where} takes the ${how} of unlike numbers: ${inputs.map(({ kind }) => kind).join(', ')}`);
    if (first.kind === 'softmax' && !convex) {
      return undecided(`${where} takes the ${how} of softmaxes, which does not add up to one`);
    }
    return first;
  };
const axisOf = (known: Known): number | undefined => (known.kind === 'softmax' ? known.axis : undefined);

/** Leaves numbers of an axis out, or adds them up in parts. */
const alongAxes =
  (how: string, axes: (call: Call) => readonly number[], convex: boolean): Rule =>
  (call) => {
    const [input] = call.inputs;
    if (input.kind !== 'softmax') return input;
    const { axis } = input;
    const touched = axes(call);
    if (!convex || touched.includes(axis)) return undecided(`${call.where} takes the ${how} of a softmax`);
    // Where an axis is gone, those behind it move up.
    const gone = call.shapes[0].length > call.shape.length ? touched.filter((other) => other < axis).length : 0;
    return softmax(axis - gone);
  };

/** Axes of positions: all but the batch and the channels. */
const positions = ({ config, shapes: [shape] }: Call): number[] => {
  const first = (config.dataFormat ?? config.data_format) === 'channelsFirst';
  return shape.map((_, i) => i).filter((i) => i > 0 && i !== (first ? 1 : lastOf(shape)));
};
const average = alongAxes('average', positions, true);
const greatest = alongAxes('maximum', positions, false);
const resample = alongAxes('interpolation', positions, true);
const crop = alongAxes('part', positions, true);

/** The axis with the same size and the same distance between its numbers. */
const reshape: Rule = ({ inputs: [input], shapes: [from], shape: to, where }) => {
  if (input.kind !== 'softmax') return input;
  const places = (shape: Shape, axis: number) =>
    shape.slice(axis + 1).reduce<number>((n, size) => n * (size ?? Number.NaN), 1);
  const wanted = places(from, input.axis);
  const axis = to.findLastIndex((size, i) => i > 0 && size === from[input.axis] && places(to, i) === wanted);
  return axis > 0 ? softmax(axis) : undecided(`${where} mixes the classes of a softmax with its places`);
};

const permute: Rule = ({ inputs: [input], config }) => {
  if (input.kind !== 'softmax') return input;
  const dims = [0, ...(config.dims as number[])];
  return softmax(dims.indexOf(input.axis));
};

const multiply: Rule = ({ inputs, where }) => {
  const found = inputs.find(({ kind }) => kind === 'undecided');
  if (found) return found;
  // A gate: numbers of any size stay such.
  if (inputs.some(({ kind }) => kind === 'logits')) return logits;
  if (inputs.every(({ kind }) => kind === 'sigmoid')) return sigmoid;
  return undecided(`${where} multiplies softmaxes, which does not add up to one`);
};

const sums =
  (how: string): Rule =>
  ({ inputs, where }) => {
    const found = inputs.find(({ kind }) => kind === 'undecided');
    if (found) return found;
    return inputs.some(({ kind }) => kind === 'logits') ? logits : undecided(`${where} ${how} probabilities`);
  };

const concatenate: Rule = (call) => {
  const known = mixes('concatenation', true)(call);
  const axis = axisIn((call.config.axis as number | undefined) ?? -1, call.shape);
  if (known.kind !== 'softmax' || known.axis !== axis || call.inputs.length === 1) return known;
  return undecided(`${call.where} joins several softmaxes into one row`);
};

/** Affine, with fixed numbers. */
const rescaling: Rule = ({ inputs: [input], config, where }) => {
  if (!isProbability(input)) return input;
  const { scale = 1, offset = 0 } = config as { scale?: number; offset?: number };
  if (scale === 1 && offset === 0) return input;
  const inside = [offset, offset + scale].every((end) => end >= 0 && end <= 1);
  return input.kind === 'sigmoid' && inside ? sigmoid : undecided(`${where} scales probabilities`);
};

/** Cuts at bounds. */
const relu: Rule = ({ inputs: [input], config, where }) => {
  const max = (config.maxValue ?? config.max_value) as number | null | undefined;
  if (input.kind === 'logits') return max == null ? logits : undecided(`${where} is bounded by ${max}`);
  return input.kind === 'softmax' && max != null && max < 1 ? undecided(`${where} cuts a softmax at ${max}`) : input;
};

/**
 * The steps of recurrent layers: simpleRNN gives the activation itself, gru a mean of it and the state before, which starts
 * as zeros, lstm a part of it.
 */
const cellRules: Readonly<Record<string, Rule | undefined>> = {
  SimpleRNNCell: weighs,
  GRUCell: (call) => part(call, weighs(call)),
  LSTMCell: (call) => part(call, weighs(call)),
  ConvLSTM2DCell: (call) => part(call, weighs(call)),
  StackedRNNCells: (call) => {
    const cell = (call.layer as unknown as { cells: Layer[] }).cells.at(-1)!;
    return call.inside(cell, logits, call.shape, call.shape);
  },
};

function part({ config, where }: Call, known: Known): Known {
  if (known.kind === 'softmax') return undecided(`${where} gives parts of a softmax`);
  const gate = config.recurrentActivation;
  const opens = gate === 'sigmoid' || gate === 'hardSigmoid' || gate === 'kerasHardSigmoid';
  return known.kind === 'sigmoid' && !opens ? undecided(`${where} has gates of ${gate}`) : known;
}

const recurrent: Rule = ({ layer, shape, inside }) => {
  const { cell } = layer as unknown as { cell: Layer };
  return inside(cell, logits, shape, shape);
};

const timeDistributed: Rule = ({ layer, inputs: [input], shapes, shape, inside, where }) => {
  const { layer: inner } = layer as unknown as { layer: Layer };
  const at = (shape: Shape): Shape => [shape[0], ...shape.slice(2)];
  if (input.kind === 'softmax' && input.axis === 1) return undecided(`${where} takes a softmax over places apart`);
  const known = inside(inner, input.kind === 'softmax' ? softmax(input.axis - 1) : input, at(shapes[0]), at(shape));
  return known.kind === 'softmax' ? softmax(known.axis + 1) : known;
};

const bidirectional: Rule = (call) => {
  const { layer, shapes, inputs, shape, inside, config, where } = call;
  const { forwardLayer } = layer as unknown as { forwardLayer: Layer };
  const known = inside(forwardLayer, inputs[0], shapes[0], shape);
  const both = { ...call, inputs: [known, known] };
  switch (config.mergeMode) {
    case 'sum':
      return sums('adds up')(both);
    case 'mul':
      return multiply(both);
    case 'ave':
      return known;
    default:
      return known.kind === 'softmax' ? undecided(`${where} joins several softmaxes into one row`) : known;
  }
};

/** By class; what is not here is a layer of the user's. */
export const rules: Readonly<Record<string, Rule | undefined>> = {
  ...cellRules,
  InputLayer: makesLogits,
  Dense: weighs,
  EinsumDense: weighs,
  Conv1D: weighs,
  Conv2D: weighs,
  Conv3D: weighs,
  Conv2DTranspose: weighs,
  Conv3DTranspose: weighs,
  DepthwiseConv2D: weighs,
  SeparableConv: weighs,
  SeparableConv2D: weighs,
  Embedding: makesLogits,
  BatchNormalization: makesLogits,
  LayerNormalization: makesLogits,
  MultiHeadAttention: makesLogits,
  Activation: ({ config, inputs: [input], shape, where }) => activated(config.activation, input, shape, where),
  ReLU: relu,
  LeakyReLU: keeps,
  PReLU: keeps,
  ELU: keeps,
  ThresholdedReLU: ({ inputs: [input], where }) =>
    input.kind === 'softmax' ? undecided(`${where} cuts a softmax`) : input,
  Softmax: ({ config, shape }) => softmax(axisIn((config.axis as number | undefined) ?? -1, shape)),
  Dropout: keeps,
  SpatialDropout1D: keeps,
  AlphaDropout: keeps,
  GaussianDropout: keeps,
  GaussianNoise: keeps,
  Masking: keeps,
  Reshape: reshape,
  Flatten: reshape,
  Permute: permute,
  RepeatVector: ({ inputs: [input] }) => (input.kind === 'softmax' ? softmax(input.axis + 1) : input),
  MaxPooling1D: greatest,
  MaxPooling2D: greatest,
  MaxPooling3D: greatest,
  GlobalMaxPooling1D: greatest,
  GlobalMaxPooling2D: greatest,
  AveragePooling1D: average,
  AveragePooling2D: average,
  AveragePooling3D: average,
  GlobalAveragePooling1D: average,
  GlobalAveragePooling2D: average,
  UpSampling2D: resample,
  Resizing: resample,
  RandomWidth: resample,
  RandomHeight: resample,
  CenterCrop: crop,
  Cropping2D: crop,
  ZeroPadding2D: ({ inputs: [input], where }) =>
    input.kind === 'softmax' ? undecided(`${where} adds places without any class`) : input,
  Rescaling: rescaling,
  CategoryEncoding: ({ where }) => undecided(`${where} gives codes`),
  Add: sums('adds up'),
  Multiply: multiply,
  Average: mixes('average', true),
  Maximum: mixes('maximum', false),
  Minimum: mixes('minimum', false),
  Concatenate: concatenate,
  Dot: (call) =>
    (call.config.normalize as boolean) ? undecided(`${call.where} gives cosines`) : sums('takes products of')(call),
  RNN: recurrent,
  SimpleRNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  ConvRNN2D: recurrent,
  ConvLSTM2D: recurrent,
  TimeDistributed: timeDistributed,
  Bidirectional: bidirectional,
};
