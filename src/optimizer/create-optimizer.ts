/** The optimizer of a config. */
import type { OptimizerConfig } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { adafactor } from './adafactor.js';
import { adagrad } from './adagrad.js';
import { adam } from './adam.js';
import { lamb } from './lamb.js';
import { lion } from './lion.js';
import { momentum } from './momentum.js';
import { muon } from './muon.js';
import type { RuleModels } from './newton-schulz.js';
import type { Optimizer } from './optimizer.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';
import { averaged, averageMomentum } from './weight-average.js';

/**
 * @param layout of the model: which parameters there are
 * @param models of `ruleModels`, for an optimizer that is to take steps
 */
export function createOptimizer(
  config: OptimizerConfig,
  layout: SlabLayout,
  models: RuleModels = new Map(),
): Optimizer {
  const optimizer = withoutAverage(config, layout, models);
  const momentum = averageMomentum(config);
  return momentum === undefined ? optimizer : averaged(optimizer, momentum, layout);
}

function withoutAverage(config: OptimizerConfig, layout: SlabLayout, models: RuleModels): Optimizer {
  if ('sgd' in config) return sgd(layout);
  if ('momentum' in config) return momentum(config.momentum, layout);
  if ('adagrad' in config) return adagrad(config.adagrad, layout);
  if ('rmsprop' in config) return rmsprop(config.rmsprop, layout);
  if ('adam' in config) return adam({ ...config.adam, weightDecay: 0 }, layout);
  if ('lion' in config) return lion(config.lion, layout);
  if ('lamb' in config) return lamb(config.lamb, layout);
  if ('adafactor' in config) return adafactor(config.adafactor, layout);
  if ('muon' in config) return muon(config.muon, layout, models);
  return adam(config.adamw, layout);
}

/** Learning rate before the schedule. */
export function baseLearningRate(config: OptimizerConfig): number {
  const [{ learningRate }] = Object.values(config) as { readonly learningRate: number }[];
  return learningRate;
}
