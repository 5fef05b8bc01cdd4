/** Every layer of tf.layers in a list of layers, with options that are not its defaults. */
import type { LayerConfig } from '../../src/config/model.js';

export interface LayerCase {
  readonly layers: readonly LayerConfig[];
  /** Shape of one example. */
  readonly input: readonly number[];
  /** Draws an entry of an example from a number of [0, 1); default: -1 to 1. */
  readonly feature?: (uniform: number) => number;
}

const initial = { className: 'RandomNormal', config: { stddev: 0.3, seed: 5 } };
const regular = { className: 'L1L2', config: { l1: 0.001, l2: 0.002 } };
const kernels = { kernelInitializer: initial, kernelRegularizer: regular, biasInitializer: 'ones' };
const recurrent = { ...kernels, recurrentInitializer: initial, activation: 'relu', recurrentActivation: 'sigmoid' };
const simple = { ...kernels, recurrentInitializer: initial, activation: 'sigmoid' };
const image = [6, 7, 4];
const volume = [5, 6, 4, 2];
const sequence = [6, 3];
const on = (input: readonly number[], ...layers: LayerConfig[]): LayerCase => ({ input, layers });
const merge = (kind: string, options: Record<string, unknown> = {}): LayerCase =>
  on(
    [5],
    { dense: { units: 3, name: 'a' } },
    { dense: { units: 3, name: 'b', from: 'input' } },
    { [kind]: { ...options, from: ['a', 'b'] } },
  );
const pool2d = { poolSize: [3, 2], strides: [1, 2], padding: 'same' };
const pool1d = { poolSize: 3, strides: 1, padding: 'same' };
const pool3d = { poolSize: [2, 2, 1], strides: [1, 2, 1], padding: 'same' };

