/** Runs of a coordinator that computes all by itself, beside which worlds are held. */
import { coordinate } from '../../coordinator/world/coordinate.js';
import { loadRunConfig } from '../../src/config/load-config.js';

/** @param out gives each run a folder of its own */
export const aloneIn =
  (out: () => string) =>
  (file: string, set: readonly string[] = [], threads = 1, steps?: number) =>
    coordinate(loadRunConfig(file, set), { threads, steps, out: out(), minWorkers: 0, port: 0, report: () => {} });

/** Small pictures of digits, into a model with more state than its parameters. @param more layers before the last one */
export const pictures = (...more: readonly object[]) => ({
  data: { source: 'digits', examples: 500, validation: 0.3, stratify: true },
  model: {
    layers: [
      'flatten',
      { dense: { units: 24 } },
      'batchNormalization',
      { activation: { activation: 'relu' } },
      ...more,
      { dense: { units: 'classes' } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adamw: { learningRate: 0.003 } },
});
