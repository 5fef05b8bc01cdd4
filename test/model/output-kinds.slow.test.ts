/**
 * Every layer of tfjs as the last one, behind a softmax and behind a sigmoid: what its outputs are taken for, and a loss equal
 * to Keras's formula for that, computed here in float64 from the model's outputs.
 */
import '../../src/model/tfjs/core-gaps.js';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import type { LayerConfig, LossConfig } from '../../src/config/model.js';
import { loadBackend } from '../../src/engine/backends.js';
import { createStepModel, evaluationStep, initialParameters, type StepSpec } from '../../src/engine/step.js';
import { ModelError } from '../../src/errors.js';
import type { ProbabilityKind } from '../../src/model/outputs.js';
import { tensorOf } from '../../src/model/slab.js';
import { batchOfTensors, fieldsOf } from '../support/parts.js';

type Kind = ProbabilityKind | 'undecided';
interface Case {
  /** Shape of the probabilities that the layer gets; the last axis is that of the softmax. */
  readonly on: readonly number[];
  readonly layer: LayerConfig;
  /** What comes of a softmax, and of a sigmoid. */
  readonly softmax: Kind;
  readonly sigmoid: Kind;
}

const vector = [4];
const sequence = [3, 4];
const image = [2, 2, 4];
const volume = [2, 2, 2, 4];
const of = (on: readonly number[], softmax: Kind, sigmoid: Kind, ...layers: LayerConfig[]): Case[] =>
  layers.map((layer) => ({ on, layer, softmax, sigmoid }));
const kept = (on: readonly number[], ...layers: LayerConfig[]) => of(on, 'softmax', 'sigmoid', ...layers);
const fresh = (on: readonly number[], ...layers: LayerConfig[]) => of(on, 'logits', 'logits', ...layers);
const parted = (on: readonly number[], ...layers: LayerConfig[]) => of(on, 'undecided', 'sigmoid', ...layers);
const lost = (on: readonly number[], ...layers: LayerConfig[]) => of(on, 'undecided', 'undecided', ...layers);
const both = ['p', 'q'];
const linear = { units: 4, activation: 'linear' };

