/**
 * Rankings of labels, of which several are wanted, and among sampled candidates: the values of scikit-learn 1.9.1, torchmetrics 1.9.0
 * and recommenders 1.2.1, over all orders of equal items and all samples (scripts/peers/rankings.py).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keptArrays } from '../../src/evaluate/kept-arrays.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { resampled } from '../../src/evaluate/uncertainty.js';
import type { MetricConfig } from '../../src/metrics/families.js';
import { AskedMetric } from '../../src/metrics/families.js';
import { metricListSchema } from '../../src/metrics/schema.js';
import { packageRoot } from '../support/package.js';

interface Ranked {
  readonly k: number;
  readonly outputs: readonly (readonly number[])[];
  readonly expected: Readonly<Record<'ndcg' | 'hitRate' | 'mrr' | 'map', number>>;
}
const { labels, sampled } = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/rankings.json'), 'utf8')) as {
  readonly labels: readonly (Ranked & {
    readonly targets: readonly (readonly number[])[];
    readonly weights: number[];
  })[];
  readonly sampled: readonly (Ranked & { readonly candidates: number; readonly classes: readonly number[] })[];
};

const asked = (k: number, options: object = {}): MetricConfig[] => [
  { ndcg: { k, ...options } },
  { hitRate: { k, ...options } },
  { map: { k, ...options } },
  { mrr: options },
];
const valuesOf = (
  metrics: readonly MetricConfig[],
  arrays: { outputs: Float64Array; targets: Float64Array; width: number; weights?: Float64Array },
) => {
  const kept = keptArrays({ of: 'logits', ...arrays }, metrics);
  return { kept, scalars: new RunMetrics(kept.heads).ofKept(kept.outputs).scalars };
};
const byName = (metrics: readonly MetricConfig[], scalars: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    metrics.map((config) => {
      const { label, family } = new AskedMetric(config);
      return [family.name, scalars[label]];
    }),
  );
const near = (expected: Ranked['expected']) =>
  Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, expect.closeTo(value, 9)]));
const flat = (rows: readonly (readonly number[])[]) => Float64Array.from(rows.flat());

it('of labels, equal ones sharing their places, and nothing for those that want nothing', () => {
  for (const [i, { k, outputs, targets, weights, expected }] of labels.entries()) {
    const metrics = asked(k);
    const { scalars } = valuesOf(metrics, {
      outputs: flat(outputs),
      targets: flat(targets),
      width: outputs[0].length,
      weights: Float64Array.from(weights),
    });
    expect([i, byName(metrics, scalars)]).toEqual([i, near(expected)]);
  }
  expect(labels.length).toBeGreaterThan(50);
});

it('among sampled candidates the mean over every sample, and named so', () => {
  for (const [i, { k, candidates, outputs, classes, expected }] of sampled.entries()) {
    const metrics = asked(k, { candidates });
    const { scalars } = valuesOf(metrics, {
      outputs: flat(outputs),
      targets: Float64Array.from(classes),
      width: outputs[0].length,
    });
    expect([i, byName(metrics, scalars)]).toEqual([i, near(expected)]);
    expect(Object.keys(scalars).slice(-4)).toEqual([
      ...['ndcg', 'hitRate', 'map'].map((name) => `${name}@${k} of ${candidates} sampled`),
      `mrr of ${candidates} sampled`,
    ]);
  }
});

it('of a large catalogue are the mean of many draws, for any number of candidates', () => {
  // Place 400 of 5,001, against 4,000 others: the mean of 1 over the place, in closed form.
  const [others, above] = [5000, 399];
  const outputs = Float64Array.from({ length: others + 1 }, (_, i) => -i);
  for (const candidates of [1, 100, 4000, 4999]) {
    const { scalars } = valuesOf([{ mrr: { candidates } }], {
      outputs,
      targets: Float64Array.of(above),
      width: others + 1,
    });
    // E[1/(1+X)] = (M+1)/((N+1)(a+1)) (1 - C(M-a, N+1)/C(M+1, N+1)) of a hypergeometric X.
    let none = 1;
    for (let i = 0; i <= candidates; i++) none *= Math.max(0, others - above - i) / (others + 1 - i);
    const expected = ((others + 1) / ((candidates + 1) * (above + 1))) * (1 - none);
    expect(Object.values(scalars).at(-1)).toBeCloseTo(expected, 12);
  }
});

it('are as sure as a bootstrap says where an example counts in part, and as Wilson says of hits', async () => {
  const outputs = flat([
    [3, 2, 1],
    [1, 2, 3],
    [2, 1, 3],
    [1, 3, 2],
  ]);
  const metrics: MetricConfig[] = [{ hitRate: { k: 1 } }, { hitRate: { k: 1, candidates: 1 } }];
  const { kept, scalars } = valuesOf(metrics, { outputs, targets: Float64Array.of(0, 1, 1, 1), width: 3 });
  const { intervals } = await resampled(kept, scalars, { resamples: 50, confidence: 0.95, seed: 1, threads: 1 });
  expect(Object.values(intervals).map(({ method }) => method)).toEqual(['wilson', 'bootstrap']);
});

it('are refused with a remedy that is taken', () => {
  const ofClasses = { outputs: new Float64Array(8), targets: Float64Array.of(0, 1), width: 4 };
  const ofLabels = { ...ofClasses, targets: new Float64Array(8) };
  for (const [candidates, arrays, problem] of [
    [3, ofClasses, 'mrr of 3 sampled draws 3 others, and there are 3'],
    [400, ofClasses, 'mrr of 400 sampled draws 400 others, and there are 3'],
    [2, ofLabels, 'mrr of 2 sampled ranks one wanted item among others that are drawn, and these are labels'],
  ] as const) {
    expect(() => valuesOf([{ mrr: { candidates } }], arrays)).toThrow(`metrics: ${problem}: leave candidates out`);
  }
  expect(valuesOf([{ mrr: { candidates: 2 } }], ofClasses).scalars['mrr of 2 sampled']).toBeCloseTo(
    (1 + 1 / 2 + 1 / 3) / 3,
    12,
  );
  expect(valuesOf(['mrr'], ofLabels).scalars.mrr).toBe(0);
  for (const wrong of [
    { mrr: { candidates: 0 } },
    { mrr: { candidates: 1.5 } },
    { map: {} },
    'map',
    { ndcg: { k: 0 } },
  ]) {
    expect(metricListSchema.safeParse([wrong]).success).toBe(false);
  }
});

it('of no more places than there are say that a hit is certain', () => {
  const warningOf = (options: object) =>
    new AskedMetric({ hitRate: { k: 3, ...options } }).warning({
      ...{ outputs: 4, places: 1, classes: true, threshold: 0, binary: false, weighted: false },
    });
  expect([warningOf({}), warningOf({ k: 4 }), warningOf({ candidates: 2 })]).toEqual([
    undefined,
    'hitRate is always 1: k is 4, and 4 are ranked',
    'hitRate is always 1: k is 3, and 3 are ranked',
  ]);
});