/** By the name of the function in tf.layers; what stands behind a space says which of its options. */
export const layerCases: Readonly<Record<string, LayerCase>> = {
  activation: on([4], { activation: { activation: 'selu' } }),
  add: merge('add'),
  alphaDropout: on([4], { alphaDropout: { rate: 0.3 } }),
  average: merge('average'),
  averagePooling1d: on(sequence, { averagePooling1d: pool1d }),
  averagePooling2d: on(image, { averagePooling2d: pool2d }),
  averagePooling3d: on(volume, { averagePooling3d: pool3d }),
  batchNormalization: on(image, {
    batchNormalization: { momentum: 0.7, epsilon: 0.01, center: false, movingMeanInitializer: 'ones' },
  }),
  bidirectional: on(sequence, {
    bidirectional: { layer: { lstm: { units: 2, ...recurrent, returnSequences: true } }, mergeMode: 'ave' },
  }),
  categoryEncoding: {
    ...on([3], { categoryEncoding: { numTokens: 5, outputMode: 'multiHot' } }),
    feature: (uniform) => Math.floor(5 * uniform),
  },
  centerCrop: on(image, { centerCrop: { height: 4, width: 3 } }),
  concatenate: merge('concatenate', { axis: 1 }),
  conv1d: on(sequence, {
    conv1d: { filters: 2, kernelSize: 3, strides: 2, padding: 'same', activation: 'elu', ...kernels },
  }),
  'conv1d dilated': on(sequence, { conv1d: { filters: 2, kernelSize: 2, dilationRate: 2, padding: 'same' } }),
  conv2d: on(image, { conv2d: { filters: 3, kernelSize: [2, 3], strides: [2, 1], padding: 'same', useBias: false } }),
  'conv2d channels first': on(image, {
    conv2d: { filters: 3, kernelSize: 2, dataFormat: 'channelsFirst', activation: 'tanh', ...kernels },
  }),
  conv2dTranspose: on(image, {
    conv2dTranspose: { filters: 3, kernelSize: 2, strides: 2, padding: 'same', activation: 'relu', ...kernels },
  }),
  conv3d: on(volume, {
    conv3d: { filters: 2, kernelSize: [2, 3, 2], strides: [1, 2, 1], padding: 'same', ...kernels },
  }),
  conv3dTranspose: on(volume, {
    conv3dTranspose: { filters: 2, kernelSize: 2, strides: 2, padding: 'same', ...kernels },
  }),
  convLstm2d: on([3, ...image], {
    convLstm2d: { filters: 2, kernelSize: 2, padding: 'same', ...recurrent, unitForgetBias: true },
  }),
  cropping2D: on(image, {
    cropping2D: {
      cropping: [
        [1, 0],
        [2, 1],
      ],
    },
  }),
  dense: on([5], { dense: { units: 3, activation: 'softsign', ...kernels } }),
  depthwiseConv2d: on(image, {
    depthwiseConv2d: {
      kernelSize: [2, 3],
      depthMultiplier: 2,
      strides: 2,
      padding: 'same',
      depthwiseInitializer: initial,
    },
  }),
  dot: merge('dot', { axes: 1, normalize: true }),
  dropout: on([4], { dropout: { rate: 0.2 } }),
  elu: on([4], { elu: {} }),
  embedding: {
    ...on([4], { embedding: { inputDim: 7, outputDim: 3, embeddingsInitializer: initial, maskZero: true } }),
    feature: (uniform) => Math.floor(7 * uniform),
  },
  flatten: on(image, { flatten: { dataFormat: 'channelsFirst' } }),
  gaussianDropout: on([4], { gaussianDropout: { rate: 0.2 } }),
  gaussianNoise: on([4], { gaussianNoise: { stddev: 0.2 } }),
  globalAveragePooling1d: on(sequence, { globalAveragePooling1d: {} }),
  globalAveragePooling2d: on(image, { globalAveragePooling2d: { dataFormat: 'channelsFirst' } }),
  globalMaxPooling1d: on(sequence, { globalMaxPooling1d: {} }),
  globalMaxPooling2d: on(image, { globalMaxPooling2d: { dataFormat: 'channelsFirst' } }),
  gru: on(sequence, { gru: { units: 3, ...recurrent, goBackwards: true, implementation: 1 } }),
  layerNormalization: on(image, {
    layerNormalization: { axis: [1, 3], epsilon: 0.1, scale: false, betaInitializer: 'ones' },
  }),
  leakyReLU: on([4], { leakyReLU: { alpha: 0.05 } }),
  lstm: on(sequence, {
    lstm: { units: 3, ...recurrent, unitForgetBias: true, returnSequences: true, dropout: 0.1, recurrentDropout: 0.2 },
  }),
  masking: on(sequence, { masking: { maskValue: 0.5 } }),
  maxPooling1d: on(sequence, { maxPooling1d: pool1d }),
  maxPooling2d: on(image, { maxPooling2d: pool2d }),
  maxPooling3d: on(volume, { maxPooling3d: pool3d }),
  maximum: merge('maximum'),
  minimum: merge('minimum'),
  multiply: merge('multiply'),
  permute: on(image, { permute: { dims: [3, 1, 2] } }),
  prelu: on(image, { prelu: { sharedAxes: [1, 2], alphaInitializer: initial } }),
  reLU: on([4], { reLU: { maxValue: 0.4 } }),
  repeatVector: on([4], { repeatVector: { n: 3 } }),
  rescaling: on(image, { rescaling: { scale: 0.5, offset: 2 } }),
  reshape: on(image, { reshape: { targetShape: [7, 24] } }),
  'reshape to a size that follows': on(image, { reshape: { targetShape: [-1, 24] } }),
  resizing: on(image, { resizing: { height: 3, width: 9, interpolation: 'nearest' } }),
  rnn: on(sequence, { rnn: { cell: { lstmCell: { units: 2, ...recurrent } }, returnSequences: true } }),
  'rnn of several cells': on(sequence, {
    rnn: { cell: [{ gruCell: { units: 3, ...recurrent } }, { simpleRNNCell: { units: 2, ...simple } }] },
  }),
  separableConv2d: on(image, {
    separableConv2d: {
      filters: 3,
      kernelSize: [2, 3],
      depthMultiplier: 2,
      padding: 'same',
      activation: 'relu',
      depthwiseInitializer: initial,
      pointwiseInitializer: initial,
      pointwiseRegularizer: regular,
    },
  }),
  simpleRNN: on(sequence, { simpleRNN: { units: 3, ...simple, goBackwards: true } }),
  softmax: on([3, 4], { softmax: { axis: 2 } }),
  spatialDropout1d: on(sequence, { spatialDropout1d: { rate: 0.3 } }),
  stackedRNNCells: on(sequence, {
    rnn: { cell: { stackedRNNCells: { cells: [{ lstmCell: { units: 3 } }, { lstmCell: { units: 2 } }] } } },
  }),
  thresholdedReLU: on([4], { thresholdedReLU: { theta: 0.2 } }),
  timeDistributed: on(sequence, {
    timeDistributed: { layer: { dense: { units: 2, activation: 'tanh', ...kernels } } },
  }),
  upSampling2d: on(image, { upSampling2d: { size: [2, 3], interpolation: 'nearest' } }),
  zeroPadding2d: on(image, {
    zeroPadding2d: {
      padding: [
        [1, 0],
        [2, 1],
      ],
    },
  }),
};
