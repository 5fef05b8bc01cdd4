/** Differences of two models on the same examples, and the lines of a gate: their numbers. */
import { describe, expect, it } from 'vitest';
import { type Difference, differencesOf, type ResampledModel, verdictsOf } from '../../src/evaluate/differences.js';
import { baselineLine, limitLines } from '../../src/evaluate/gate-lines.js';
import { type KeptExamples, keptExamples } from '../../src/evaluate/kept-examples.js';
import { replicates } from '../../src/evaluate/replicates.js';
import { type HeadMetrics, RunMetrics } from '../../src/evaluate/run-metrics.js';

const head: HeadMetrics = {
  ...{ target: 'target', factor: 1, metrics: ['accuracy', 'brier'], outputs: 2, places: 1, classes: true },
  ...{ threshold: 0, binary: false, weighted: false, kind: 'softmax', keepsAll: true },
};
const sizes = { both: 200, baseline: 15, other: 40, none: 45 };
const examples = 300;

/** A model that is right where it is said, by more or by less. */
function modelOf(isRight: (example: number) => boolean, own = head): KeptExamples {
  const outputs = Float32Array.from({ length: 2 * examples }, (_, i) => {
    const surety = (i >> 1) % 3 === 0 ? 0.9 : 0.7;
    return i % 2 === Number(isRight(i >> 1)) ? surety : 1 - surety;
  });
  const metrics = new RunMetrics([own]);
  const numbers = new Float32Array(examples * metrics.kept);
  const losses = Float32Array.from({ length: examples }, (_, i) => 1 - outputs[2 * i + 1]);
  const batch = { outputs, targets: new Float32Array(examples).fill(1), losses, divisor: examples, metrics: [] };
  metrics.add([batch], new Float64Array(metrics.width), new Float64Array(metrics.counts), numbers);
  return keptExamples([own], numbers);
}

async function resampled(kept: KeptExamples): Promise<ResampledModel> {
  const drawn = await replicates(kept, { resamples: 4000, seed: 7, threads: 1 });
  return { kept, values: new RunMetrics(kept.heads).ofKept(kept.outputs).scalars, drawn };
}

const before = await resampled(modelOf((i) => i < sizes.both + sizes.baseline));
const after = await resampled(modelOf((i) => i < sizes.both || (i >= 215 && i < 215 + sizes.other)));
const near = await resampled(modelOf((i) => i < sizes.both || (i >= 215 && i < 237)));
const compared = (one: ResampledModel, other: ResampledModel, options: object = {}) =>
  differencesOf(one, other, () => true, { confidence: 0.95, ...options });
const named = (differences: readonly Difference[], name: string) => differences.find(({ metric }) => metric === name)!;

