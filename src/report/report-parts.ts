/** Parts of an evaluation report that others found out: training, slices, what was fitted, examples, importance. */
import type { Importance } from '../evaluate/permutation-importance.js';
import { grouped, metricText, percent } from '../ground/units.js';
import type { Block, Chart, ChartLine, TableHead } from './document.js';
import type { GalleryReport, LearningCurvePoint, SliceReport, TrainingCourse } from './evaluation-report.js';
import { type Looks, looksText } from './looks.js';
import { intervalText, nameText, valueText } from './report-text.js';

/** Charts of one kind beside each other. */
const mostCharts = 12;

const numberOf = (value: number | null | undefined): number => value ?? Number.NaN;

export function trainingBlocks({ epochs, best }: TrainingCourse): Block[] {
  if (epochs.length === 0) return [];
  const names = [...new Set(epochs.flatMap(({ validation }) => Object.keys(validation ?? {})))];
  const validated = epochs.filter(({ validation }) => validation !== null);
  const isCounted = epochs.some(({ examples }) => examples > 0);
  const at = ({ examples, epoch }: TrainingCourse['epochs'][number]) => (isCounted ? examples : epoch);
  const line = (name: string, metric: string): ChartLine => ({
    name,
    points: validated.map((one) => ({ x: at(one), y: numberOf(one.validation![metric]) })),
  });
  const trained = { name: 'training', points: epochs.map((one) => ({ x: at(one), y: one.loss })) };
  const bestEpoch = epochs.find(({ epoch }) => epoch === best);
  const mark = bestEpoch && { mark: { x: at(bestEpoch), text: `best: epoch ${grouped(bestEpoch.epoch)}` } };
  const chart = (title: string, lines: ChartLine[]): Chart => ({
    ...{ kind: 'lines', title, xLabel: isCounted ? 'training examples seen' : 'epoch', yLabel: title, lines, ...mark },
  });
  const others = names.filter((name) => name !== 'loss');
  return [
    {
      kind: 'charts',
      charts: [
        chart('loss', [trained, ...(validated.length > 0 ? [line('validation', 'loss')] : [])]),
        ...others.slice(0, mostCharts - 1).map((name) => chart(name, [line(`${name} of validation`, name)])),
      ],
    },
    {
      kind: 'text',
      isNote: true,
      text: 'The loss of training is the mean over an epoch, with regularization, while the model changes; that of validation is of the model at its end.',
    },
  ];
}

export function learningCurveBlocks(points: readonly LearningCurvePoint[]): Block[] {
  const names = [...new Set(points.flatMap(({ metrics }) => Object.keys(metrics)))];
  const charts = names.slice(0, mostCharts).map((name): Chart => {
    const line = points.map(({ size, metrics, intervals: { [name]: interval } }) => ({
      ...{ x: size, y: numberOf(metrics[name]), low: interval?.low, high: interval?.high },
    }));
    return { kind: 'lines', title: name, xLabel: 'training examples', yLabel: name, lines: [{ name, points: line }] };
  });
  return [{ kind: 'charts', charts }];
}

export function sliceBlocks({ column, confidence, groups, gaps }: SliceReport): Block[] {
  const names = [...new Set(groups.flatMap(({ metrics }) => Object.keys(metrics)))];
  const hasNotes = groups.some(({ note }) => note !== undefined);
  const head: TableHead[] = [
    ...[{ name: column, isText: true }, { name: 'examples' }, ...names.map((name) => ({ name }))],
    ...(hasNotes ? [{ name: 'note', isText: true }] : []),
  ];
  const rows = groups.map(({ value, examples, metrics, intervals, note = '' }) => [
    ...[nameText(value), grouped(examples)],
    ...names.map((name) => {
      const interval = intervalText(intervals[name]);
      return interval === '' ? valueText(metrics[name]) : `${valueText(metrics[name])} (${interval})`;
    }),
    ...(hasNotes ? [note] : []),
  ]);
  const shown = names.filter((name) => name !== 'loss').slice(0, 3);
  const charts = shown.map(
    (name): Chart => ({
      ...{ kind: 'ranges', title: `${name} by ${column}`, xLabel: name },
      ranges: groups.slice(0, mostRanges).map(({ value, metrics, intervals: { [name]: interval } }) => ({
        ...{ name: nameText(value), value: numberOf(metrics[name]), low: interval?.low, high: interval?.high },
      })),
    }),
  );
  const gapRows = gaps.map(({ metric, gap, low, high, least, most }) => [
    ...[metric, metricText(gap), `${metricText(low)} to ${metricText(high)}`, nameText(least), nameText(most)],
  ]);
  const gapHead = [
    ...[{ name: 'metric', isText: true }, { name: 'gap' }, { name: `${percent(confidence)} interval` }],
    ...[
      { name: 'lowest', isText: true },
      { name: 'highest', isText: true },
    ],
  ];
  return [
    { kind: 'heading', text: `By ${column}` },
    ...(charts.length > 0 ? [{ kind: 'charts' as const, charts }] : []),
    { kind: 'table', caption: `${column}: ${percent(confidence)} intervals in brackets`, head, rows },
    ...(gapRows.length > 0
      ? [
          {
            kind: 'table' as const,
            caption: 'Gaps between groups',
            head: gapHead,
            rows: gapRows,
          },
        ]
      : []),
  ];
}

/** Rows of a chart of ranges. */
const mostRanges = 30;

export const galleryBlocks = ({ title, examples }: GalleryReport): Block[] => [
  { kind: 'heading', text: title },
  {
    kind: 'gallery',
    examples: examples.map(({ example, truth, predicted, confidence, loss, ...shown }) => ({
      title: `example ${example}`,
      lines: [
        `truth: ${nameText(truth)}`,
        `predicted: ${nameText(predicted)}${confidence === undefined ? '' : `, with ${percent(confidence)}`}`,
        ...(loss === undefined ? [] : [`loss ${valueText(loss)}`]),
      ],
      ...shown,
    })),
  },
];

export function importanceBlocks(all: readonly Importance[]): Block[] {
  const metrics = [...new Set(all.map(({ metric }) => metric))];
  return [
    {
      kind: 'text',
      text: 'How much worse a metric becomes where the values of an input are shuffled among the examples, with the interval of the repeats.',
    },
    {
      kind: 'charts',
      charts: metrics.map((metric) => ({
        ...{ kind: 'ranges' as const, title: metric, xLabel: `how much worse ${metric} gets` },
        ranges: all
          .filter((one) => one.metric === metric)
          .toSorted((a, b) => b.value - a.value)
          .slice(0, mostRanges)
          .map(({ input, value, low, high }) => ({ name: input, value, low, high })),
      })),
    },
  ];
}

/** How often the test split was looked at, and when last. */
export function looksBlock(looks: Looks): Block {
  const newest = looks.times.slice(-10).map((time) => time.slice(0, 16).replace('T', ' '));
  const when = newest.length > 0 ? `; last ${newest.join(', ')} UTC` : '';
  const text = looksText(looks);
  return { kind: 'text', text: `${text[0].toUpperCase()}${text.slice(1)}${when}.` };
}
