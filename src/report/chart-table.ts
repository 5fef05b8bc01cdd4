/** The numbers of a chart as a table: for eyes that do not see it, and for Markdown. */
import { numberText, percent } from '../ground/units.js';
import type { Chart, ChartLine, TableBlock } from './document.js';

const text = (value: number | undefined): string => (value === undefined ? '' : numberText(value, 5));
const percentText = (value: number | undefined): string => (value === undefined ? '' : percent(value));

/** @param most rows; of more, as many that are evenly spread, the first and last among them */
export function chartTable(chart: Chart, most: number): TableBlock {
  const { head, rows } = whole(chart);
  if (rows.length <= most) return { kind: 'table', head, rows };
  const step = (rows.length - 1) / (most - 1);
  const some = Array.from({ length: most }, (_, i) => rows[Math.round(i * step)]);
  return { kind: 'table', head, rows: some, caption: `${most} of ${rows.length} points` };
}

function whole(chart: Chart): Pick<TableBlock, 'head' | 'rows'> {
  if (chart.kind === 'bars') {
    const head = [{ name: chart.xLabel, isText: true }, ...chart.parts.map(({ name }) => ({ name }))];
    return { head, rows: chart.bars.map((bar, i) => [bar, ...chart.parts.map(({ values }) => text(values[i]))]) };
  }
  if (chart.kind === 'histogram') {
    const { edges, below, above } = chart;
    const counts: (readonly [string, number])[] = chart.counts.map((count, i) => [
      `${text(edges[i])} to ${text(edges[i + 1])}`,
      count,
    ]);
    if (below > 0) counts.unshift([`less than ${text(edges[0])}`, below]);
    if (above > 0) counts.push([`more than ${text(edges.at(-1))}`, above]);
    const head = [{ name: chart.xLabel, isText: true }, { name: chart.yLabel }];
    return { head, rows: counts.map(([name, count]) => [name, text(count)]) };
  }
  if (chart.kind === 'ranges') {
    const ends = endsOf(chart.ranges);
    return {
      head: [{ name: 'name', isText: true }, { name: chart.xLabel }, ...ends.map(([name]) => ({ name }))],
      rows: chart.ranges.map((range) => [range.name, text(range.value), ...ends.map(([, key]) => text(range[key]))]),
    };
  }
  const measured = chart.lines.filter(({ isIdeal }) => !isIdeal);
  const yText = chart.isPercent ? percentText : text;
  if (measured.length === 1) return curveTable(chart.xLabel, measured[0], yText);
  const xs = [...new Set(measured.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const lines = measured.map(({ name, points }) => ({ name, at: new Map(points.map(({ x, y }) => [x, y])) }));
  return {
    head: [{ name: chart.xLabel }, ...lines.map(({ name }) => ({ name }))],
    rows: xs.map((x) => [text(x), ...lines.map(({ at }) => yText(at.get(x)))]),
  };
}

/** A curve may go up in one place: each point is a row. */
function curveTable(
  xLabel: string,
  { name, points }: ChartLine,
  yText: typeof text,
): Pick<TableBlock, 'head' | 'rows'> {
  const ends = endsOf(points);
  return {
    head: [{ name: xLabel }, { name }, ...ends.map(([name]) => ({ name }))],
    rows: points.map((point) => [text(point.x), yText(point.y), ...ends.map(([, key]) => yText(point[key]))]),
  };
}

/** Columns of the ends of intervals, where there are some. */
const endsOf = (
  all: readonly { readonly low?: number; readonly high?: number }[],
): ['from' | 'to', 'low' | 'high'][] =>
  all.some(({ low, high }) => low !== undefined || high !== undefined)
    ? [
        ['from', 'low'],
        ['to', 'high'],
      ]
    : [];
