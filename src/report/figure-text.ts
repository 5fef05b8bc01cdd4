/** Metrics that are tables and curves, for people; what is too much for a screen is in the JSON. */
import { plural } from '../ground/units.js';
import type { MetricFigure, MetricTable } from '../metrics/metric.js';
import { tableLines } from './aligned.js';

/** Rows and columns of a table that people are shown. */
const most = 16;

/**
 * Lines, each with its end.
 * @param title the metric's name, and the split's where there are several
 * @param width columns of the terminal: longer names are cut
 */
export function figureText(
  title: string,
  figure: MetricFigure,
  number: (value: number) => string,
  width: number,
): string {
  if (figure.kind === 'curve') {
    const { x, y } = figure;
    return `${title}: a curve of ${plural(x.values.length, 'point')}, ${y.name} over ${x.name} (with --json)\n`;
  }
  const [rows, columns] = [figure.rows.length, figure.columns.length];
  if (rows > most || columns > most) return `${title}: a table of ${rows} x ${columns} (with --json)\n`;
  return `${title}\n${tableText(figure, number, width)}`;
}

function tableText({ rows, columns, values }: MetricTable, number: (value: number) => string, width: number): string {
  const cells = values.map((row) => row.map((value) => (Number.isInteger(value) ? String(value) : number(value))));
  const lines = tableLines([['', ...columns], ...rows.map((name, i) => [name, ...cells[i]])], width - 2, {
    isHeadNames: true,
  });
  return lines.map((line) => `  ${line}\n`).join('');
}
