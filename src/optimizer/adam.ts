import type { OptimizerOptions } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { byDecay } from './decay-groups.js';
import { flushSometimes, type Optimizer, slotLike, type UpdateRule } from './optimizer.js';

type AdamOptions = Omit<OptimizerOptions<'adamw'>, 'learningRate' | 'noDecay'>;

/** With slots for the running means of the gradients and of their squares. */
export function adam(options: AdamOptions & { readonly noDecay?: readonly string[] }, layout: SlabLayout): Optimizer {
  const slots = [slotLike(layout, 'gradientMean'), slotLike(layout, 'squareMean')];
  return byDecay(layout, slots, options, (weightDecay) => adamRule({ ...options, weightDecay }));
}

/**
 * Kingma and Ba, "Adam" (2015), in the form of their section 2 that folds both bias corrections into the rate and
 * epsilon; with weight decay as in Loshchilov and Hutter, "Decoupled weight decay regularization" (2019).
 */
export function adamRule(options: AdamOptions): UpdateRule {
  // The kernels hold the betas as float32, so the corrections are those of the rounded values.
  const beta1 = Math.fround(options.beta1);
  const beta2 = Math.fround(options.beta2);
  return (kernels, region, step) => {
    const { parameters, gradients, slots, length } = region;
    const root = Math.sqrt(oneMinusPower(beta2, step.number));
    const rate = (step.learningRate * root) / oneMinusPower(beta1, step.number);
    const epsilon = options.epsilon * root;
    const decay = step.learningRate * options.weightDecay;
    const [first, second] = slots;
    const scale = step.gradientScale;
    kernels.adam(parameters, gradients, first, second, length, scale, rate, beta1, beta2, epsilon, decay);
    flushSometimes(kernels, region, step);
  };
}

/** 1 - base^exponent without cancellation, and without `Math.pow`, whose last digit differs between platforms. */
export function oneMinusPower(base: number, exponent: number): number {
  return -Math.expm1(exponent * Math.log(base));
}
