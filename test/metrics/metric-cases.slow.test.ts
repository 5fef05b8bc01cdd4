/**
 * Metrics of 200 random cases as scikit-learn 1.9.1 has them, within 1e-9 (scripts/peers/metric_cases.py): ties, classes that are
 * absent or alone, weights, and places that do not count; in one batch, and cut into several.
 */
import { describe, expect, it } from 'vitest';
import type { MetricSpec } from '../../src/evaluate/metric-spec.js';
import type { EvaluatedBatch } from '../../src/metrics/evaluated-rows.js';
import { AskedMetric, type MetricConfig } from '../../src/metrics/families.js';
import { randomNumbers } from '../support/all-reduces.js';
import { type CaseValue, type MetricCase, metricCases } from '../support/metric-cases.js';
import { resultsOf } from '../support/metrics.js';

/** A metric by its label. */
function configOf(label: string): MetricConfig {
  const [, averaged, average] = /^(\w+?|f[\d.]+)(Macro|Micro|Weighted)$/.exec(label) ?? [];
  const [, beta] = /^f([\d.]+)$/.exec(averaged ?? label) ?? [];
  const options = { ...(average && { average: average.toLowerCase() }) };
  if (beta && beta !== '1') return { fBeta: { beta: Number(beta), ...options } } as MetricConfig;
  if (averaged && averaged !== 'aucOneVsOne') return { [averaged]: options } as MetricConfig;
  const [, pairs] = /^aucOneVsOne(\w+)/.exec(label) ?? [];
  if (pairs) return { auc: { of: 'oneVsOne', average: pairs.toLowerCase() } } as MetricConfig;
  const [, kappa] = /^cohenKappa(\w+)/.exec(label) ?? [];
  if (kappa) return { cohenKappa: { weights: kappa.toLowerCase() } } as MetricConfig;
  const [, ranked, k] = /^(ndcg|pinball)@(.+)/.exec(label) ?? [];
  if (ranked) return { [ranked]: ranked === 'ndcg' ? { k: Number(k) } : { quantile: Number(k) } } as MetricConfig;
  const [, bins] = /^calibrationError (\d+)/.exec(label) ?? [];
  return bins ? { calibrationError: { bins: Number(bins) } } : (label as MetricConfig);
}

function specOf({ kind, mode, outputs }: MetricCase, metrics: readonly MetricConfig[]): MetricSpec {
  return {
    metrics,
    outputs: outputs[0].length,
    places: 1,
    classes: kind.endsWith('classes'),
    threshold: 0,
    binary: kind === 'labels' || kind === 'two classes',
    weighted: mode === 'weighted',
    kind: 'logits',
  };
}

function batchOf({ mode, outputs, targets, weights }: MetricCase, examples: readonly number[]): EvaluatedBatch {
  const values = examples.flatMap((i) => targets[i]);
  const own = Float32Array.from(examples, (i) => weights[i]);
  return {
    outputs: Float32Array.from(examples.flatMap((i) => outputs[i])),
    targets: Array.isArray(targets[0]) ? Float32Array.from(values) : Int32Array.from(values),
    losses: new Float32Array(examples.length),
    divisor: examples.length,
    metrics: [],
    ...(mode === 'masked' && { valid: own }),
    ...(mode === 'weighted' && { weights: own }),
  };
}

function resultOf(example: MetricCase, label: string, parts: readonly (readonly number[])[]): CaseValue {
  const config = configOf(label);
  const spec = specOf(example, [config]);
  const batches = parts.map((part) => batchOf(example, part));
  const { scalars, figures } = resultsOf(spec, batches);
  const name = new AskedMetric(config).label;
  const figure = figures[name];
  if (figure) return figure.kind === 'table' ? figure.values : null;
  return Number.isNaN(scalars[name]) ? null : scalars[name];
}

function expectNear(actual: CaseValue, expected: CaseValue, what: string): void {
  const [a, b] = [actual, expected].map((value) => (Array.isArray(value) ? value.flat() : [value]));
  expect(a.length, what).toBe(b.length);
  a.forEach((value, i) => {
    if (typeof value !== 'number' || typeof b[i] !== 'number') expect(value, what).toBe(b[i]);
    else
      expect(Math.abs(value - b[i]) / Math.max(1, Math.abs(b[i])), `${what}: ${value} for ${b[i]}`).toBeLessThan(1e-9);
  });
}

describe.each(['classes', 'two classes', 'labels', 'numbers'] as const)('metrics of %s', (kind) => {
  const some = metricCases.filter((example) => example.kind === kind);
  const labels = [...new Set(some.flatMap(({ expected }) => Object.keys(expected)))];

  it.each(labels)('%s', (label) => {
    const random = randomNumbers(11);
    let compared = 0;
    for (const [i, example] of some.entries()) {
      // scikit-learn has no weights for pairs of classes.
      if (!(label in example.expected)) continue;
      compared++;
      const all = example.outputs.map((_, row) => row);
      const cuts = [...new Set([0, random(all.length), random(all.length), all.length])].sort((a, b) => a - b);
      const parts = cuts.slice(1).map((end, part) => all.slice(cuts[part], end));
      for (const batches of [[all], parts]) {
        const actual = resultOf(example, label, batches);
        expectNear(actual, example.expected[label], `case ${i} (${example.mode}), ${label}, ${batches.length} batches`);
      }
    }
    expect(compared).toBeGreaterThan(label.startsWith('aucOneVsOne') ? 10 : 24);
  });
});
