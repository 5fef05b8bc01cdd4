/**
 * What each layer of tfjs makes of logits and of probabilities. New numbers of any size are logits; numbers between bounds that
 * are no probabilities, such as those of tanh, may stand for either.
 */
import { activated, weighs } from './activation-rules.js';
import { average, crop, greatest, interpolation, permute, reshape } from './axis-rules.js';
import { axisIn, isProbability, type LayerRule, logits, sigmoid, softmaxAlong, undecided } from './known.js';
import { concatenate, mixes, multiply, sums } from './merge-rules.js';
import { bidirectional, cellRules, recurrent, timeDistributed } from './recurrent-rules.js';

/** Layers that hand their input on as it is, or nearly. */
const keeps: LayerRule = ({ inputs: [input] }) => input;
const makesLogits: LayerRule = () => logits;

/** Affine, with fixed numbers. */
const rescaling: LayerRule = ({ inputs: [input], config, where }) => {
  if (!isProbability(input)) return input;
  const { scale = 1, offset = 0 } = config as { scale?: number; offset?: number };
  if (scale === 1 && offset === 0) return input;
  const inside = [offset, offset + scale].every((end) => end >= 0 && end <= 1);
  return input.kind === 'sigmoid' && inside ? sigmoid : undecided(`${where} scales probabilities`);
};

/** Cuts at bounds. */
const relu: LayerRule = ({ inputs: [input], config, where }) => {
  const max = (config.maxValue ?? config.max_value) as number | null | undefined;
  if (input.kind === 'logits') return max == null ? logits : undecided(`${where} is bounded by ${max}`);
  return input.kind === 'softmax' && max != null && max < 1 ? undecided(`${where} cuts a softmax at ${max}`) : input;
};

/** The rule of each class of layers in tfjs; a layer of any other class is the user's. */
export const rules: Readonly<Record<string, LayerRule | undefined>> = {
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
  RMSNormalization: makesLogits,
  PositionEmbedding: makesLogits,
  MultiHeadAttention: makesLogits,
  GroupedQueryAttention: makesLogits,
  TransformerDecoder: makesLogits,
  TransformerEncoder: makesLogits,
  Swiglu: makesLogits,
  TiedLogits: makesLogits,
  Activation: ({ config, inputs: [input], shape, where }) => activated(config.activation, input, shape, where),
  ReLU: relu,
  LeakyReLU: keeps,
  PReLU: keeps,
  ELU: keeps,
  ThresholdedReLU: ({ inputs: [input], where }) =>
    input.kind === 'softmax' ? undecided(`${where} cuts a softmax`) : input,
  Softmax: ({ config, shape }) => softmaxAlong(axisIn((config.axis as number | undefined) ?? -1, shape)),
  Dropout: keeps,
  SpatialDropout1D: keeps,
  AlphaDropout: keeps,
  GaussianDropout: keeps,
  GaussianNoise: keeps,
  Masking: keeps,
  Reshape: reshape,
  Flatten: reshape,
  Permute: permute,
  RepeatVector: ({ inputs: [input] }) => (input.kind === 'softmax' ? softmaxAlong(input.axis + 1) : input),
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
  UpSampling2D: interpolation,
  Resizing: interpolation,
  RandomWidth: interpolation,
  RandomHeight: interpolation,
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
