/** Each optimizer over 100 steps against its paper's formulas in float64, written out here independently. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type OptimizerConfig, optimizerSchema } from '../../src/config/optimizer.js';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { baseLearningRate } from '../../src/optimizer/create-optimizer.js';
import { normBlocks, sumSquares, totalSquares } from '../../src/reduce/norm.js';
import { bits, makeSlabs, randomFloats } from '../support/slabs.js';
import { trainee } from '../support/trainee.js';

const LENGTH = 512;
const STEPS = 100;

interface Reference {
  readonly config: z.input<typeof optimizerSchema>;
  /** The parameter after each step, from its start and the mean gradient and learning rate of each step. */
  path(start: number, steps: readonly (readonly [gradient: number, rate: number])[]): Iterable<number>;
}

const references: Record<string, Reference> = {
  sgd: {
    config: { sgd: { learningRate: 0.1 } },
    *path(p, steps) {
      for (const [g, rate] of steps) {
        p -= rate * g;
        yield p;
      }
    },
  },
  momentum: {
    config: { momentum: { learningRate: 0.01, momentum: 0.8 } },
    *path(p, steps) {
      let v = 0;
      for (const [g, rate] of steps) {
        v = 0.8 * v + g;
        p -= rate * v;
        yield p;
      }
    },
  },
  nesterov: {
    config: { momentum: { learningRate: 0.01, momentum: 0.9, nesterov: true } },
    *path(p, steps) {
      let v = 0;
      for (const [g, rate] of steps) {
        v = 0.9 * v + g;
        p -= rate * (g + 0.9 * v);
        yield p;
      }
    },
  },
  adagrad: {
    config: { adagrad: { learningRate: 0.05, initialAccumulator: 0.2, epsilon: 1e-6 } },
    *path(p, steps) {
      let sum = 0.2;
      for (const [g, rate] of steps) {
        sum += g ** 2;
        p -= (rate * g) / (Math.sqrt(sum) + 1e-6);
        yield p;
      }
    },
  },
  rmsprop: {
    config: { rmsprop: { learningRate: 0.01, decay: 0.95 } },
    *path(p, steps) {
      let mean = 0;
      for (const [g, rate] of steps) {
        mean = 0.95 * mean + (1 - 0.95) * g ** 2;
        p -= (rate * g) / (Math.sqrt(mean) + 1e-8);
        yield p;
      }
    },
  },
  adam: { config: { adam: { learningRate: 0.01 } }, path: adam(0.9, 0.999, 1e-8, 0) },
  'adam with other options': {
    config: { adam: { learningRate: 0.02, beta1: 0, beta2: 0.98, epsilon: 0.001 } },
    path: adam(0, 0.98, 0.001, 0),
  },
  adamw: { config: { adamw: { learningRate: 0.01, weightDecay: 0.3 } }, path: adam(0.9, 0.999, 1e-8, 0.3) },
  lion: {
    config: { lion: { learningRate: 0.01, beta1: 0.8, beta2: 0.95, weightDecay: 0.1 } },
    *path(p, steps) {
      let m = 0;
      for (const [g, rate] of steps) {
        p -= rate * (Math.sign(0.8 * m + (1 - 0.8) * g) + 0.1 * p);
        m = 0.95 * m + (1 - 0.95) * g;
        yield p;
      }
    },
  },
};

/** Algorithm 1 of Kingma and Ba, and line 12 of algorithm 2 of Loshchilov and Hutter. */
function adam(beta1: number, beta2: number, epsilon: number, weightDecay: number): Reference['path'] {
  return function* (p, steps) {
    let [m, v, t] = [0, 0, 0];
    for (const [g, rate] of steps) {
      t++;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g ** 2;
      const unbiasedM = m / (1 - beta1 ** t);
      const unbiasedV = v / (1 - beta2 ** t);
      p -= rate * (unbiasedM / (Math.sqrt(unbiasedV) + epsilon) + weightDecay * p);
      yield p;
    }
  };
}

/** Sums of gradients that differ in size from parameter to parameter. */
function gradientsOf(step: number): Float32Array {
  return randomFloats(1000 + step, LENGTH).map((value, index) => value * 10 ** (index % 5) * 0.1);
}

const examples = 32;

/** All steps with the library, in slices between the given cuts; the rate falls from step to step. */
function train(config: OptimizerConfig, cuts: readonly number[]) {
  const { parameters, gradients, slots, step } = trainee(config, { w: [LENGTH] }, randomFloats(1, LENGTH));
  const rates = Array.from({ length: STEPS }, (_, t) => baseLearningRate(config) * (1 - t / 200));
  rates.forEach((learningRate, t) => {
    gradients.set(gradientsOf(t));
    step({ number: t + 1, learningRate, gradientScale: 1 / examples }, cuts);
  });
  return { views: [parameters, gradients, ...slots], rates };
}