describe('a difference', () => {
  it('of shares of examples has the p-value of their pairs, and their standard error', () => {
    const accuracy = named(compared(before, after), 'accuracy');
    expect(accuracy).toMatchObject({ better: 'higher', test: 'mcnemar', onlyBaseline: 15, onlyOther: 40 });
    expect(accuracy.difference).toBeCloseTo(25 / 300, 12);
    // scipy 1.17.1: binomtest(15, 55).pvalue.
    expect(accuracy.p).toBeCloseTo(0.0010158471941252836, 12);
    // Agresti, Categorical Data Analysis, of paired proportions: sqrt((b + c) - (b - c)^2 / n) / n.
    expect(accuracy.standardError! / (Math.sqrt(55 - 25 ** 2 / 300) / 300)).toBeCloseTo(1, 1);
    expect(accuracy.interval!.low).toBeGreaterThan(0);
    // Of draws of their own the error would be nearly twice that.
    expect(accuracy.standardError).toBeLessThan(0.026);
  });

  it('of other numbers has the share of resamples beyond 0', () => {
    const brier = named(compared(before, near), 'brier');
    const columns = [before, near].map(({ drawn }) => drawn.filter((_, i) => i % 3 === 2));
    const beyond = columns[0].filter((value, i) => columns[1][i] >= value).length;
    expect(beyond).toBeGreaterThan(0);
    expect(brier).toMatchObject({ better: 'lower', test: 'bootstrap', p: (2 * (beyond + 1)) / 4001 });
    expect(brier.difference).toBeLessThan(0);
  });

  it('in groups is not counted by examples', () => {
    expect(named(compared(before, after, { groups: new Int32Array(300) }), 'accuracy').test).toBe('bootstrap');
  });

  it('of a model from itself is exactly none', () => {
    const [verdicts] = verdictsOf([compared(before, before)], 0.95);
    for (const each of verdicts) {
      expect(each).toMatchObject({ difference: 0, p: 1, corrected: 1, verdict: 'no difference shown', detectable: 0 });
      expect(each.interval).toEqual({ low: 0, high: 0 });
    }
    expect(verdicts).toHaveLength(3);
  });

  it('is better or worse by the direction of its metric', () => {
    const [ahead, behind] = verdictsOf([compared(before, after), compared(after, before)], 0.95);
    expect(ahead.map(({ verdict }) => verdict)).toEqual(['better', 'better', 'better']);
    expect(behind.map(({ verdict }) => verdict)).toEqual(['worse', 'worse', 'worse']);
    const { corrected, p, detectable, standardError } = named(ahead, 'accuracy') as (typeof ahead)[number];
    expect(corrected).toBeGreaterThan(p);
    // scipy 1.17.1: norm.ppf(0.975) + norm.ppf(0.8).
    expect(detectable! / standardError!).toBeCloseTo(2.8015852181, 9);
  });

  it('that only one of many tests shows is not shown', () => {
    const differences = compared(before, after).map((each) => ({ ...each, p: 0.03 }));
    expect(verdictsOf([differences.slice(0, 1)], 0.95)[0][0].verdict).toBe('better');
    expect(verdictsOf([differences], 0.95)[0].map(({ verdict }) => verdict)).toEqual(
      Array(3).fill('no difference shown'),
    );
    expect(verdictsOf([differences.slice(0, 1)], 0.99)[0][0].verdict).toBe('no difference shown');
  });

  it('from what is no number is none, and counts as no test', () => {
    const broken = { ...after, values: { ...after.values, loss: Number.NaN } };
    const [verdicts] = verdictsOf([compared(before, broken)], 0.95);
    expect(verdicts[0]).toMatchObject({ metric: 'loss', p: Number.NaN, verdict: 'no number' });
    const tested = verdicts.slice(1).map(({ p }) => p);
    expect(Math.min(...verdicts.slice(1).map(({ corrected }) => corrected))).toBe(2 * Math.min(...tested));
  });
});

describe('a line of a gate', () => {
  const measured = { value: 0.9, interval: { low: 0.85, high: 0.94 } };
  const passed = (limit: object, what: object = measured) =>
    limitLines('m', limit as Parameters<typeof limitLines>[1], what as typeof measured).map((line) => line.passed);

  it.each([
    [{ min: 0.9 }, [true]],
    [{ min: 0.91 }, [false]],
    [{ max: 0.9 }, [true]],
    [{ max: 0.89 }, [false]],
    [{ min: 0.8, max: 0.85 }, [true, false]],
    [{ min: 0.86, bound: 'low' }, [false]],
    [{ min: 0.85, bound: 'low' }, [true]],
    [{ max: 0.92, bound: 'high' }, [false]],
    [{ max: 0.92, min: 0.86, bound: 'high' }, [true, false]],
  ])('%j', (limit, expected) => {
    expect(passed(limit)).toEqual(expected);
  });

  it('is kept by no value that is not a number, and by no interval that is not there', () => {
    for (const limit of [{ min: 0 }, { max: 1 }, { min: 0, bound: 'low' }]) {
      expect(passed(limit, { value: Number.NaN })).toEqual([false]);
    }
    expect(passed({ min: 0.5, bound: 'low' }, { value: 0.9 })).toEqual([false]);
  });

  it('about another run is kept by what is not worse, or not by more', () => {
    const [[loss], [worse]] = verdictsOf([compared(before, after), compared(after, before)], 0.95);
    const lines = [{ worse: 'significantly' as const }, { worse: 0.01 }, { worse: 0.5 }];
    expect(lines.map((line) => baselineLine(line, loss).passed)).toEqual([true, true, true]);
    expect(lines.map((line) => baselineLine(line, worse).passed)).toEqual([false, false, true]);
    const broken = { ...worse, difference: Number.NaN, p: Number.NaN, verdict: 'no number' as const };
    expect(lines.map((line) => baselineLine(line, broken).passed)).toEqual([false, false, false]);
  });
});
