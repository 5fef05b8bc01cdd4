import type { OptimizerOptions } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { byDecay } from './decay-groups.js';
import { flushSometimes, type Optimizer, slotLike } from './optimizer.js';

/** Chen et al., "Symbolic discovery of optimization algorithms" (2023). */
export function lion(options: OptimizerOptions<'lion'>, layout: SlabLayout): Optimizer {
  const { beta1, beta2 } = options;
  return byDecay(layout, [slotLike(layout, 'gradientMean')], options, (weightDecay) => (kernels, region, step) => {
    const { parameters, gradients, slots, length } = region;
    const { gradientScale, learningRate } = step;
    const decay = learningRate * weightDecay;
    kernels.lion(parameters, gradients, slots[0], length, gradientScale, learningRate, beta1, beta2, decay);
    flushSometimes(kernels, region, step);
  });
}
