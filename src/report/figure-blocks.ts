/** Metrics that are tables and curves, as blocks of a report. */
import { numberText, plural } from '../ground/units.js';
import type { MetricCurve, MetricFigure, MetricTable } from '../metrics/metric.js';
import type { Block, LineChart, TableBlock } from './document.js';
import { nameText, valueText } from './report-text.js';

/** Rows and columns that are shown in whole. */
const most = 30;

export function figureBlocks(figures: Readonly<Record<string, MetricFigure>>): Block[] {
  const curves = Object.entries(figures).flatMap(([name, figure]) =>
    figure.kind === 'curve' ? [curveChart(name, figure)] : [],
  );
  const tables = Object.entries(figures).flatMap(([name, figure]) =>
    figure.kind === 'table' ? tableBlocks(name, figure) : [],
  );
  return [...(curves.length > 0 ? [{ kind: 'charts' as const, charts: curves }] : []), ...tables];
}

/** What a line would be if chance alone, or nothing but the truth, had drawn it. */
export const diagonal = (name: string) => ({
  name,
  isIdeal: true,
  points: [0, 1].map((at) => ({ x: at, y: at })),
});

/** What a curve is told apart by is what its axes are. */
function curveChart(title: string, { x, y }: MetricCurve): LineChart {
  const points = x.values.map((at, i) => ({ x: at, y: y.values[i] }));
  const ideal =
    x.name === 'false positive rate'
      ? [diagonal('chance')]
      : x.name === 'mean probability'
        ? [diagonal('calibrated')]
        : [];
  const isUnit = [...x.values, ...y.values].every((value) => !(value < 0 || value > 1));
  const lines = [{ name: y.name, points }, ...ideal];
  // Between two thresholds there is no precision in between: a straight line would promise one.
  return { kind: 'lines', title, xLabel: x.name, yLabel: y.name, isUnit, isStep: x.name === 'recall', lines };
}

function tableBlocks(title: string, table: MetricTable): Block[] {
  const isSquare =
    table.rows.length === table.columns.length && table.rows.every((name, i) => name === table.columns[i]);
  if (!isSquare) return [{ ...plainTable(table, title) }];
  return table.rows.length > most ? confusedPairs(table, title) : [matrix(table, title)];
}

/** A row for each truth: shades are shares of the row, so that rare classes show their mistakes as well. */
function matrix({ rows, columns, values }: MetricTable, title: string): TableBlock {
  const sums = values.map((row) => row.reduce((sum, value) => sum + value, 0));
  return {
    kind: 'table',
    caption: `${title}: truth by row, prediction by column, shades by row`,
    head: [{ name: '', isText: true }, ...columns.map((name) => ({ name: nameText(name) }))],
    rows: rows.map((name, i) => [nameText(name), ...values[i].map((value) => numberText(value, 4))]),
    heat: values.map((row, i) => row.map((value) => (sums[i] > 0 ? Math.min(1, Math.max(0, value / sums[i])) : 0))),
  };
}

/** Of many classes, those that are most often taken for each other. */
function confusedPairs({ rows, columns, values }: MetricTable, title: string): Block[] {
  const pairs = values.flatMap((row, i) =>
    row.flatMap((value, j) => (i !== j && value > 0 ? [{ truth: rows[i], predicted: columns[j], value }] : [])),
  );
  const sorted = pairs.sort((a, b) => b.value - a.value).slice(0, most);
  const about = `${title}: a table of ${plural(rows.length, 'class', 'classes')}, whole in the JSON; ${pairs.length} pairs are confused.`;
  if (sorted.length === 0) return [{ kind: 'text', text: about }];
  return [
    { kind: 'text', text: about },
    {
      kind: 'table',
      caption: `${title}: the most confused pairs`,
      head: [{ name: 'truth', isText: true }, { name: 'prediction', isText: true }, { name: 'how often' }],
      rows: sorted.map(({ truth, predicted, value }) => [nameText(truth), nameText(predicted), numberText(value, 4)]),
    },
  ];
}

/** Of many rows those that do worst: by F1 where there is such a column, else by the first. */
function plainTable({ rows, columns, values }: MetricTable, title: string): TableBlock {
  const by = Math.max(0, columns.indexOf('f1'));
  const order = rows.map((_, i) => i);
  const isCut = rows.length > most;
  const kept = isCut ? order.sort((a, b) => values[a][by] - values[b][by]).slice(0, most) : order;
  const cell = (value: number) => (Number.isInteger(value) ? numberText(value) : valueText(value));
  return {
    kind: 'table',
    caption: isCut ? `${title}: ${most} of ${rows.length} rows, the lowest ${columns[by]} first` : title,
    head: [{ name: '', isText: true }, ...columns.map((name) => ({ name }))],
    rows: kept.map((i) => [nameText(rows[i]), ...values[i].map(cell)]),
  };
}
