/** Options without which a layer of tfjs cannot be made, or does nothing of what it is for: tfjs says so in words of its own, or not at all. */
import { ModelError } from '../../errors.js';

const cellUnits = { units: '64' };
const kernel = { kernelSize: '3' };
const filters = { filters: '16', ...kernel };
const rate = { rate: '0.2' };
const inner = { layer: '{ dense: { units: 8 } }' };
const size = { height: '32', width: '32' };

/** By layer: what each is written as. */
export const requiredOptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  dense: cellUnits,
  embedding: { inputDim: 'categories', outputDim: '64' },
  conv1d: filters,
  conv2d: filters,
  conv2dTranspose: filters,
  conv3d: filters,
  conv3dTranspose: filters,
  separableConv2d: filters,
  depthwiseConv2d: kernel,
  convLstm2d: filters,
  convLstm2dCell: filters,
  gru: cellUnits,
  gruCell: cellUnits,
  lstm: cellUnits,
  lstmCell: cellUnits,
  simpleRNN: cellUnits,
  simpleRNNCell: cellUnits,
  rnn: { cell: '{ lstmCell: { units: 64 } }' },
  stackedRNNCells: { cells: '[{ lstmCell: { units: 64 } }]' },
  bidirectional: { layer: '{ lstm: { units: 64 } }' },
  timeDistributed: inner,
  dropout: rate,
  alphaDropout: rate,
  gaussianDropout: rate,
  spatialDropout1d: rate,
  gaussianNoise: { stddev: '0.1' },
  permute: { dims: '[2, 1]' },
  reshape: { targetShape: '[8, 8, 1]' },
  repeatVector: { n: '8' },
  dot: { axes: '-1' },
  cropping2D: { cropping: '[[1, 1], [1, 1]]' },
  centerCrop: size,
  resizing: size,
  rescaling: { scale: '0.5' },
  categoryEncoding: { numTokens: '10' },
};

/** What an example cannot tell. */
const notes: Readonly<Record<string, string>> = {
  units: ', or units: classes in an output for classes',
  inputDim:
    ' where the input has categories, inputDim: classes for characters and tokens of a text, or one more than the largest id',
};

/**
 * @param layer its name in tf.layers
 * @param where the entry, for messages
 * @throws ModelError when the layer is not told what it cannot be without
 */
export function checkRequired(layer: string, options: Readonly<Record<string, unknown>>, where: string): void {
  const required = Object.entries(requiredOptions[layer] ?? {});
  const missing = required.filter(([key]) => options[key] === undefined || options[key] === null);
  if (missing.length === 0) return;
  const keys = missing.map(([key]) => key);
  const written = missing.map(([key, value]) => `${key}: ${value}${notes[key] ?? ''}`);
  throw new ModelError(`${where}: ${layer} needs ${keys.join(' and ')}`, `write it with ${written.join('; ')}`);
}
