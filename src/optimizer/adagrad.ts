import type { OptimizerOptions } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { type Optimizer, slotLike, uniformOptimizer } from './optimizer.js';

/** Duchi et al., "Adaptive subgradient methods" (2011), the diagonal variant. */
export function adagrad({ initialAccumulator, epsilon }: OptimizerOptions<'adagrad'>, layout: SlabLayout): Optimizer {
  const slots = [slotLike(layout, 'squareSum', initialAccumulator)];
  return uniformOptimizer(
    layout,
    slots,
    (kernels, { parameters, gradients, slots, length }, { gradientScale, learningRate }) =>
      kernels.adagrad(parameters, gradients, slots[0], length, gradientScale, learningRate, epsilon),
  );
}
