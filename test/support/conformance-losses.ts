/** Losses, and classes of sequences, in models that the compiled engine has to compute as tfjs does. */
import { onVector } from './conformance-layers.js';
import type { Case } from './engines.js';

const binary = (random: () => number) => Number(random() < 0.5);
export const losses: Record<string, Case> = {
  meanSquaredError: { ...onVector(), loss: 'meanSquaredError' },
  meanAbsoluteError: { ...onVector(), loss: 'meanAbsoluteError' },
  huber: { ...onVector(), loss: { huber: { delta: 0.7 } } },
  'binaryCrossentropy on logits': { ...onVector(), loss: 'binaryCrossentropy', targets: binary },
  'binaryCrossentropy on probabilities': {
    layers: [{ dense: { units: 3, activation: 'sigmoid' } }],
    input: [5],
    target: [3],
    loss: 'binaryCrossentropy',
    targets: binary,
  },
  'binaryCrossentropy on two classes': {
    layers: [{ dense: { units: 1 } }],
    input: [5],
    classes: 2,
    loss: 'binaryCrossentropy',
  },
  'categoricalCrossentropy on logits': {
    ...onVector(),
    loss: 'categoricalCrossentropy',
    targets: (random) => random(),
  },
  'categoricalCrossentropy on probabilities': {
    layers: [{ dense: { units: 3, activation: 'softmax' } }],
    input: [5],
    target: [3],
    loss: 'categoricalCrossentropy',
    targets: (random) => random(),
  },
  'categoricalCrossentropy on classes': { ...onVector(), classes: 3, loss: 'categoricalCrossentropy' },
  'sparseCategoricalCrossentropy on logits': { ...onVector(), classes: 3, loss: 'sparseCategoricalCrossentropy' },
  'sparseCategoricalCrossentropy on probabilities': {
    layers: [{ dense: { units: 3, activation: 'softmax' } }],
    input: [5],
    classes: 3,
    loss: 'sparseCategoricalCrossentropy',
  },
  'hinge on signs': { ...onVector(), loss: 'hinge', targets: (random) => (random() < 0.5 ? -1 : 1) },
  'hinge on two classes': { layers: [{ dense: { units: 1 } }], input: [5], classes: 2, loss: 'hinge' },
};

/** Five tokens, and a class to predict at each place. */
export const fiveTokens = {
  input: [5],
  places: 5,
  classes: 7,
  loss: 'sparseCategoricalCrossentropy',
  features: (random: () => number) => Math.floor(random() * 7),
} satisfies Partial<Case>;

/** A decoder of one block. */
export const decoder: Case = {
  layers: [
    { tokenAndPositionEmbedding: { vocabulary: 7, width: 8, position: 'rotary' } },
    { transformerDecoder: { heads: 2, feedForward: 16, normalization: 'rms' } },
    { logits: { tied: true } },
  ],
  ...fiveTokens,
};

/** Tokens in bytes. */
const onTokens = (...layers: Case['layers']): Case => ({
  layers: [{ embedding: { inputDim: 7, outputDim: 4 } }, ...layers],
  ...fiveTokens,
  bytes: true,
});
export const sequences: Record<string, Case> = {
  'embedding, lstm, dense': onTokens({ lstm: { units: 6, returnSequences: true } }, { dense: { units: 7 } }),
  'embedding, gru, timeDistributed softmax': onTokens(
    { gru: { units: 6, returnSequences: true } },
    { timeDistributed: { layer: { dense: { units: 7, activation: 'softmax' } } } },
  ),
  'embedding, conv1d, dense': onTokens(
    { conv1d: { filters: 6, kernelSize: 3, padding: 'same', activation: 'relu' } },
    { dense: { units: 7 } },
  ),
  'categoricalCrossentropy at each place': {
    ...onTokens({ dense: { units: 7 } }),
    loss: 'categoricalCrossentropy',
  },
  'binaryCrossentropy at each place': {
    ...onTokens({ dense: { units: 1 } }),
    classes: 2,
    loss: 'binaryCrossentropy',
  },
  'one class after bytes': { ...onTokens({ flatten: {} }, { dense: { units: 7 } }), places: undefined },
};