const cases: Case[] = [
  ...kept(
    vector,
    { activation: { activation: 'linear' } },
    { activation: { activation: 'relu' } },
    { activation: { activation: 'relu6' } },
    { reLU: {} },
    { reLU: { maxValue: 2 } },
    { leakyReLU: { alpha: 0.2 } },
    { prelu: {} },
    { elu: {} },
    { dropout: { rate: 0.4 } },
    { alphaDropout: { rate: 0.4 } },
    { gaussianDropout: { rate: 0.4 } },
    { gaussianNoise: { stddev: 0.2 } },
    { repeatVector: { n: 3 } },
    { reshape: { targetShape: [1, 4] } },
    { average: { from: both } },
    { rescaling: { scale: 1 } },
  ),
  ...kept(
    sequence,
    { spatialDropout1d: { rate: 0.4 } },
    { averagePooling1d: { poolSize: 2 } },
    { avgPool1d: { poolSize: 2 } },
    { avgPooling1d: { poolSize: 2 } },
    { globalAveragePooling1d: {} },
    { timeDistributed: { layer: { dropout: { rate: 0.1 } } } },
    { concatenate: { from: both, axis: 1 } },
  ),
  ...kept(
    image,
    { averagePooling2d: { poolSize: 2 } },
    { avgPool2d: { poolSize: 2 } },
    { avgPooling2d: { poolSize: 2 } },
    { globalAveragePooling2d: {} },
    { upSampling2d: { size: [2, 2] } },
    {
      cropping2D: {
        cropping: [
          [1, 0],
          [0, 1],
        ],
      },
    },
    { centerCrop: { height: 1, width: 1 } },
  ),
  ...kept(
    volume,
    { averagePooling3d: { poolSize: 2 } },
    { avgPool3d: { poolSize: 2 } },
    { avgPooling3d: { poolSize: 2 } },
  ),
  ...kept([1, 1, 4], { flatten: {} }, { permute: { dims: [2, 1, 3] } }),
  ...of(vector, 'softmax', 'softmax', { softmax: {} }, { activation: { activation: 'softmax' } }),
  ...of(
    vector,
    'sigmoid',
    'sigmoid',
    { activation: { activation: 'sigmoid' } },
    { activation: { activation: 'hardSigmoid' } },
  ),
  ...of(sequence, 'sigmoid', 'sigmoid', {
    bidirectional: { layer: { lstm: { units: 2, activation: 'sigmoid' } }, mergeMode: 'mul' },
  }),
  ...of(
    sequence,
    'sigmoid',
    'sigmoid',
    { lstm: { units: 2, activation: 'hardSigmoid' } },
    { gru: { units: 2, activation: 'sigmoid' } },
  ),
  ...of(
    sequence,
    'softmax',
    'softmax',
    { simpleRNN: { units: 3, activation: 'softmax' } },
    { timeDistributed: { layer: { dense: { units: 3, activation: 'softmax' } } } },
  ),
  ...of(sequence, 'softmax', 'softmax', {
    bidirectional: { layer: { simpleRNN: { units: 3, activation: 'softmax' } }, mergeMode: 'ave' },
  }),
  ...parted(
    vector,
    { thresholdedReLU: { theta: 0.1 } },
    { multiply: { from: both } },
    { maximum: { from: both } },
    { minimum: { from: both } },
    { concatenate: { from: both } },
    { rescaling: { scale: 0.5 } },
    { reLU: { maxValue: 0.5 } },
  ),
  ...parted(
    sequence,
    { flatten: {} },
    { permute: { dims: [2, 1] } },
    { maxPooling1d: { poolSize: 2 } },
    { maxPool1d: { poolSize: 2 } },
    { globalMaxPooling1d: {} },
    { globalMaxPool1d: {} },
  ),
  ...parted(
    image,
    { maxPooling2d: { poolSize: 2 } },
    { maxPool2d: { poolSize: 2 } },
    { globalMaxPooling2d: {} },
    { globalMaxPool2d: {} },
    { zeroPadding2d: { padding: 1 } },
    { averagePooling2d: { poolSize: 2, dataFormat: 'channelsFirst' } },
  ),
  ...parted(volume, { maxPooling3d: { poolSize: 2 } }),
  ...lost(
    vector,
    { activation: { activation: 'tanh' } },
    { activation: { activation: 'softsign' } },
    { activation: { activation: 'softplus' } },
    { activation: { activation: 'selu' } },
    { activation: { activation: 'gelu' } },
    { add: { from: both } },
    { dot: { from: both, axes: 1 } },
    { dense: { units: 3, activation: 'tanh' } },
    { rescaling: { scale: 2, offset: -1 } },
    { categoryEncoding: { numTokens: 3, outputMode: 'multiHot' } },
  ),
  ...lost(
    sequence,
    { lstm: { units: 3 } },
    { gru: { units: 3 } },
    { simpleRNN: { units: 3 } },
    { gru: { units: 3, activation: 'softmax' } },
    { rnn: { cell: { lstmCell: { units: 3 } } } },
    { rnn: { cell: { stackedRNNCells: { cells: [{ gruCell: { units: 2 } }, { simpleRNNCell: { units: 3 } }] } } } },
    { bidirectional: { layer: { simpleRNN: { units: 3, activation: 'softmax' } }, mergeMode: 'concat' } },
    { bidirectional: { layer: { simpleRNN: { units: 3, activation: 'sigmoid' } }, mergeMode: 'sum' } },
  ),
  ...lost(volume, { convLstm2d: { filters: 2, kernelSize: 1 } }),
  ...fresh(
    vector,
    { dense: { units: 3 } },
    { dense: { units: 3, activation: 'relu' } },
    { dense: { units: 3, activation: 'logSoftmax' } },
    { batchNormalization: {} },
    { layerNormalization: {} },
    { embedding: { inputDim: 3, outputDim: 2 } },
    { multiply: { from: ['p', 'l'] } },
    { add: { from: ['p', 'l'] } },
  ),
  ...of(vector, 'undecided', 'undecided', { average: { from: ['p', 'l'] } }, { maximum: { from: ['p', 'l'] } }),
  ...fresh(sequence, { conv1d: { filters: 2, kernelSize: 2 } }, { simpleRNN: { units: 2, activation: 'linear' } }),
  ...fresh(
    image,
    { conv2d: { filters: 2, kernelSize: 2 } },
    { conv2dTranspose: { filters: 2, kernelSize: 2 } },
    { depthwiseConv2d: { kernelSize: 2 } },
    { separableConv2d: { filters: 2, kernelSize: 2 } },
  ),
  ...fresh(volume, { conv3d: { filters: 2, kernelSize: 2 } }, { conv3dTranspose: { filters: 2, kernelSize: 2 } }),
];

/** Two branches of probabilities, the second of which the layer reads unless it names both; `l` are logits. */
function layersOf({ on, layer }: Case, activation: string): LayerConfig[] {
  const size = on.reduce((a, b) => a * b, 1);
  const branch = (name: string): LayerConfig[] => [
    { dense: { units: size, from: 'input' } },
    { reshape: { targetShape: [...on] } },
    { activation: { activation, name } },
  ];
  return [{ dense: { ...linear, units: size, from: 'input', name: 'l' } }, ...branch('q'), ...branch('p'), layer];
}

function specOf(model: StepSpec['model'], loss: LossConfig, targetShape: readonly number[]): StepSpec {
  return {
    model,
    heads: [{ target: 'targets', loss, weight: 1 }],
    seed: 3,
    fields: fieldsOf({ featureShape: [5], targetShape }),
  };
}

