/** Residuals of numbers: the values of NumPy 2.4.6 (np.quantile, np.std), and what a chart of them is made of, whatever they are. */
import { describe, expect, it } from 'vitest';
import type { KeptOutput } from '../../src/evaluate/kept-rows.js';
import { histogramOf, type PredictionResiduals, residualsOf } from '../../src/evaluate/prediction-residuals.js';
import type { HeadMetrics } from '../../src/evaluate/run-metrics.js';
import { reportHtml, reportMarkdown } from '../../src/report/evaluation-document.js';
import { bareReport } from '../support/evaluation-reports.js';

const head: HeadMetrics = {
  ...{ target: 'price', factor: 1, metrics: [], outputs: 1, places: 1, classes: false, threshold: 0, binary: false },
  ...{ weighted: false, keepsAll: true },
};
const keptOf = (outputs: Float64Array, targets: Float64Array, more: Partial<KeptOutput> = {}): KeptOutput => ({
  ...{ examples: outputs.length, outputs, targets, customs: [], ...more },
});
const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 9));

/** Three predictions are equal, and one truth is far out. */
const predicted = Float64Array.from({ length: 57 }, (_, i) => Math.floor(((i * 37) % 57) / 3));
const truth = predicted.map((value, i) => (i === 5 ? 300 : value + (((i * 11) % 29) - 14) * 0.25));

describe('of 57 numbers', () => {
  const [found] = residualsOf(head, keptOf(predicted, truth));

  it('are those of NumPy, equal predictions in one bin', () => {
    expect([found.count, found.notFinite]).toEqual([57, 0]);
    expect([found.mean, found.standardDeviation]).toEqual(near([5.12280701754386, 38.92500444531793]));
    // np.quantile(predicted, [.2, .4, .6, .8]) are the edges, np.quantile(residuals, [.05, .25, .5, .75, .95]) the quantiles.
    expect(found.byPrediction).toEqual(
      [
        [0, 1.5, 3, 12, [-3.3625, -2.5, -1.125, 0.25, 2.45]],
        [4, 5, 6, 9, [-2.6, -1.75, 0, 2.25, 178.9]],
        [7, 8.5, 10, 12, [-2.8625, -1, 1.25, 2.3125, 3.3625]],
        [11, 12.5, 14, 12, [-2.6125, -0.9375, 0.375, 1.9375, 3.0875]],
        [15, 16.5, 18, 12, [-2.95, -1.6875, -0.375, 0.75, 2.2]],
      ].map(([low, middle, high, count, quantiles]) => ({
        ...{ low, middle, high, count, quantiles: near(quantiles as number[]) },
      })),
    );
  });

  it('have bins of round numbers, and name what is far out', () => {
    const { edges, counts, below, above } = found.histogram;
    expect([below, above, counts.reduce((sum, count) => sum + count, 0)]).toEqual([0, 1, 56]);
    expect([edges[0], edges.at(-1)]).toEqual([-4, 13]);
    expect(edges).toContain(0);
    expect(edges.every((edge) => edge * 2 === Math.round(edge * 2) || edge === Number(edge.toFixed(1)))).toBe(true);
  });

  it('are shown in charts and tables', async () => {
    const report = { ...bareReport, residuals: [found] };
    const markdown = reportMarkdown(report);
    expect(markdown).toContain(
      '## Residuals\n\n### price\n\nA residual is the truth less the prediction. Of 57 the mean is 5.1228,',
    );
    expect(markdown).toContain('| 4 to 6 | 9 | -2.6 | -1.75 | 0 | 2.25 | 178.9 |');
    expect(markdown).toContain('| more than 13 | 1 |');
    const html = await reportHtml(report);
    expect(html).toContain('all 57, evenly spread over the predictions');
    expect(html).toContain('Not drawn: 1 above 13.');
    expect(html).toContain('<summary>distribution of the residuals</summary>');
  });
});

it('are in the units of the target, of places that count, each output by itself', () => {
  const spec = { ...head, outputs: 2, names: ['a', 'b'], deviations: [10, 1], means: [100, 0] };
  const outputs = Float64Array.of(1, 5, 2, 6, Number.NaN, 7);
  const targets = Float64Array.of(1.5, 4, 2, 6, 0, 9);
  const kept = keptOf(outputs, targets, { examples: 3, weights: Float32Array.of(0.5, 0, 1) });
  expect(residualsOf(spec, kept)).toMatchObject([
    { target: 'price', output: 'a', count: 1, notFinite: 1, mean: 5, points: [{ predicted: 110, residual: 5 }] },
    { target: 'price', output: 'b', count: 2, notFinite: 0, mean: 0.5, points: [{ predicted: 5 }, { predicted: 7 }] },
  ]);
  expect(
    residualsOf(
      { ...spec, outputs: 1 },
      keptOf(Float64Array.of(1), targets.slice(0, 1), { weights: Float32Array.of(0) }),
    ),
  ).toEqual([]);
});

it('of many examples make a page no larger, and say how many are shown', async () => {
  const pageOf = async (count: number) => {
    const values = Float64Array.from({ length: count }, (_, i) => Math.sin(i) * 1000);
    const residuals = residualsOf(
      head,
      keptOf(
        values,
        values.map((value, i) => value + Math.cos(7 * i)),
      ),
    );
    return reportHtml({ ...bareReport, residuals });
  };
  const [some, many] = [await pageOf(2000), await pageOf(50_000)];
  expect(many).toContain('300 of 50,000, evenly spread over the predictions');
  expect(Math.abs(many.length - some.length)).toBeLessThan(3000);
  expect(many.length).toBeLessThan(150_000);
});

it.each([
  ['all the same', [3, 3, 3, 3]],
  ['a single one', [1e-300]],
  ['too close to be told apart', [1, 1 + 2 ** -52]],
  ['mostly the same', [0, 0, 0, 0, 0, 0, 0, 0, 5]],
  ['of all sizes', [-1e300, -1e-300, 0, 1e-300, 1e300]],
  ['tiny', [1e-45, 2e-45, 3e-45]],
  ['tenths', [0.1, 0.2, 0.3, 0.4, 0.7]],
])('a histogram of numbers that are %s counts each of them once', async (_, values) => {
  const { edges, counts, below, above } = histogramOf(Float64Array.from(values));
  expect(below + above + counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
  expect(edges.length).toBe(counts.length + 1);
  expect(edges.length).toBeLessThan(45);
  expect(edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > edges[i - 1]))).toBe(true);
  const [residuals] = residualsOf(head, keptOf(new Float64Array(values.length), Float64Array.from(values)));
  expect(await reportHtml({ ...bareReport, residuals: [residuals as PredictionResiduals] })).toContain(
    'residuals by prediction',
  );
});

it('of a model that gives no numbers are left out, and the report says so', async () => {
  const [found] = residualsOf(head, keptOf(Float64Array.of(Number.NaN, Infinity), Float64Array.of(1, 2)));
  expect([found.count, found.notFinite]).toEqual([0, 2]);
  expect(await reportHtml({ ...bareReport, residuals: [found] })).toContain(
    'No prediction is a finite number. Left out: 2, of which no finite number was predicted.',
  );
});
