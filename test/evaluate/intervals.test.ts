/** Confidence intervals: their numbers, and the same ones for any number of threads. */
import { describe, expect, it } from 'vitest';
import { multiplicities } from '../../src/evaluate/bootstrap.js';
import {
  detectable,
  distanceInterval,
  percentileInterval,
  quantile,
  wilsonInterval,
} from '../../src/evaluate/intervals.js';
import { keptExamples, subset } from '../../src/evaluate/kept-examples.js';
import { normalQuantile } from '../../src/evaluate/normal.js';
import { OutputMetrics } from '../../src/evaluate/output-metrics.js';
import { replicates } from '../../src/evaluate/replicates.js';
import { type HeadMetrics, RunMetrics } from '../../src/evaluate/run-metrics.js';
import { resampled } from '../../src/evaluate/uncertainty.js';
import type { EvaluatedBatch } from '../../src/metrics/evaluated-rows.js';
import { AskedMetric, type MetricConfig } from '../../src/metrics/families.js';
import { lcg } from '../support/engines.js';

const random = lcg(11);
const noise = () => random() - 0.5;

/** Everything that is a number, of each kind of targets. */
const asked: Record<'classes' | 'two' | 'numbers', MetricConfig[]> = {
  classes: [
    ...(['accuracy', 'balancedAccuracy', 'mcc', 'cohenKappa', 'logLoss', 'brier', 'calibrationError', 'mrr'] as const),
    { topKAccuracy: { k: 2 } },
    { f1: { average: 'macro' } },
    { auc: { average: 'macro' } },
    { auc: { of: 'oneVsOne', average: 'weighted' } },
    { averagePrecision: { average: 'weighted' } },
    'confusionMatrix',
  ] as MetricConfig[],
  two: ['accuracy', 'precision', 'f1', 'auc', 'averagePrecision', 'logLoss', 'rocCurve'] as MetricConfig[],
  numbers: ['mae', 'rmse', 'r2', 'explainedVariance', 'medianAbsoluteError', 'maxError', 'smape'] as MetricConfig[],
};

function headOf(kind: keyof typeof asked): HeadMetrics {
  const outputs = { classes: 4, two: 1, numbers: 2 }[kind];
  return {
    ...{ target: 'target', factor: 1, metrics: asked[kind], outputs, places: 1, classes: kind === 'classes' },
    ...{ threshold: 0, binary: kind === 'two', weighted: false, kind: 'logits', keepsAll: true },
  };
}

/** Outputs that know something of the targets. */
function batchOf({ outputs, classes, binary }: HeadMetrics, examples: number): EvaluatedBatch {
  const targets = Array.from({ length: classes || binary ? examples : examples * outputs }, (_, i) =>
    classes ? Math.floor(random() * outputs) : binary ? Number(random() < 0.4) : noise() + (i % 2),
  );
  const scores = Float32Array.from({ length: examples * outputs }, (_, i) => {
    if (classes) return Number(targets[Math.floor(i / outputs)] === i % outputs) + 2 * noise();
    // Rounded, so that there are ties.
    return Math.round(8 * (targets[i] + 2 * noise())) / 8;
  });
  const losses = Float32Array.from({ length: examples }, () => random());
  return { outputs: scores, targets, losses, divisor: examples, metrics: [] };
}

function kept(head: HeadMetrics, batch: EvaluatedBatch) {
  const metrics = new RunMetrics([head]);
  const numbers = new Float32Array(batch.losses.length * metrics.kept);
  metrics.add([batch], new Float64Array(metrics.width), new Float64Array(metrics.counts), numbers);
  return keptExamples([head], numbers);
}

describe.each(Object.keys(asked) as (keyof typeof asked)[])('resamples of %s', (kind) => {
  const head = headOf(kind);
  const all = kept(head, batchOf(head, 60));
  const metrics = new RunMetrics([head]);
  const { numbers } = metrics;

  it('count each example as often as it was drawn', () => {
    const estimate = metrics.estimator(all.outputs);
    for (let replicate = 0; replicate < 20; replicate++) {
      const times = multiplicities({ seed: 5, examples: 60 }, replicate);
      const drawn = [...times.keys()].flatMap((example) => Array<number>(times[example]).fill(example));
      expect(drawn).toHaveLength(60);
      const { scalars } = metrics.ofKept(subset(all, drawn).outputs);
      const estimates = estimate(times);
      for (const [i, { name }] of numbers.entries()) expect(estimates[i], name).toBeCloseTo(scalars[name], 10);
    }
  });

  it('are those of the split itself where each example counts once', () => {
    const { scalars } = metrics.ofKept(all.outputs);
    const estimates = metrics.estimator(all.outputs)(new Float64Array(60).fill(1));
    for (const [i, { name }] of numbers.entries()) expect(estimates[i], name).toBeCloseTo(scalars[name], 12);
  });
});

