/** Layers and activations on odd shapes, in models that the compiled engine has to compute as tfjs does. */
import type { Case } from './engines.js';

const image = [9, 7, 3];
const head: Case['layers'] = [{ flatten: {} }, { dense: { units: 4 } }];
const onImage = (...layers: Case['layers']): Case => ({
  layers: [...layers, ...head],
  input: image,
  classes: 4,
  loss: 'sparseCategoricalCrossentropy',
});
export const onVector = (...layers: Case['layers']): Case => ({
  layers: [...layers, { dense: { units: 3 } }],
  input: [5],
  target: [3],
});

const onVolume = (...layers: Case['layers']): Case => ({
  layers: [...layers, ...head],
  input: [4, 5, 6, 2],
  classes: 4,
  loss: 'sparseCategoricalCrossentropy',
});

/** By what each shows. */
export const layers: Record<string, Case> = {
  dense: onVector({ dense: { units: 7, useBias: true } }),
  'dense without bias': onVector({ dense: { units: 7, useBias: false } }),
  // Rows of whole pages of memory: products read transposed copies of them.
  'dense of 1024 and 2048 units': onVector(
    { dense: { units: 1024, activation: 'relu' } },
    { dense: { units: 256, activation: 'tanh' } },
    { dense: { units: 2048, activation: 'relu' } },
    { dense: { units: 300 } },
  ),
  'dense of 1024 units on a sequence': {
    layers: [{ dense: { units: 1024, activation: 'relu' } }, { dense: { units: 256 } }, ...head],
    input: [3, 5],
    classes: 4,
    loss: 'sparseCategoricalCrossentropy',
  },
  'dense on a sequence': {
    layers: [{ dense: { units: 4 } }, { flatten: {} }, { dense: { units: 2 } }],
    input: [3, 5],
    target: [2],
  },
  conv2d: onImage({ conv2d: { filters: 5, kernelSize: 3, activation: 'tanh' } }),
  'conv2d strided, same': onImage({ conv2d: { filters: 5, kernelSize: [3, 2], strides: [2, 3], padding: 'same' } }),
  'conv2d strided, valid, with rows no window covers': onImage({ conv2d: { filters: 2, kernelSize: 2, strides: 3 } }),
  'conv2d dilated': onImage({ conv2d: { filters: 5, kernelSize: 3, dilationRate: 2, padding: 'same' } }),
  'conv2d dilated, valid': onImage({ conv2d: { filters: 5, kernelSize: [2, 3], dilationRate: [3, 2] } }),
  'conv2d 1x1, no bias': onImage({ conv2d: { filters: 5, kernelSize: 1, useBias: false } }),
  'conv2d twice, many channels': onImage(
    { conv2d: { filters: 24, kernelSize: 3, activation: 'relu' } },
    { conv2d: { filters: 9, kernelSize: 3, activation: 'relu' } },
    { maxPooling2d: { poolSize: 2 } },
  ),
  conv1d: {
    layers: [{ conv1d: { filters: 4, kernelSize: 3, strides: 2 } }, ...head],
    input: [11, 3],
    classes: 4,
    loss: 'sparseCategoricalCrossentropy',
  },
  conv2dTranspose: onImage({ conv2dTranspose: { filters: 4, kernelSize: 3, strides: 2, padding: 'same' } }),
  depthwiseConv2d: onImage({ depthwiseConv2d: { kernelSize: 3, depthMultiplier: 2, strides: 2, padding: 'same' } }),
  separableConv2d: onImage({ separableConv2d: { filters: 6, kernelSize: 3, depthMultiplier: 2, activation: 'relu' } }),
  maxPooling2d: onImage({ conv2d: { filters: 4, kernelSize: 2 } }, { maxPooling2d: { poolSize: 2 } }),
  'maxPooling2d overlapping, same': onImage(
    { maxPooling2d: { poolSize: 3, strides: 2, padding: 'same' } },
    { conv2d: { filters: 3, kernelSize: 2 } },
    { maxPooling2d: { poolSize: 3, strides: 1 } },
  ),
  'maxPooling2d 3x2': onImage({ conv2d: { filters: 4, kernelSize: 1 } }, { maxPooling2d: { poolSize: [3, 2] } }),
  // Two input values and a filter of one pixel: most windows hold several equal maxima.
  'maxPooling2d with ties': {
    ...onImage({ conv2d: { filters: 4, kernelSize: 1 } }, { maxPooling2d: { poolSize: 2 } }),
    features: (random) => Number(random() < 0.5),
  },
  'maxPooling2d after relu, with ties': {
    ...onImage({ conv2d: { filters: 4, kernelSize: 1, activation: 'relu' } }, { maxPooling2d: { poolSize: 2 } }),
    input: [8, 19, 1],
    features: (random) => Number(random() < 0.5),
  },
  'maxPooling2d overlapping, with ties': {
    ...onImage(
      { conv2d: { filters: 4, kernelSize: 1 } },
      { maxPooling2d: { poolSize: 3, strides: 2, padding: 'same' } },
    ),
    features: (random) => Number(random() < 0.5),
  },
  'maxPooling2d after relu that is read twice': onImage(
    { conv2d: { filters: 4, kernelSize: 3, padding: 'same', activation: 'relu', name: 'a' } },
    { maxPooling2d: { poolSize: 2, strides: 1, padding: 'same', name: 'p' } },
    { add: { from: ['a', 'p'] } },
  ),
  averagePooling2d: onImage({ conv2d: { filters: 4, kernelSize: 2 } }, { averagePooling2d: { poolSize: 2 } }),
  'averagePooling2d overlapping, same': onImage(
    { conv2d: { filters: 4, kernelSize: 2 } },
    { averagePooling2d: { poolSize: 3, strides: 2, padding: 'same' } },
  ),
  globalAveragePooling2d: {
    ...onImage(),
    layers: [{ conv2d: { filters: 6, kernelSize: 3 } }, { globalAveragePooling2d: {} }, { dense: { units: 4 } }],
  },
  globalMaxPooling2d: {
    ...onImage(),
    layers: [{ conv2d: { filters: 6, kernelSize: 3 } }, { globalMaxPooling2d: {} }, { dense: { units: 4 } }],
  },
  'reshape and permute': {
    layers: [{ reshape: { targetShape: [3, 63] } }, { permute: { dims: [2, 1] } }, ...head],
    input: image,
    classes: 4,
    loss: 'sparseCategoricalCrossentropy',
  },
  'conv after dense': onImage({ dense: { units: 5 } }, { conv2d: { filters: 4, kernelSize: 2 } }),
  dropout: onVector({ dense: { units: 16, activation: 'relu' } }, { dropout: { rate: 0.4 } }),
  'dropout on channels': onImage(
    { conv2d: { filters: 6, kernelSize: 3 } },
    { dropout: { rate: 0.5, noiseShape: [null, 1, 1, 6] } },
  ),
  gaussianNoise: onVector({ gaussianNoise: { stddev: 0.3 } }, { dense: { units: 8 } }),
  gaussianDropout: onVector({ dense: { units: 8 } }, { gaussianDropout: { rate: 0.3 } }),
  alphaDropout: onVector({ dense: { units: 8, activation: 'selu' } }, { alphaDropout: { rate: 0.3 } }),
  'batchNormalization on channels': onImage(
    { conv2d: { filters: 6, kernelSize: 3 } },
    { batchNormalization: {} },
    { activation: { activation: 'relu' } },
  ),
  'batchNormalization on features': {
    ...onVector({ dense: { units: 8 } }, { batchNormalization: { momentum: 0.9, epsilon: 0.01 } }),
    count: 9,
  },
  'batchNormalization on channels that come first': onImage(
    { dense: { units: 4 } },
    { batchNormalization: { axis: 1 } },
    { activation: { activation: 'tanh' } },
  ),
  'batchNormalization without scale': onVector({ dense: { units: 8 } }, { batchNormalization: { scale: false } }),
  'batchNormalization without offset': onVector({ dense: { units: 8 } }, { batchNormalization: { center: false } }),
  layerNormalization: onVector({ dense: { units: 8 } }, { layerNormalization: {} }),
  'layerNormalization without scale': onVector({ dense: { units: 8 } }, { layerNormalization: { scale: false } }),
  'layerNormalization without offset': onVector({ dense: { units: 8 } }, { layerNormalization: { center: false } }),
  zeroPadding2d: onImage(
    { conv2d: { filters: 3, kernelSize: 2 } },
    {
      zeroPadding2d: {
        padding: [
          [1, 2],
          [0, 3],
        ],
      },
    },
    { conv2d: { filters: 2, kernelSize: 3 } },
  ),
  cropping2D: onImage(
    { conv2d: { filters: 3, kernelSize: 2 } },
    {
      cropping2D: {
        cropping: [
          [1, 2],
          [0, 3],
        ],
      },
    },
  ),
  'add of two branches': onImage(
    { conv2d: { filters: 4, kernelSize: 3, padding: 'same', name: 'a' } },
    { conv2d: { filters: 4, kernelSize: 1, name: 'b', activation: 'sigmoid' } },
    { add: { from: ['a', 'b'] } },
  ),
  'concatenate of channels': onImage(
    { conv2d: { filters: 4, kernelSize: 3, padding: 'same', name: 'a' } },
    { conv2d: { filters: 2, kernelSize: 1, name: 'b', from: 'input' } },
    { concatenate: { from: ['a', 'b'] } },
    { conv2d: { filters: 2, kernelSize: 2 } },
  ),
  'multiply, average, maximum, minimum': onVector(
    { dense: { units: 6, name: 'a', activation: 'tanh' } },
    { dense: { units: 6, name: 'b', from: 'input' } },
    { multiply: { from: ['a', 'b'], name: 'm' } },
    { average: { from: ['a', 'b'], name: 'v' } },
    { maximum: { from: ['m', 'v'], name: 'x' } },
    { minimum: { from: ['x', 'a'] } },
  ),
  embedding: {
    layers: [{ embedding: { inputDim: 11, outputDim: 4 } }, { flatten: {} }, { dense: { units: 3 } }],
    input: [6],
    features: (random) => Math.floor(random() * 11),
    classes: 3,
    loss: 'sparseCategoricalCrossentropy',
  },
  repeatVector: onVector({ repeatVector: { n: 3 } }, { flatten: {} }),
  lstm: { layers: [{ lstm: { units: 5 } }, { dense: { units: 2 } }], input: [4, 3], target: [2] },
  'gru with dropout': {
    layers: [{ gru: { units: 5, dropout: 0.3, recurrentDropout: 0.2 } }, { dense: { units: 2 } }],
    input: [4, 3],
    target: [2],
  },
  'bidirectional simpleRNN': {
    layers: [{ bidirectional: { layer: { simpleRNN: { units: 3 } }, mergeMode: 'concat' } }, { dense: { units: 2 } }],
    input: [4, 3],
    target: [2],
  },
  timeDistributed: {
    layers: [{ timeDistributed: { layer: { dense: { units: 4 } } } }, { flatten: {} }, { dense: { units: 2 } }],
    input: [4, 3],
    target: [2],
  },
  'upSampling2d, bilinear': onImage(
    { conv2d: { filters: 3, kernelSize: 2 } },
    { upSampling2d: { size: [3, 2], interpolation: 'bilinear' } },
  ),
  conv3d: onVolume({ conv3d: { filters: 3, kernelSize: 2, activation: 'tanh' } }),
  'conv3d strided, same': onVolume({
    conv3d: { filters: 3, kernelSize: [3, 2, 2], strides: [2, 1, 2], padding: 'same', useBias: false },
  }),
  'conv3d twice': onVolume(
    { conv3d: { filters: 3, kernelSize: 2, activation: 'relu' } },
    { conv3d: { filters: 2, kernelSize: [2, 3, 2] } },
  ),
  conv3dTranspose: onVolume({ conv3dTranspose: { filters: 3, kernelSize: 2, strides: 2, padding: 'same' } }),
  maxPooling3d: onVolume({ conv3d: { filters: 3, kernelSize: 2 } }, { maxPooling3d: { poolSize: [1, 2, 3] } }),
  'maxPooling3d overlapping, same': onVolume(
    { conv3d: { filters: 3, kernelSize: 2 } },
    { maxPooling3d: { poolSize: [2, 3, 2], strides: [1, 2, 1], padding: 'same' } },
  ),
  'averagePooling3d overlapping, same': onVolume(
    { conv3d: { filters: 3, kernelSize: 2 } },
    { averagePooling3d: { poolSize: [2, 3, 2], strides: [1, 2, 1], padding: 'same' } },
  ),
  'conv2d, channels first': {
    ...onImage({ conv2d: { filters: 4, kernelSize: 3, dataFormat: 'channelsFirst', activation: 'tanh' } }),
    input: [3, 9, 7],
  },
  upSampling2d: onImage({ conv2d: { filters: 3, kernelSize: 2 } }, { upSampling2d: { size: [2, 2] } }),
  'kernel regularizers': onVector({
    dense: {
      units: 6,
      kernelRegularizer: { className: 'L1L2', config: { l1: 0.01, l2: 0.02 } },
      biasRegularizer: 'l1l2',
    },
  }),
  'activity regularizer': onVector({
    dense: { units: 6, activation: 'tanh', activityRegularizer: { className: 'L1L2', config: { l1: 0.03, l2: 0.02 } } },
  }),
};
for (const name of [
  'elu',
  'hardSigmoid',
  'linear',
  'relu',
  'relu6',
  'selu',
  'sigmoid',
  'softmax',
  'softplus',
  'softsign',
  'tanh',
  'logSoftmax',
  'swish',
  'mish',
  'gelu',
  'gelu_new',
]) {
  layers[`activation ${name}`] = onVector({ dense: { units: 9 } }, { activation: { activation: name } });
  layers[`dense fused with ${name}`] = onVector({ dense: { units: 9, activation: name } });
}
for (const [name, options] of Object.entries({
  reLU: { maxValue: 0.4 },
  leakyReLU: { alpha: 0.2 },
  prelu: {},
  elu: { alpha: 1 },
  thresholdedReLU: { theta: 0.2 },
  softmax: {},
})) {
  layers[`layer ${name}`] = onVector({ dense: { units: 9 } }, { [name]: options });
}