describe.each(Object.entries(references))('%s', (_, { config, path }) => {
  it('equals its formulas', () => {
    const { views, rates } = train(optimizerSchema.parse(config), [0, LENGTH]);
    const start = randomFloats(1, LENGTH);
    const gradients = rates.map((_, t) => gradientsOf(t));
    let moved = 0;
    let worst = 0;
    for (let i = 0; i < LENGTH; i++) {
      const wanted = [
        ...path(
          start[i],
          gradients.map((gradient, t) => [gradient[i] / examples, rates[t]]),
        ),
      ];
      // Float32 rounds at the magnitude that the parameter has on its way, which can exceed where it ends.
      const magnitude = Math.max(1, ...wanted.map(Math.abs));
      moved = Math.max(moved, Math.abs(wanted[STEPS - 1] - start[i]));
      worst = Math.max(worst, Math.abs(views[0][i] - wanted[STEPS - 1]) / magnitude);
    }
    expect(moved).toBeGreaterThan(0.05);
    expect(worst).toBeLessThan(1e-6);
  });

  it('has the same bits however it is sliced', () => {
    const whole = train(optimizerSchema.parse(config), [0, LENGTH]);
    const sliced = train(optimizerSchema.parse(config), [0, 16, 208, 208, LENGTH]);
    expect(sliced.views.map(bits)).toEqual(whole.views.map(bits));
  });
});

it('follows Nesterov: the parameters are the point where the gradient is looked up', () => {
  const curvature = randomFloats(3, 16).map((value) => 1 + value);
  const [rate, mu] = [0.1, 0.9];
  const config = { momentum: { learningRate: rate, momentum: mu, nesterov: true } };
  const { parameters, gradients, step } = trainee(config, { w: [16] }, new Float32Array(16).fill(1));
  // Sutskever et al. (2013), equations 3 and 4, on f(x) = curvature x^2 / 2.
  const theta = new Float64Array(16).fill(1);
  const velocity = new Float64Array(16);
  for (let number = 1; number <= 50; number++) {
    parameters.forEach((x, i) => {
      gradients[i] = curvature[i] * x;
    });
    step({ number, learningRate: rate, gradientScale: 1 });
    theta.forEach((x, i) => {
      velocity[i] = mu * velocity[i] - rate * curvature[i] * (x + mu * velocity[i]);
      theta[i] = x + velocity[i];
    });
  }
  theta.forEach((x, i) => {
    expect(Math.abs(parameters[i] - (x + mu * velocity[i]))).toBeLessThan(1e-6);
  });
});

it.each(['momentum', 'rmsprop', 'adam', { lion: { beta2: 0.9 } }] as const)(
  '%j forgets a gradient that stays zero',
  (name) => {
    const { gradients, slots, step } = trainee(optimizerSchema.parse(name), { w: [16] });
    gradients.fill(1e-3);
    for (let number = 1; number <= 1280; number++) {
      step({ number, learningRate: 0.01, gradientScale: 1 });
      if (number === 1) expect(slots[0][0]).not.toBe(0);
      gradients.fill(0);
    }
    expect([...slots[0]]).toEqual(new Array(16).fill(0));
  },
);

describe('the global norm', () => {
  it('is the same, whoever computes which block', () => {
    const length = 4096 * 5 + 48;
    const { memory, offsets, views } = makeSlabs(1, length);
    views[0].set(randomFloats(5, length));
    const kernels = loadUpdateKernels(memory);
    const blocks = normBlocks(length);
    expect(blocks).toBe(6);
    const sums = [1, 2, 3, 7].map((ranks) => {
      const partial = new Float64Array(blocks);
      for (let rank = ranks - 1; rank >= 0; rank--) {
        const from = Math.floor((rank * blocks) / ranks);
        sumSquares(kernels, offsets[0], length, from, Math.floor(((rank + 1) * blocks) / ranks), partial);
      }
      return Math.sqrt(totalSquares(partial));
    });
    // Exact: these numbers are whole multiples of 2^-60.
    let exact = 0n;
    for (const value of views[0]) exact += BigInt(value * 2 ** 60) ** 2n;
    expect(Math.abs(sums[0] / Math.sqrt(Number(exact) / 2 ** 120) - 1)).toBeLessThan(2e-15);
    expect(new Set(sums).size).toBe(1);
  });
});

describe('optimizerSchema', () => {
  it('takes a bare name for the defaults', () => {
    expect(optimizerSchema.parse('adamw')).toEqual({
      adamw: { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
    });
    for (const name of [
      'sgd',
      'momentum',
      'adagrad',
      'rmsprop',
      'adam',
      'adamw',
      'lion',
      'muon',
      'adafactor',
      'lamb',
    ]) {
      expect(optimizerSchema.parse(name)).toEqual(optimizerSchema.parse({ [name]: {} }));
    }
  });

  it.each([
    'adamax',
    { adam: {}, sgd: {} },
    { adam: { beta1: 1 } },
    { sgd: { learningRate: 0 } },
    { sgd: { momentum: 0.9 } },
    { sgd: { emaMomentum: 1 } },
    { adam: { emaMomentum: true } },
    { sgd: { noDecay: ['bias'] } },
    { lion: { beta1: 1 } },
    { muon: { steps: 0 } },
    { adafactor: { clipThreshold: 0.5 } },
    { adafactor: { beta2Decay: 0.8 } },
    { lamb: { epsilon: 0 } },
    { muon: { scale: 'none' } },
    { muon: { adamw: { weightDecay: 0.1 } } },
    { lion: { weightDecay: -1 } },
    { adamw: { noDecay: 'bias' } },
    { adamw: { noDecay: [''] } },
  ])('refuses %j', (config) => {
    expect(optimizerSchema.safeParse(config).success).toBe(false);
  });

  it('describes itself as JSON Schema', () => {
    const text = JSON.stringify(z.toJSONSchema(optimizerSchema, { io: 'input', target: 'draft-7' }));
    for (const key of ['"nesterov"', '"weightDecay"', '"enum":["sgd","momentum"', '"exclusiveMinimum":0']) {
      expect(text).toContain(key);
    }
  });
});
