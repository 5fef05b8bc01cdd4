/** One step decided from what its shards came to: mean loss, norm, clipping, rate and scales. */
import { describe, expect, it } from 'vitest';
import { optimizerSchema } from '../../src/config/optimizer.js';
import { scheduleSchema } from '../../src/config/schedule.js';
import { planGeometry } from '../../src/data/geometry.js';
import { decideStep, learningRateOf, type StepRule } from '../../src/optimizer/decide.js';

/** Steps of 4, 4 and 2 examples, in two epochs. */
const rule: StepRule = {
  geometry: planGeometry({ epochs: 2, batchSize: 4, shards: 2, accumulate: 1 }, { training: new Int32Array(10) }),
  optimizer: optimizerSchema.parse({ sgd: { learningRate: 0.5 } }),
  schedule: scheduleSchema.parse({ linear: { end: 0, warmupSteps: 2 } }),
};
const sums = (losses: number[], divisors: number[], squares: number) => ({
  losses: Float64Array.from(losses),
  divisors: Float64Array.from(divisors),
  squares,
});

describe('a step', () => {
  it('has the mean loss and norm of what its shards counted, and state of the mean over its examples', () => {
    // 12 places count of 4 examples: (5 + 7) / 12, and sqrt(576) / 12.
    const { loss, norm, update } = decideStep(rule, 0, 1, sums([5, 7], [9, 3], 576));
    expect([loss, norm]).toEqual([1, 2]);
    // The first of two warm-up steps has half the rate.
    expect(update).toEqual({ round: 0, learningRate: 0.25, gradientScale: 1 / 12, stateScale: 1 / 4 });
  });

  it('counts the examples of the last batch of an epoch, and steps from the start of the run', () => {
    // Step 5 of 6: of the 4 after the warm-up, 3 have passed, so a quarter of the rate is left; a drop halves it.
    const { update } = decideStep(rule, 5, 0.5, sums([1], [2], 1));
    expect(update).toEqual({ round: 5, learningRate: 0.5 * 0.125, gradientScale: 1 / 2, stateScale: 1 / 2 });
    expect(learningRateOf(rule, 5, 0.5)).toBe(update!.learningRate);
  });

  it('changes nothing where nothing counts', () => {
    const { loss, norm, update } = decideStep(rule, 0, 1, sums([0, 0], [0, 0], 0));
    expect([loss, norm, update?.gradientScale]).toEqual([0, 0, 1]);
  });

  it.each([
    ['loss', sums([1, Number.NaN], [2, 2], 1)],
    ['loss', sums([Number.POSITIVE_INFINITY, 1], [2, 2], 1)],
    ['gradient', sums([1, 1], [2, 2], Number.NaN)],
    ['gradient', sums([1, 1], [2, 2], Number.POSITIVE_INFINITY)],
    ['divisor', sums([1, 1], [2, Number.NaN], 1)],
  ])('is not taken where its %s is not finite', (_, given) => {
    expect(decideStep(rule, 0, 1, given)).not.toHaveProperty('update');
  });
});

/**
 * Gradients clipped by Keras 3.15.1 (clip_by_global_norm) and PyTorch 2.15.0 (clip_grad_norm_), which adds 1e-6 to the norm:
 * 0.5999999 for 0.6.
 */
const clipped = [
  { gradient: [3, 4], clipNorm: 1, keras: [0.6, 0.8], torch: [0.5999999046325684, 0.7999998331069946] },
  { gradient: [3, 4], clipNorm: 5, keras: [3, 4], torch: [2.9999992847442627, 3.9999990463256836] },
  { gradient: [3, 4], clipNorm: 7, keras: [3, 4], torch: [3, 4] },
  { gradient: [0, 0], clipNorm: 1, keras: [0, 0], torch: [0, 0] },
  { gradient: [30, 40], clipNorm: 12.5, keras: [7.5, 10], torch: [7.5, 10] },
];

it.each(clipped)('clips $gradient to $clipNorm as Keras and PyTorch do', ({ gradient, clipNorm, keras, torch }) => {
  // The sums of a batch of 4 are 4 times the mean gradient.
  const squares = gradient.reduce((sum, g) => sum + (4 * g) ** 2, 0);
  const { norm, update } = decideStep({ ...rule, clipNorm }, 0, 1, sums([1, 1], [2, 2], squares));
  expect(norm).toBe(Math.hypot(...gradient));
  const scaled = gradient.map((g) => 4 * g * update!.gradientScale);
  scaled.forEach((value, i) => {
    expect(value).toBeCloseTo(keras[i], 14);
    expect(Math.abs(value - torch[i])).toBeLessThan(1e-6);
  });
});
