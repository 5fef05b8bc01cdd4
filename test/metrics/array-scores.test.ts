/** PredictedArrays that were made elsewhere: the numbers of a run's metrics, and a word for each mistake. */
import { describe, expect, it } from 'vitest';
import { scoreArrays } from '../../coordinator/inference/score-arrays.js';
import type { PredictedArrays } from '../../src/evaluate/kept-arrays.js';
import type { MetricConfig } from '../../src/metrics/families.js';
import { type MetricCase, metricCases } from '../support/metric-cases.js';

const plain: Record<MetricCase['kind'], MetricConfig[]> = {
  classes: [
    'accuracy',
    'balancedAccuracy',
    'logLoss',
    'mcc',
    { f1: { average: 'macro' } },
    { auc: { average: 'macro' } },
  ],
  'two classes': ['accuracy', 'precision', 'auc', 'averagePrecision', 'logLoss', 'brier'],
  labels: ['accuracy', { auc: { average: 'macro' } }, { f1: { average: 'macro' } }],
  numbers: ['mae', 'rmse', 'medianAbsoluteError', { r2: { average: 'uniform' } }],
};

const predictionsOf = ({ kind, mode, outputs, targets, weights }: MetricCase): PredictedArrays => ({
  outputs: Float64Array.from(outputs.flat()),
  width: outputs[0].length,
  of: kind === 'numbers' ? 'numbers' : 'logits',
  targets: Float64Array.from((targets as number[]).flat()),
  ...(mode !== 'alike' && { weights: Float64Array.from(weights) }),
});

describe('scores of arrays', () => {
  it('are those of scikit-learn', async () => {
    let compared = 0;
    for (const each of metricCases.filter(({ outputs }) => outputs.length > 0)) {
      const metrics = plain[each.kind];
      const scores = await scoreArrays(predictionsOf(each), { metrics, resamples: 0 });
      for (const [name, value] of Object.entries(scores.metrics)) {
        const expected = each.expected[name];
        if (expected === undefined || expected === null) continue;
        expect(value, `${each.kind} ${name}`).toBeCloseTo(expected as number, 9);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(500);
  });

  const random = (i: number) => Math.abs(Math.sin(12.9898 * (i + 1)) * 43758.5453) % 1;
  const truth = Uint8Array.from({ length: 200 }, (_, i) => Math.floor(3 * random(i)));
  const guess = truth.map((value, i) => (random(1000 + i) < 0.8 ? value : 2 - value));

  it('of predicted classes count them', async () => {
    const metrics: MetricConfig[] = ['accuracy', 'confusionMatrix', { f1: { average: 'macro' } }];
    const predictions = { outputs: guess, of: 'classes', targets: truth, classes: ['a', 'b', 'c'] } as const;
    const scores = await scoreArrays(predictions, { metrics, threads: 1 });
    const right = truth.reduce((sum, value, i) => sum + Number(value === guess[i]), 0);
    expect(scores.metrics.accuracy).toBe(right / 200);
    expect(scores.figures.confusionMatrix).toMatchObject({ rows: ['a', 'b', 'c'] });
    expect(Object.keys(scores.intervals)).toEqual(['accuracy', 'f1Macro']);
    expect(await scoreArrays(predictions, { metrics, threads: 2 })).toEqual(scores);
  });

  const two = Float64Array.of(0.2, 0.9, 0.4);
  const labels = Uint8Array.of(0, 1, 1);
  const mistakes: [string, PredictedArrays, MetricConfig[], string][] = [
    [
      'lengths',
      { outputs: two, of: 'probabilities', targets: truth },
      ['auc'],
      'targets: 200 numbers, and 3 examples want 3',
    ],
    [
      'no rows',
      { outputs: two, of: 'logits', width: 2, targets: labels },
      ['auc'],
      'outputs: 3 numbers are no rows of 2',
    ],
    ['a class', { outputs: two, of: 'logits', targets: Uint8Array.of(0, 2, 1) }, ['auc'], 'targets: number 1 is 2'],
    [
      'logits',
      { outputs: Float64Array.of(1, 2, -3), of: 'probabilities', targets: labels },
      ['auc'],
      'outputs: number 1 is 2',
    ],
    [
      'rows',
      { outputs: Float64Array.of(0.5, 0.6), of: 'probabilities', width: 2, targets: Uint8Array.of(1) },
      ['logLoss'],
      'outputs: row 0 adds up to 1.10000',
    ],
    [
      'scores',
      { outputs: labels, of: 'classes', targets: labels },
      ['auc'],
      'metrics: auc needs probabilities or scores',
    ],
    ['numbers', { outputs: two, of: 'numbers', targets: two }, ['accuracy'], 'metrics: accuracy counts classes'],
    ['classes', { outputs: two, of: 'logits', targets: labels }, ['mae'], 'metrics: mae is of numbers'],
    [
      'weights',
      { outputs: two, of: 'logits', targets: labels, weights: Float32Array.of(1, -1, 1) },
      ['auc'],
      'weights: number 1 is -1',
    ],
    ['names', { outputs: two, of: 'logits', targets: labels, classes: ['a', 'b', 'c'] }, ['auc'], 'classes: 3 of them'],
  ];
  it.each(mistakes)('refuse %s that do not fit', async (_, predictions, metrics, problem) => {
    await expect(scoreArrays(predictions, { metrics })).rejects.toMatchObject({
      problem: expect.stringContaining(problem),
      remedy: expect.stringMatching(/./),
    });
  });
});
