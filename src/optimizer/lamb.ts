import type { OptimizerOptions } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { oneMinusPower } from './adam.js';
import { decayOf, runsOf } from './decay-groups.js';
import { flushSometimes, type Optimizer, slotLike, type UpdateRule } from './optimizer.js';

type LambOptions = OptimizerOptions<'lamb'>;

/**
 * You et al., "Large batch optimization for deep learning" (2020): the direction of Adam, decay included, as long as the weight
 * itself. Every weight is scaled so, biases too, as in Keras.
 */
export function lamb(options: LambOptions, layout: SlabLayout): Optimizer {
  const decayed = decayOf(options);
  const pieces = runsOf(layout, (tensor) => tensor).map(({ from, to, group }) => {
    const slots = [0, 1].map((slot) => ({ slot, start: from }));
    return { from, to, slots, rule: lambRule(options, decayed(group)), cost: group.size };
  });
  return { slots: [slotLike(layout, 'gradientMean'), slotLike(layout, 'squareMean')], pieces };
}

/** Bias corrections are folded in as in adam.ts. */
function lambRule(options: LambOptions, weightDecay: number): UpdateRule {
  const beta1 = Math.fround(options.beta1);
  const beta2 = Math.fround(options.beta2);
  return (kernels, region, step) => {
    const { parameters, gradients, slots, length } = region;
    const [first, second] = slots;
    const root = Math.sqrt(oneMinusPower(beta2, step.number));
    const correction = root / oneMinusPower(beta1, step.number);
    const epsilon = options.epsilon * root;
    kernels.lambMoments(gradients, first, second, length, step.gradientScale, beta1, beta2);
    const weights = Math.sqrt(kernels.sumOfSquares(parameters, length));
    const direction = Math.sqrt(
      kernels.lambSquares(parameters, first, second, length, correction, epsilon, weightDecay),
    );
    const ratio = weights > 0 && direction > 0 ? weights / direction : 1;
    const rate = step.learningRate * ratio;
    kernels.lambApply(parameters, first, second, length, rate, correction, epsilon, weightDecay);
    flushSometimes(kernels, region, step);
  };
}
