/** The tests that say whether a difference is real: their p-values, and what many of them at once are worth. */
import { describe, expect, it } from 'vitest';
import { holm } from '../../src/evaluate/holm.js';
import { exactMcNemar } from '../../src/evaluate/mcnemar.js';

describe("McNemar's exact test", () => {
  // scipy 1.17.1: binomtest(min(a, b), a + b).pvalue; the large counts with 40 digits: mpmath 1.3.0.
  it.each([
    [5, 1, 0.21875],
    [1, 0, 1],
    [0, 6, 0.03125],
    [3, 9, 0.14599609375],
    [10, 25, 0.016673847800120715],
    [24, 25, 1],
    [40, 70, 0.005447429511444476],
    [100, 160, 0.00023894190306813953],
    [1000, 1100, 0.0307207078642423],
    [49_000, 50_000, 0.0014980826229749737],
    [500_000, 502_500, 0.01256439720099],
    [3_000_000, 3_004_000, 0.102670843417622],
    [900, 2100, 3.4651523889127466e-109],
    [0, 400, 7.745183829698637e-121],
  ])('of %i against %i', (first, second, expected) => {
    const value = exactMcNemar(first, second);
    expect(Math.abs(value / expected - 1)).toBeLessThan(1e-11);
    expect(exactMcNemar(second, first)).toBe(value);
  });

  it('says nothing against models that are never unlike', () => {
    // statsmodels 0.15.0: mcnemar([[5, 0], [0, 5]], exact=False, correction=True) gives p = 0.
    expect([exactMcNemar(0, 0), exactMcNemar(4, 4), exactMcNemar(1_000_000, 1_000_000)]).toEqual([1, 1, 1]);
  });

  it('is 0 where the value is below every number', () => {
    expect(exactMcNemar(0, 2000)).toBe(0);
    expect(exactMcNemar(100, 5000)).toBe(0);
  });
});

describe('the correction of Holm', () => {
  // statsmodels 0.15.0: multipletests(values, method='holm')[1].
  it.each([
    [
      [0.01, 0.04, 0.03, 0.005],
      [0.03, 0.06, 0.06, 0.02],
    ],
    [[0.2], [0.2]],
    [
      [0.5, 0.5, 0.5],
      [1, 1, 1],
    ],
    [
      [0.001, 0.001, 0.9, 0.02, 0.019],
      [0.005, 0.005, 0.9, 0.057, 0.057],
    ],
    [[], []],
  ])('of %j', (values, expected) => {
    expect(holm(values)).toEqual(expected.map((value) => expect.closeTo(value, 12)));
  });

  it('does not count what was not tested', () => {
    expect(holm([0.02, Number.NaN, 0.03])).toEqual([0.04, Number.NaN, 0.04]);
  });
});
