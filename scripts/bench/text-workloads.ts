/** What `npm run bench -- transformers` trains: the same models, batches and loss as scripts/peers/torch_models.py. */
import type { LayerConfig } from '../../src/config/model.js';
import { vocabulary } from './same-start.js';

export interface TextShape {
  readonly examples: number;
  readonly places: number;
  /** Whether what follows is predicted for each place, or for the last. */
  readonly targets: 'all' | 'last';
  /** Initial weights lie within half of this around their means. */
  readonly spread: number;
}

export interface TextWorkload {
  readonly text: Omit<TextShape, 'examples'>;
  /** Examples of a worker's batch. */
  readonly batch: number;
  readonly layers: LayerConfig[];
  /** The least that our throughput over PyTorch's should be, by number of workers. */
  readonly targets: Readonly<Record<number, number>>;
}

export const textModelNames = ['decoder-a', 'decoder-b', 'lstm', 'gru'] as const;
export type TextModelName = (typeof textModelNames)[number];

/** Batches of the data set: as many as an epoch of one worker has. */
export const textBatches = 64;

const decoder = (width: number, blocks: number, heads: number): LayerConfig[] => [
  { tokenAndPositionEmbedding: { vocabulary, width } },
  { transformerDecoder: { repeat: blocks, heads, feedForward: 4 * width, activation: 'geluTanh' } },
  { layerNormalization: { epsilon: 1e-5 } },
  { logits: { units: vocabulary } },
];
const recurrent = (layer: LayerConfig): TextWorkload => ({
  text: { places: 64, targets: 'last', spread: 0.4 },
  batch: 32,
  layers: [{ embedding: { inputDim: vocabulary, outputDim: 64 } }, layer, { dense: { units: vocabulary } }],
  targets: { 1: 1.15, 2: 1.3 },
});
/** Of PyTorch's gates; tfjs's own default is a sigmoid of straight lines. */
const recurrentActivation = 'sigmoid';

export const textWorkloads: Readonly<Record<TextModelName, TextWorkload>> = {
  'decoder-a': {
    text: { places: 64, targets: 'all', spread: 0.1 },
    batch: 32,
    layers: decoder(128, 2, 4),
    targets: { 1: 1.2, 2: 1.3 },
  },
  'decoder-b': {
    text: { places: 256, targets: 'all', spread: 0.1 },
    batch: 8,
    layers: decoder(384, 6, 6),
    targets: { 1: 1.15, 2: 1.2 },
  },
  lstm: recurrent({ lstm: { units: 128, recurrentActivation } }),
  gru: recurrent({ gru: { units: 128, recurrentActivation } }),
};

/**
 * Floating-point operations of a step of a decoder on a worker's batch, a multiplication and an addition each, forward and backward.
 * Of causal attention only those are counted that nobody avoids: places that are seen.
 */
export function decoderFlops({ text: { places }, batch, layers }: TextWorkload): number {
  const [{ width }, { repeat, feedForward }] = layers.map((layer) => Object.values(layer)[0]) as Record<
    string,
    number
  >[];
  const dense = 2 * (4 * width ** 2 + 2 * width * feedForward);
  const seen = (places + 1) / 2;
  const attention = 2 * 2 * width * seen;
  return 3 * batch * places * (repeat * (dense + attention) + 2 * width * vocabulary);
}
