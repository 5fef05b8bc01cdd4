/** Reports of evaluations, made by hand: one with the least, one with everything. */
import type { EvaluationReport, MetricInterval } from '../../src/report/evaluation-report.js';

export const markup = '<b>class & "one"</b>';
const long = 'a_name_that_is_far_longer_than_any_screen_of_a_phone_is_wide_and_has_no_place_to_break_it_at_all';

export const bareReport = {
  model: 'runs/demo-1/best',
  split: 'test',
  data: '100 examples of shape [4]',
  examples: 20,
  metrics: { loss: 0.25, accuracy: 0.9 },
  card: { sha256: 'ab'.repeat(32), splits: [{ split: 'training', examples: 80 }], targets: [] },
} satisfies EvaluationReport;

const interval = (low: number, high: number): MetricInterval => ({
  low,
  high,
  standardError: 0.03,
  method: 'bootstrap',
});
const metrics = {
  loss: 0.25,
  accuracy: 0.9,
  f1Macro: 0.88,
  auc: Number.NaN,
  brier: 0.1,
  mcc: 0.8,
  recall: 0.7,
  [long]: 123456.789,
};
const intervals = {
  loss: interval(0.2, 0.3),
  accuracy: { ...interval(0.85, 0.94), method: 'wilson' as const },
  f1Macro: interval(0.8, 0.9),
};
const classes = [markup, 'two|*three*', long, ...Array.from({ length: 9 }, (_, i) => `class ${i}`)];
const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const group = (value: string, accuracy: number) => ({
  ...{
    value,
    examples: 10,
    metrics: { loss: 1, accuracy },
    intervals: { accuracy: interval(accuracy - 0.1, accuracy + 0.05) },
  },
});
const epochs = [1, 2, 3, 4, 5].map((epoch) => ({
  ...{ epoch, examples: 12_345 * epoch, loss: 1 / epoch },
  validation: { ...metrics, loss: 1.1 / epoch, accuracy: 1 - 0.5 / epoch },
}));

export const fullReport: EvaluationReport = {
  ...bareReport,
  ...{ metrics, intervals, confidence: 0.95, detectable: { accuracy: 0.07 } },
  notes: { auc: 'all examples are of one class' },
  warnings: [`${markup} is odd`],
  figures: {
    rocCurve: {
      kind: 'curve',
      x: { name: 'false positive rate', values: [0, 0, 0.2, 1] },
      y: { name: 'true positive rate', values: [0, 0.7, 0.9, 1] },
    },
    precisionRecallCurve: {
      kind: 'curve',
      x: { name: 'recall', values: [1, 0.9, 0.4, 0] },
      y: { name: 'precision', values: [0.5, 0.7, 0.9, 1] },
    },
    reliability: {
      kind: 'curve',
      x: { name: 'mean probability', values: [0.1, 0.5, 0.9] },
      y: { name: 'share that is right', values: [0.2, 0.4, 0.95] },
    },
    confusionMatrix: {
      kind: 'table',
      rows: classes,
      columns: classes,
      values: classes.map((_, i) => classes.map((_, j) => (i === j ? 1234 : (7 * i + 3 * j) % 100))),
    },
    perClass: {
      kind: 'table',
      rows: classes,
      columns: ['precision', 'f1'],
      values: classes.map(() => [0.9, Number.NaN]),
    },
  },
  training: { epochs, best: 4 },
  learningCurve: [100, 1000, 10_000].map((size) => ({ size, metrics: { accuracy: 1 - 10 / size }, intervals })),
  slices: [
    {
      ...{
        column: long,
        confidence: 0.95,
        groups: [group(markup, 0.7), { ...group(long, 0.8), note: 'too small to say' }],
      },
      gaps: [{ metric: 'accuracy', gap: 0.1, low: 0.02, high: 0.2, least: markup, most: long }],
    },
  ],
  residuals: [
    {
      ...{ target: long, output: markup, count: 1234, notFinite: 5, mean: 0.1, standardDeviation: 123.4 },
      byPrediction: [-100, 0, 100].map((low, i) => ({
        ...{
          low,
          middle: low + 40,
          high: low + 90,
          count: 411,
          quantiles: [-3, -1, 0.5, 2, 7].map((at) => at * (i + 1)),
        },
      })),
      histogram: { edges: [-10, 0, 10, 20], counts: [300, 900, 30], below: 3, above: 1 },
      points: Array.from({ length: 300 }, (_, i) => ({ predicted: i - 100, residual: 20 * Math.sin(i) })),
    },
  ],
  calibration: [
    {
      target: 'targets',
      fitted: { method: 'temperature', temperature: 1.7, threshold: 0.4 },
      readings: [false, true].map((isCalibrated) => ({
        ...{ isCalibrated, error: isCalibrated ? 0.03 : 0.12, interval: interval(0.02, 0.2) },
        curve: {
          kind: 'curve' as const,
          x: { name: 'mean probability', values: [0.1, 0.5, 0.9] },
          y: { name: 'share that is right', values: isCalibrated ? [0.11, 0.5, 0.88] : [0.2, 0.4, 0.95] },
        },
      })),
    },
  ],
  diagnosis: [{ title: 'Overfitting', text: 'Validation is worse.', remedies: ['use dropout'] }],
  gallery: [
    {
      title: 'Most confidently wrong',
      examples: [
        { example: 3, truth: markup, predicted: 'two', confidence: 0.99, loss: 4.6, picture: pixel },
        { example: 4, truth: 'two', predicted: 'three', picture: 'javascript:nothing', row: { [long]: markup } },
        { example: 5, truth: 'two', predicted: 'three', text: `${long} and ${markup}` },
      ],
    },
  ],
  importance: [markup, long].map((input) => ({ input, metric: 'accuracy', value: 0.1, low: 0.05, high: 0.2 })),
  explanations: [
    { title: 'example 3', text: '"two": logit 2.5', pictures: [pixel] },
    { title: markup, text: '"two": value 1', parts: [{ name: long, value: markup, attribution: -0.5 }] },
    {
      ...{ title: 'example 4', text: '"e": logit 1' },
      texts: [{ parts: [...'a <b> '].map((value, i) => ({ name: String(i + 1), value, attribution: i - 2 })) }],
    },
  ],
  looks: { split: 'test', count: 2, times: ['2026-11-28T07:20:00.000Z', '2026-11-28T08:20:00.000Z'] },
  card: {
    ...bareReport.card,
    targets: [
      { target: 'kind', of: 'examples', classes: { names: classes, counts: [classes.map((_, i) => i)] } },
      { target: 'size', of: 'examples', numbers: [{ mean: 1, standardDeviation: 2, least: -3, most: 4 }] },
    ],
  },
  repeat: {
    commands: [
      'npx lockstep train runs/demo-1/config.yaml',
      `npx lockstep evaluate runs/demo-1 --split test --set ${long}`,
    ],
    config: `name: demo # ${long} ${markup}\n`,
    seed: 3,
    parameters: 'cd'.repeat(32),
    versions: { Lockstep: '0.2.0' },
  },
};
