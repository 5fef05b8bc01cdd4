/** Temperatures, isotonic curves and thresholds: those of scipy and scikit-learn (scripts/peers/decisions.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ThresholdRule } from '../../src/config/evaluation.js';
import { bestThreshold, valueAs } from '../../src/evaluate/best-threshold.js';
import { fitIsotonic } from '../../src/evaluate/isotonic.js';
import { fitTemperature } from '../../src/evaluate/temperature.js';
import { decidedClasses, probabilitiesOf } from '../../src/metrics/class-probabilities.js';
import { decisionRows } from '../../src/report/decision-text.js';
import { packageRoot } from '../support/package.js';

interface Case {
  readonly truths: number[];
  readonly weights: number[] | null;
}
interface Cases {
  readonly temperatures: (Case & { classes: number; logits: number[]; temperature: number; probabilities: number[] })[];
  readonly isotonics: (Case & { scores: number[]; asked: number[]; expected: number[] })[];
  readonly thresholds: (Case & { scores: number[]; expected: Record<string, number> })[];
}

const cases = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/decision-cases.json'), 'utf8')) as Cases;
const weightsOf = ({ weights }: Case) => weights ?? undefined;
const close = (values: ArrayLike<number>, expected: readonly number[], far: number) => {
  expect(values).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs(values[i] - value)).toBeLessThan(far);
};

describe('a temperature', () => {
  it.each(cases.temperatures.map((each, i) => [i, each] as const))(
    'is of least likelihood lost: case %i',
    (_, each) => {
      const { classes, logits, truths, temperature } = each;
      const found = fitTemperature({ logits: Float64Array.from(logits), classes, truths, weights: weightsOf(each) });
      expect(found).toBeTypeOf('number');
      expect(Math.abs((found as number) / temperature - 1)).toBeLessThan(1e-6);
      const decision = { calibration: { method: 'temperature' as const, temperature: found as number } };
      const outputs = Float32Array.from(logits.slice(0, 5 * classes));
      close(
        probabilitiesOf({ outputs: classes, binary: false, kind: 'logits', decision }, outputs),
        each.probabilities,
        1e-6,
      );
    },
  );

  it('is none where all are right, or where outputs say nothing', () => {
    const logits = Float64Array.of(2, 1, 1, 3);
    expect(fitTemperature({ logits, classes: 2, truths: [0, 1] })).toBe('all are right');
    expect(fitTemperature({ logits, classes: 2, truths: [1, 0] })).toBe('nothing is told');
    expect(fitTemperature({ logits, classes: 2, truths: [0, 0], weights: [1, 0] })).toBe('all are right');
  });

  it('is the same for logits, their sigmoid and the softmax of a pair', () => {
    const decision = { calibration: { method: 'temperature' as const, temperature: 1.7 } };
    const logits = Float32Array.of(-3, -0.5, 0, 2, 4);
    const of = (outputs: number, kind: 'logits' | 'sigmoid' | 'softmax', values: Float32Array) =>
      probabilitiesOf({ outputs, binary: outputs === 1, kind, decision }, values);
    const expected = [...logits].flatMap((z) => [1 / (1 + Math.exp(z / 1.7)), 1 / (1 + Math.exp(-z / 1.7))]);
    close(of(1, 'logits', logits), expected, 1e-15);
    close(
      of(
        1,
        'sigmoid',
        logits.map((z) => 1 / (1 + Math.exp(-z))),
      ),
      expected,
      1e-6,
    );
    const pairs = Float32Array.from([...logits].flatMap((z) => [1 / (1 + Math.exp(z)), 1 / (1 + Math.exp(-z))]));
    close(of(2, 'softmax', pairs), expected, 1e-6);
    // What is rounded to 0 or 1 is no infinity.
    const [, atZero, , atOne] = of(1, 'sigmoid', Float32Array.of(0, 1));
    expect(atZero).toBeGreaterThan(0);
    expect(atOne).toBeLessThan(1);
  });
});

describe('an isotonic curve', () => {
  it.each(cases.isotonics.map((each, i) => [i, each] as const))('is that of scikit-learn: case %i', (_, each) => {
    const curve = fitIsotonic(Float64Array.from(each.scores), (row) => each.truths[row] === 1, weightsOf(each));
    const decision = { calibration: { method: 'isotonic' as const, curves: [curve] } };
    // In 64 bits, so that scores are those that the curve was fitted on.
    const found = probabilitiesOf(
      { outputs: 1, binary: true, kind: 'sigmoid', decision },
      Float64Array.from(each.asked),
    );
    close(
      found.filter((__, i) => i % 2 === 1),
      each.expected,
      1e-9,
    );
  });

  it('of several classes gives shares, and the same to all where no curve gives any', () => {
    const rising = { scores: [0, 1], probabilities: [0, 0.5] };
    const never = { scores: [0.2], probabilities: [0] };
    const spec = { outputs: 3, binary: false, kind: 'softmax' as const };
    const of = (curves: (typeof rising)[], ...outputs: number[]) => [
      ...probabilitiesOf(
        { ...spec, decision: { calibration: { method: 'isotonic', curves } } },
        Float64Array.from(outputs),
      ),
    ];
    close(of([rising, rising, never], 0.6, 0.2, 0.2), [0.75, 0.25, 0], 1e-15);
    close(of([never, never, never], 0.6, 0.2, 0.2), [1 / 3, 1 / 3, 1 / 3], 1e-15);
    expect(of([rising, rising, rising], Number.NaN, 0.5, 0.5)[0]).toBeNaN();
  });
});

const rules: Record<string, ThresholdRule> = {
  ...Object.fromEntries(
    (['f1', 'accuracy', 'balancedAccuracy', 'youden', 'mcc'] as const).map((maximize) => [maximize, { maximize }]),
  ),
  cost: { cost: { falsePositive: 1, falseNegative: 5 } },
  recall: { maximize: 'recall', precision: 0.7 },
  precision: { maximize: 'precision', recall: 0.6 },
};

describe('a threshold', () => {
  it.each(cases.thresholds.map((each, i) => [i, each] as const))('is the best of all: case %i', (_, each) => {
    const scored = {
      probabilities: Float64Array.from(each.scores),
      isSecond: (row: number) => each.truths[row] === 1,
      weights: weightsOf(each),
    };
    for (const [name, rule] of Object.entries(rules)) {
      const found = bestThreshold(rule, scored)!;
      expect(Math.abs(found.value - each.expected[name]), name).toBeLessThan(1e-12);
      const predicted = decidedClasses(
        (row, which) => (which === 1 ? each.scores[row] : 1 - each.scores[row]),
        each.scores.length,
        { outputs: 1, binary: true, decision: { threshold: found.threshold } },
      );
      expect(Math.abs(valueAs(rule, scored, predicted) - found.value), name).toBeLessThan(1e-12);
    }
  });

  it('lies midway between neighbours, of equally good ones the lowest', () => {
    const of = (scores: number[], truths: number[], rule: ThresholdRule) =>
      bestThreshold(rule, { probabilities: Float64Array.from(scores), isSecond: (row) => truths[row] === 1 });
    expect(of([0.2, 0.4, 0.8], [0, 0, 1], { maximize: 'f1' })).toEqual({ threshold: 0.4 + (0.8 - 0.4) / 2, value: 1 });
    // 0.1 and 0.3 are wrong by one each.
    expect(of([0.1, 0.2, 0.3], [0, 1, 0], { maximize: 'accuracy' })?.threshold).toBe(0.1 + (0.2 - 0.1) / 2);
    // Everything, and nothing: also where probabilities reach 0 and 1.
    expect(of([0.2, 0.4], [1, 1], { maximize: 'accuracy' })).toEqual({ threshold: 0.1, value: 1 });
    expect(of([0, 0.4], [1, 1], { maximize: 'accuracy' })?.threshold).toBe(-1);
    expect(of([0.5, 0.6], [0, 0], { maximize: 'accuracy' })).toEqual({ threshold: 0.8, value: 1 });
    expect(of([0.5, 1], [0, 0], { maximize: 'accuracy' })?.threshold).toBe(1);
    // Between neighbours of 64 bits there is nothing.
    expect(of([0.5, 0.5 + 2 ** -53], [0, 1], { maximize: 'f1' })?.threshold).toBe(0.5);
  });

  it('is none where the rule cannot be met, or is of one class', () => {
    const scored = { probabilities: Float64Array.of(0.2, 0.9), isSecond: (row: number) => row === 0 };
    expect(bestThreshold({ maximize: 'recall', precision: 0.9 }, scored)).toBeUndefined();
    expect(bestThreshold({ maximize: 'f1' }, { ...scored, isSecond: () => false })?.value).toBe(0);
    expect(bestThreshold({ maximize: 'balancedAccuracy' }, { ...scored, isSecond: () => false })).toBeUndefined();
  });
});

it('a calibration that raises the calibration error says so', () => {
  const rowsOf = (calibrationError: number) =>
    decisionRows([
      {
        ...{ target: 'targets', calibration: 'temperature' as const, temperature: 1.2 },
        before: { logLoss: 0.5, calibrationError: 0.02 },
        after: { logLoss: 0.4, calibrationError },
      },
    ]);
  const text = 'temperature 1.2000 (validation logLoss 0.5000 -> 0.4000, calibrationError 0.0200 -> ';
  expect(rowsOf(0.01)).toEqual([['calibration', `${text}0.0100)`]]);
  expect(rowsOf(0.03)).toEqual([
    [
      'calibration',
      expect.stringContaining(`${text}0.0300); the calibration error rose on the very split that it was fitted on`),
    ],
  ]);
});
