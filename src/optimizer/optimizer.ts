/** Optimizers: which slots of state each keeps, and how one step changes the parameters. The arithmetic is in kernels/. */
import type { OptimizerConfig } from '../config/optimizer.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';

/** A slab of state, as long as the parameters, that starts as one value everywhere. */
export interface OptimizerSlot {
  readonly name: string;
  readonly initial: number;
}

/** A slice of the slabs: the same range of floats in each. */
export interface SlabRegion {
  /** Byte offsets, multiples of 64. */
  readonly parameters: number;
  readonly gradients: number;
  /** One offset for each of the optimizer's slots, in their order. */
  readonly slots: readonly number[];
  /** Floats, a multiple of 16. */
  readonly length: number;
}

export interface OptimizerStep {
  /** 1 for the first step of the run. */
  readonly number: number;
  readonly learningRate: number;
  /** Multiplies the gradients first: 1 / examples, times the clipping factor. */
  readonly gradientScale: number;
}

export interface Optimizer {
  readonly slots: readonly OptimizerSlot[];
  /** Learning rate before the schedule. */
  readonly baseLearningRate: number;
  /** Applies one step to a slice. Slices may be cut anywhere between regions of 16 floats: the bits are the same. */
  update(kernels: UpdateKernels, region: SlabRegion, step: OptimizerStep): void;
}

type Options<Name extends PropertyKey> = Extract<OptimizerConfig, Record<Name, unknown>>[Name];

export function createOptimizer(config: OptimizerConfig): Optimizer {
  if ('sgd' in config) return sgd(config.sgd);
  if ('momentum' in config) return momentum(config.momentum);
  if ('adagrad' in config) return adagrad(config.adagrad);
  if ('rmsprop' in config) return rmsprop(config.rmsprop);
  if ('adam' in config) return adam({ ...config.adam, weightDecay: 0 });
  return adam(config.adamw);
}

/** p -= rate * g. */
function sgd(options: Options<'sgd'>): Optimizer {
  return {
    slots: [],
    baseLearningRate: options.learningRate,
    update: (kernels, { parameters, gradients, length }, step) =>
      kernels.sgd(parameters, gradients, length, step.gradientScale, step.learningRate),
  };
}

/** Classical momentum and Nesterov's, as in Sutskever et al., "On the importance of initialization and momentum" (2013). */
function momentum(options: Options<'momentum'>): Optimizer {
  return {
    slots: [{ name: 'velocity', initial: 0 }],
    baseLearningRate: options.learningRate,
    update(kernels, region, step) {
      const { parameters, gradients, slots, length } = region;
      const { momentum, nesterov } = options;
      const { gradientScale, learningRate } = step;
      kernels.momentum(parameters, gradients, slots[0], length, gradientScale, learningRate, momentum, nesterov);
      flushSometimes(kernels, region, step);
    },
  };
}

/** Duchi et al., "Adaptive subgradient methods" (2011), the diagonal variant. */
function adagrad(options: Options<'adagrad'>): Optimizer {
  return {
    slots: [{ name: 'squareSum', initial: options.initialAccumulator }],
    baseLearningRate: options.learningRate,
    update: (kernels, { parameters, gradients, slots, length }, { gradientScale, learningRate }) =>
      kernels.adagrad(parameters, gradients, slots[0], length, gradientScale, learningRate, options.epsilon),
  };
}

/** Tieleman and Hinton, "Lecture 6.5: RMSProp" (2012). */
function rmsprop(options: Options<'rmsprop'>): Optimizer {
  return {
    slots: [{ name: 'squareMean', initial: 0 }],
    baseLearningRate: options.learningRate,
    update(kernels, region, step) {
      const { parameters, gradients, slots, length } = region;
      const { decay, epsilon } = options;
      const { gradientScale, learningRate } = step;
      kernels.rmsprop(parameters, gradients, slots[0], length, gradientScale, learningRate, decay, epsilon);
      flushSometimes(kernels, region, step);
    },
  };
}

/**
 * Kingma and Ba, "Adam" (2015), in the form of their section 2 that folds both bias corrections into the rate and
 * epsilon; with weight decay as in Loshchilov and Hutter, "Decoupled weight decay regularization" (2019).
 */
function adam(options: Options<'adamw'>): Optimizer {
  // The kernels hold the betas as float32, so the corrections are those of the rounded values.
  const beta1 = Math.fround(options.beta1);
  const beta2 = Math.fround(options.beta2);
  return {
    slots: [
      { name: 'gradientMean', initial: 0 },
      { name: 'squareMean', initial: 0 },
    ],
    baseLearningRate: options.learningRate,
    update(kernels, region, step) {
      const { parameters, gradients, slots, length } = region;
      const root = Math.sqrt(oneMinusPower(beta2, step.number));
      const rate = (step.learningRate * root) / oneMinusPower(beta1, step.number);
      const epsilon = options.epsilon * root;
      const decay = step.learningRate * options.weightDecay;
      const [first, second] = slots;
      const scale = step.gradientScale;
      kernels.adam(parameters, gradients, first, second, length, scale, rate, beta1, beta2, epsilon, decay);
      flushSometimes(kernels, region, step);
    },
  };
}

/** 1 - base^exponent without cancellation, and without `Math.pow`, whose last digit differs between platforms. */
function oneMinusPower(base: number, exponent: number): number {
  return -Math.expm1(exponent * Math.log(base));
}

/** Clears subnormals from the slots, which slow the processor down: too seldom to cost anything by itself. */
function flushSometimes(kernels: UpdateKernels, region: SlabRegion, step: OptimizerStep): void {
  if (step.number % 64 !== 0) return;
  for (const slot of region.slots) kernels.flushSubnormals(slot, region.length);
}