describe('replicates', () => {
  // Enough for threads to start, of metrics that take little time.
  const head: HeadMetrics = { ...headOf('classes'), metrics: ['accuracy', 'mcc', 'logLoss'] };
  const many = kept(head, batchOf(head, 1500));
  const drawn = (threads: number, signal?: AbortSignal) =>
    replicates(many, { resamples: 700, seed: 3, threads, signal });

  it('are the same bits for any number of threads', async () => {
    const alone = await drawn(1);
    expect(Buffer.from((await drawn(2)).buffer).equals(Buffer.from(alone.buffer))).toBe(true);
    expect(alone.every((value) => value !== 0)).toBe(true);
  });

  it('end when they are to', async () => {
    const signal = AbortSignal.timeout(30);
    await expect(drawn(2, signal)).rejects.toThrow('timeout');
    const before = AbortSignal.abort(new Error('before'));
    await expect(drawn(2, before)).rejects.toThrow('before');
  });

  it('draw groups whole', () => {
    const groups = Int32Array.from({ length: 30 }, (_, i) => i % 7);
    const times = multiplicities({ seed: 1, examples: 30, groups }, 4);
    expect(times.every((value, i) => value === times[groups[i]])).toBe(true);
    expect(times.subarray(0, 7).reduce((sum, value) => sum + value, 0)).toBe(7);
  });
});

describe('intervals', () => {
  it('of proportions are those of scipy 1.17.1 (binomtest, method wilson)', () => {
    const expected = [
      [93, 100, 0.95, 0.8625048526092649, 0.9656807389327273],
      [0, 20, 0.95, 0, 0.16112515805281935],
      [20, 20, 0.9, 0.8808421626390355, 1],
      [1, 3, 0.99, 0.04042662929608476, 0.855783984952333],
    ];
    for (const [right, trials, confidence, low, high] of expected) {
      const found = wilsonInterval(right / trials, trials, confidence);
      expect(found.low).toBeCloseTo(low, 12);
      expect(found.high).toBeCloseTo(high, 12);
    }
  });

  it('of a bootstrap are its percentiles, by line', () => {
    expect(quantile(Float64Array.of(1, 2, 4, 8, 16), 0.3)).toBeCloseTo(2.4, 14);
    const values = Float64Array.from({ length: 101 }, (_, i) => 100 - i);
    const found = percentileInterval(values, 0.9)!;
    expect(found.low).toBeCloseTo(5, 12);
    expect(found.high).toBeCloseTo(95, 12);
    expect(found.standardError).toBeCloseTo(Math.sqrt((101 * 102) / 12), 10);
  });

  it('are none where too many resamples have no such number', () => {
    const values = Float64Array.from({ length: 100 }, (_, i) => (i < 5 ? Number.NaN : i));
    expect(percentileInterval(values, 0.95)).toBeDefined();
    values[50] = Number.NaN;
    expect(percentileInterval(values, 0.95)).toBeUndefined();
  });

  it('go by the normal distribution, as scipy 1.17.1 has it (norm.ppf)', () => {
    const expected = [
      [0.5, 0],
      [0.6, 0.2533471031357997],
      [0.8, 0.8416212335729143],
      [0.975, 1.959963984540054],
      [0.9999, 3.719016485455709],
      [1e-3, -3.090232306167813],
      [1e-9, -5.9978070150076865],
      [1e-14, -7.6506280929352695],
    ];
    for (const [share, value] of expected) expect(normalQuantile(share)).toBeCloseTo(value, 13);
  });

  it('say how large a difference shows: 2.8 standard errors of a difference', () => {
    expect(detectable(0.01)).toBeCloseTo((1.959963984540054 + 0.8416212335729143) * Math.SQRT2 * 0.01, 12);
  });

  const options = { confidence: 0.95, resamples: 100, seed: 1, threads: 1 };

  it('of shares of examples are Wilson, all others of the bootstrap', async () => {
    const head = headOf('classes');
    const all = kept(head, batchOf(head, 80));
    const { scalars } = new RunMetrics([head]).ofKept(all.outputs);
    const { intervals, notes } = await resampled(all, scalars, options);
    expect(notes).toEqual({});
    expect(Object.keys(intervals)).toEqual(Object.keys(scalars));
    const wilson = Object.keys(intervals).filter((name) => intervals[name].method === 'wilson');
    expect(wilson).toEqual(['accuracy', 'topKAccuracy']);
    for (const [name, { low, high }] of Object.entries(intervals)) {
      expect(low, name).toBeLessThanOrEqual(scalars[name]);
      expect(high, name).toBeGreaterThan(low);
    }
    const clustered = await resampled(all, scalars, {
      ...options,
      groups: Int32Array.from({ length: 80 }, (_, i) => i >> 2),
    });
    expect(clustered.intervals.accuracy.method).toBe('bootstrap');
  });

  it('and numbers that are none say why', async () => {
    const head = headOf('two');
    const batch = batchOf(head, 12);
    const one = kept(head, { ...batch, targets: Array(12).fill(1) });
    const { scalars } = new RunMetrics([head]).ofKept(one.outputs);
    expect(scalars.auc).toBeNaN();
    expect((await resampled(one, scalars, options)).notes).toEqual({ auc: 'it needs examples of every class' });
    const broken = kept(head, { ...batch, outputs: batch.outputs.map((value, i) => (i === 3 ? Number.NaN : value)) });
    const numbers = new RunMetrics([head]).ofKept(broken.outputs).scalars;
    const { notes } = await resampled(broken, numbers, options);
    expect(notes.auc).toBe('the model gives outputs that are not finite');
  });
});

