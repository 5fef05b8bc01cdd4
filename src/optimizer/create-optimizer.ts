/** The optimizer of a config. */
import type { OptimizerConfig } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { adagrad } from './adagrad.js';
import { adam } from './adam.js';
import { lion } from './lion.js';
import { momentum } from './momentum.js';
import type { Optimizer } from './optimizer.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';

/** @param layout of the model: which parameters there are */
export function createOptimizer(config: OptimizerConfig, layout: SlabLayout): Optimizer {
  if ('sgd' in config) return sgd(layout);
  if ('momentum' in config) return momentum(config.momentum, layout);
  if ('adagrad' in config) return adagrad(config.adagrad, layout);
  if ('rmsprop' in config) return rmsprop(config.rmsprop, layout);
  if ('adam' in config) return adam({ ...config.adam, weightDecay: 0 }, layout);
  if ('lion' in config) return lion(config.lion, layout);
  return adam(config.adamw, layout);
}

/** Learning rate before the schedule. */
export function baseLearningRate(config: OptimizerConfig): number {
  const [{ learningRate }] = Object.values(config) as { readonly learningRate: number }[];
  return learningRate;
}
