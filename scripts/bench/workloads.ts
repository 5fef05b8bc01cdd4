/** What the engine benchmark trains: the same models, batches and loss as scripts/peers/torch_ddp.py. */
import type { LayerConfig } from '../../src/config/model.js';

export interface Workload {
  /** Shape of one example, channels last. */
  readonly featureShape: readonly number[];
  /** Examples of a worker's batch. */
  readonly batch: number;
  readonly layers: LayerConfig[];
  /** The least that our throughput over PyTorch's should be, by number of workers. */
  readonly targets: Readonly<Record<number, number>>;
}

export const classes = 10;
export const workerCounts = [1, 2] as const;
export const modelNames = ['mlp', 'mlp-small', 'cnn'] as const;
export type ModelName = (typeof modelNames)[number];

const dense = (units: number): LayerConfig => ({ dense: { units, activation: 'relu' } });
const convolution = (filters: number): LayerConfig => ({ conv2d: { filters, kernelSize: 3, activation: 'relu' } });
const logits: LayerConfig = { dense: { units: classes } };

export const workloads: Readonly<Record<ModelName, Workload>> = {
  mlp: {
    featureShape: [784],
    batch: 128,
    layers: [dense(1024), dense(1024), logits],
    targets: { 1: 1.1, 2: 1.6 },
  },
  'mlp-small': {
    featureShape: [784],
    batch: 128,
    layers: [dense(128), logits],
    targets: { 2: 4 },
  },
  cnn: {
    featureShape: [28, 28, 1],
    batch: 64,
    layers: [convolution(32), convolution(64), { maxPooling2d: { poolSize: 2 } }, { flatten: {} }, dense(128), logits],
    targets: { 1: 1.1, 2: 1.1 },
  },
};
