import type { OptimizerOptions } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { flushSometimes, type Optimizer, slotLike, uniformOptimizer } from './optimizer.js';

/** Classical momentum and Nesterov's, as in Sutskever et al., "On the importance of initialization and momentum" (2013). */
export function momentum({ momentum, nesterov }: OptimizerOptions<'momentum'>, layout: SlabLayout): Optimizer {
  return uniformOptimizer(layout, [slotLike(layout, 'velocity')], (kernels, region, step) => {
    const { parameters, gradients, slots, length } = region;
    const { gradientScale, learningRate } = step;
    kernels.momentum(parameters, gradients, slots[0], length, gradientScale, learningRate, momentum, nesterov);
    flushSometimes(kernels, region, step);
  });
}