describe('the interval of a distance', () => {
  const head: HeadMetrics = { ...headOf('two'), metrics: ['calibrationError'] };
  /** Truths as likely as probabilities say, of which the model says `scale` times the logit. */
  function batch(scale: number): EvaluatedBatch {
    const logits = Array.from({ length: 400 }, () => 6 * noise());
    const targets = logits.map((logit) => Number(random() < 1 / (1 + Math.exp(-logit))));
    const outputs = Float32Array.from(logits, (logit) => scale * logit);
    return { outputs, targets, losses: new Float32Array(400), divisor: 400, metrics: [] };
  }
  const resampledOf = async (scale: number) => {
    const examples = kept(head, batch(scale));
    const { scalars } = new RunMetrics([head]).ofKept(examples.outputs);
    const options = { confidence: 0.95, resamples: 300, seed: 1, threads: 1 };
    const { intervals } = await resampled(examples, scalars, options);
    return { value: scalars.calibrationError, ...intervals.calibrationError };
  };

  it('begins at 0 where a calibrated model shows as much, and above it where none does', async () => {
    const calibrated = await resampledOf(1);
    expect(calibrated.low).toBe(0);
    expect(calibrated.high).toBeGreaterThan(0);
    const sure = await resampledOf(4);
    // Percentiles would lie above the value for the most part.
    expect(sure.low).toBeGreaterThan(0.03);
    expect(sure.high).toBeGreaterThan(sure.value);
    expect((sure.low + sure.high) / 2).toBeLessThan(sure.value + 0.01);
  });

  it('knows what chance makes of a distance of 0', () => {
    const family = new AskedMetric('calibrationError');
    const { outputs } = kept(head, batch(1));
    const rows = new OutputMetrics(head).keeper.rows(outputs[0]);
    const metric = family.byChance(head, normalQuantile(0.975))!;
    const sums = new Float64Array(metric.width);
    metric.add(rows, sums, new Float64Array(0));
    const said = metric.result({ sums, weight: 400 }, new Float64Array(0)) as number;
    const simulated = Float64Array.from({ length: 400 }, () => {
      const logits = outputs[0].outputs;
      const targets = Array.from(logits, (logit) => Number(random() < 1 / (1 + Math.exp(-logit))));
      const again = kept(head, { ...batch(1), outputs: Float32Array.from(logits), targets });
      return new RunMetrics([head]).ofKept(again.outputs).scalars.calibrationError;
    }).sort();
    expect(said / quantile(simulated, 0.975)).toBeGreaterThan(0.92);
    expect(said / quantile(simulated, 0.975)).toBeLessThan(1.08);
  });

  it('is that of the basic bootstrap below, and less the bias of draws above', () => {
    const draws = Float64Array.from({ length: 101 }, (_, i) => 0.2 + i / 1000);
    // Draws are larger by 0.05 in the mean, their percentiles 0.2025 and 0.2975.
    const found = distanceInterval(0.2, draws, 0.1, 0.95)!;
    expect([found.low, found.high]).toEqual([expect.closeTo(0.4 - 0.2975, 12), expect.closeTo(0.2975 - 0.05, 12)]);
    expect(distanceInterval(0.2, draws, 0.2, 0.95)!.low).toBe(0);
    expect(distanceInterval(0.2, draws.fill(Number.NaN), 0.2, 0.95)).toBeUndefined();
  });
});