const epsilon = 1e-7;
const clip = (p: number) => Math.min(Math.max(p, epsilon), 1 - epsilon);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** keras.losses.binary_crossentropy and categorical_crossentropy of Keras 3, of one row. */
function kerasLoss(loss: string, targets: number[], outputs: number[], logits: boolean): number {
  if (loss === 'binaryCrossentropy') {
    const p = outputs.map((x) => clip(logits ? 1 / (1 + Math.exp(-x)) : x));
    return sum(p.map((p, i) => -(targets[i] * Math.log(p) + (1 - targets[i]) * Math.log(1 - p)))) / p.length;
  }
  const raw = logits ? outputs.map(Math.exp) : outputs;
  return -sum(raw.map((x, i) => targets[i] * Math.log(clip(x / sum(raw)))));
}

/** Largest difference between the step's losses and the formula's, over the rows of a batch. */
async function difference(spec: StepSpec, loss: string, logits: boolean): Promise<number> {
  const step = await createStepModel(spec);
  const width = step.heads[0].spec.shape.at(-1)!;
  const parameters = initialParameters(step);
  const tensors = step.layout.tensors.map((tensor) => tf.tensor(tensorOf(parameters, tensor), [...tensor.shape]));
  const rows = 3;
  const features = tf.randomUniform([rows, 5], -1, 1, 'float32', 4);
  const places = tf.randomUniform([rows, ...step.heads[0].spec.shape], 0, 1, 'float32', 5);
  const targets = loss === 'binaryCrossentropy' ? tf.cast(tf.greater(places, 0.5), 'float32') : tf.softmax(places);
  const [found] = evaluationStep(step, tensors, batchOfTensors(features, targets));
  const [outputs, wanted] = [found.outputs, targets].map((tensor) => Array.from(tensor.dataSync()));
  const each = Array.from(found.losses.dataSync());
  const perRow = outputs.length / rows / width;
  const slice = (values: number[], i: number) => values.slice(i * width, (i + 1) * width);
  return Math.max(
    ...each.map((value, row) => {
      const places = Array.from({ length: perRow }, (_, i) => row * perRow + i);
      const losses = places.map((i) => kerasLoss(loss, slice(wanted, i), slice(outputs, i), logits));
      return Math.abs(value - sum(losses) / perRow);
    }),
  );
}

const outputShape = async (layers: LayerConfig[]): Promise<number[]> => {
  // Of any shape: the targets are made for the outputs.
  const step = await createStepModel(specOf({ layers }, 'meanSquaredError', [])).catch((error: ModelError) => error);
  const [, shape] = /output \[([\d, ]*)\]/.exec((step as ModelError).problem) ?? [];
  return shape.split(', ').map(Number);
};

describe('behind a', () => {
  for (const activation of ['softmax', 'sigmoid'] as const) {
    const loss = activation === 'softmax' ? 'categoricalCrossentropy' : 'binaryCrossentropy';
    it.each(cases.map((each) => ({ ...each, title: JSON.stringify(each.layer), kind: each[activation] })))(
      `${activation}, the outputs of $title on $on are $kind`,
      async (each) => {
        await loadBackend('cpu');
        const model = { layers: layersOf(each, activation) };
        const shape = await outputShape(model.layers);
        const chosen = { softmax: 'categoricalCrossentropy', sigmoid: 'binaryCrossentropy' } as const;
        const name = each.kind === 'softmax' || each.kind === 'sigmoid' ? chosen[each.kind] : loss;
        if (shape.at(-1) === 1 && name === 'categoricalCrossentropy') return;
        if (each.kind !== 'undecided') {
          const step = await createStepModel(specOf(model, name, shape));
          expect(step.heads[0].spec.outputs).toEqual({ kind: each.kind });
          expect(await difference(specOf(model, name, shape), name, each.kind === 'logits')).toBeLessThan(2e-5);
          return;
        }
        const refused = await createStepModel(specOf(model, name, shape)).catch((error: ModelError) => error);
        expect(refused).toBeInstanceOf(ModelError);
        expect((refused as ModelError).remedy).toContain(`loss: { ${name}: { fromLogits: true } }`);
        const said = { [name]: { fromLogits: true } } as LossConfig;
        expect(await difference(specOf(model, said, shape), name, true)).toBeLessThan(2e-5);
      },
    );
  }
});

it('every layer of tfjs is looked at', () => {
  const names = Object.keys(tfl.layers).filter((name) => /^[a-z]/.test(name));
  const used = new Set(
    cases.flatMap(({ layer }) => JSON.stringify(layer).match(/"(\w+)":/g) ?? []).map((key) => key.slice(1, -2)),
  );
  // Two have no outputs of a fixed shape in tfjs, and so no loss; masks have their own tests (masked-losses, keras-masks).
  const others = ['input', 'inputLayer', 'convLstm2dCell', 'masking', 'resizing', 'randomWidth'];
  expect(names.filter((name) => !used.has(name) && !others.includes(name))).toEqual([]);
});
