import type { SlabLayout } from '../model/slab.js';
import { type Optimizer, uniformOptimizer } from './optimizer.js';

/** p -= rate * g. */
export const sgd = (layout: SlabLayout): Optimizer =>
  uniformOptimizer(layout, [], (kernels, { parameters, gradients, length }, { gradientScale, learningRate }) =>
    kernels.sgd(parameters, gradients, length, gradientScale, learningRate),
  );
