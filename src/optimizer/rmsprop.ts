import type { OptimizerOptions } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { flushSometimes, type Optimizer, slotLike, uniformOptimizer } from './optimizer.js';

/** Tieleman and Hinton, "Lecture 6.5: RMSProp" (2012). */
export function rmsprop({ decay, epsilon }: OptimizerOptions<'rmsprop'>, layout: SlabLayout): Optimizer {
  return uniformOptimizer(layout, [slotLike(layout, 'squareMean')], (kernels, region, step) => {
    const { parameters, gradients, slots, length } = region;
    const { gradientScale, learningRate } = step;
    kernels.rmsprop(parameters, gradients, slots[0], length, gradientScale, learningRate, decay, epsilon);
    flushSometimes(kernels, region, step);
  });
}
