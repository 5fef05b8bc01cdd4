/** Charts in the language of Vega-Lite. Colours are those of the page around them (page-style.ts), so that they change with it. */
import type { BarChart, Chart, ChartLine, ChartPoint, HistogramChart, LineChart, RangeChart } from './document.js';

/** Pixels on a phone; wider screens show them larger, two or three beside each other. */
const chartWidth = 340;
const height = 250;

/** Colours of the page that lines have, one after the other, with the shape of their points. */
const lineLooks = (['circle', 'square', 'triangle-up', 'diamond', 'triangle-down', 'cross'] as const).map(
  (shape, i) => ({ shape, colour: `var(--c${i})` }),
);
export const lookOf = (line: number) => lineLooks[line % lineLooks.length];

const soft = 'var(--soft)';

const config = {
  background: null,
  aria: false,
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    ...{ labelColor: soft, titleColor: soft, gridColor: 'var(--rule)', domainColor: soft, tickColor: soft },
    ...{ labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', labelLimit: 130, titleLimit: 300 },
  },
  // Numbers that are not finite are named beneath the chart.
  mark: { invalid: 'break-paths-show-domains' },
};

const shared = (tall = height) => ({
  width: chartWidth,
  height: tall,
  autosize: { type: 'fit', contains: 'padding' },
  padding: 4,
  config,
});

export const isDrawable = (value: number | undefined, isLog = false): value is number =>
  value !== undefined && Number.isFinite(value) && (!isLog || value > 0);

export function chartSpec(chart: Chart): object {
  if (chart.kind === 'bars') return barSpec(chart);
  if (chart.kind === 'histogram') return histogramSpec(chart);
  return chart.kind === 'ranges' ? rangeSpec(chart) : lineSpec(chart);
}

/** Numbers of an axis in full up to 10,000, then as 25k. By an expression: Vega makes of a plain format 1.2e+2 for 120. */
function axisTexts(values: readonly number[], isPercent = false): object {
  if (isPercent) return { labelExpr: "format(100 * datum.value, '~g') + ' %'" };
  if (values.every((value) => Math.abs(value) < 10_000)) return { labelExpr: "format(datum.value, ',~g')" };
  return { labelExpr: "format(datum.value, abs(datum.value) < 1000 ? '~g' : '~s')" };
}

/** Of a logarithmic axis: from a power of ten to a power of ten, with marks at each, or at 1, 2 and 5 of each where they are few. */
function decades(values: readonly number[]): { readonly domain: readonly number[]; readonly marks: readonly number[] } {
  const [from, to] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
  const last = Math.max(to, from + 1);
  const step = Math.ceil((last - from) / 8);
  const powers = Array.from({ length: Math.ceil((last - from) / step) }, (_, i) => from + step * i);
  const within = powers.length > 2 ? [1] : [1, 2, 5];
  const marks = powers.flatMap((power) => within.map((factor) => factor * 10 ** power));
  return { domain: [10 ** from, 10 ** last], marks: [...marks, 10 ** last] };
}

/** Where lines that hold nothing that can be drawn leave an axis. */
const unit = [0, 1];

function lineSpec(chart: LineChart): object {
  const { lines, isLog = false, isUnit, xMarks, mark } = chart;
  const drawable = (point: ChartPoint) => isDrawable(point.x, isLog) && isDrawable(point.y, isLog);
  const all = lines.map(({ points }) => points.filter(drawable));
  // A logarithm knows no zero.
  const kind = (zero: boolean) => (isLog ? { type: 'log' } : { zero });
  const [xs, ys] = [all.flat().map(({ x }) => x), all.flat().map(({ y }) => y)];
  const xScale = { ...kind(false), nice: false, ...((isUnit || xs.length === 0) && { domain: unit }) };
  const tens = isLog && ys.length > 0 ? decades(ys) : undefined;
  const yDomain = tens?.domain ?? (isUnit || ys.length === 0 ? unit : undefined);
  const yScale = { ...kind(chart.fromZero ?? false), ...(yDomain && { domain: yDomain }) };
  const axes = {
    x: { ...axisTexts(xs), ...(xMarks ? { values: xMarks } : { tickCount: 5 }), grid: !xMarks, labelOverlap: true },
    y: { ...axisTexts(ys, chart.isPercent), ...(tens ? { values: tens.marks } : { tickCount: 5 }) },
  };
  const x = { field: 'x', type: 'quantitative', title: chart.xLabel, scale: xScale, axis: axes.x };
  const y = { field: 'y', type: 'quantitative', title: chart.yLabel, scale: yScale, axis: axes.y };
  const layers = lines.flatMap((line, i) => lineLayers(chart, line, { points: all[i], look: lookOf(i), x, y }));
  const more = [...(mark ? [markLayer(mark, x)] : []), ...(layers.length > 0 ? [] : [empty(x, y)])];
  return { ...shared(), layer: [...layers, ...more] };
}

interface LineParts {
  /** Those that can be drawn. */
  readonly points: readonly ChartPoint[];
  readonly look: { readonly shape: string; readonly colour: string };
  readonly x: object;
  readonly y: object;
}

function lineLayers(
  { isLog, isStep }: LineChart,
  { isIdeal, isScatter }: ChartLine,
  { points, look, x, y }: LineParts,
): object[] {
  if (points.length === 0) return [];
  const encoding = { x, y, order: { field: 'order', type: 'quantitative' } };
  const data = { values: points.map((point, order) => ({ ...point, order })) };
  if (isIdeal) return [{ data, encoding, mark: { type: 'line', stroke: soft, strokeWidth: 1.5, strokeDash: [5, 4] } }];
  const { colour, shape } = look;
  const dots = { type: 'point', shape, filled: true, fill: colour };
  if (isScatter) return [{ data, encoding, mark: { ...dots, size: 14, opacity: 0.55 } }];
  const thick = { stroke: colour, strokeWidth: 2 };
  const ranges = points.filter(({ low, high }) => isDrawable(low, isLog) && isDrawable(high, isLog));
  const spans = { x, y: { ...y, field: 'low' }, y2: { field: 'high' } };
  return [
    { data, encoding, mark: { type: 'line', interpolate: isStep ? 'step-after' : 'linear', ...thick } },
    ...(ranges.length > 0 ? [{ data: { values: ranges }, encoding: spans, mark: { type: 'rule', ...thick } }] : []),
    ...(points.length <= mostMarks ? [{ data, encoding, mark: { ...dots, size: 45, opacity: 1 } }] : []),
  ];
}

/** Points that can be told from each other. */
const mostMarks = 40;

const markLayer = ({ x: value }: NonNullable<LineChart['mark']>, x: object) => ({
  data: { values: [{ x: value }] },
  encoding: { x },
  mark: { type: 'rule', stroke: soft, strokeDash: [2, 3] },
});

/** Axes alone. */
const empty = (x: object, y: object) => ({
  data: { values: [{ x: 0.5, y: 0.5 }] },
  encoding: { x, y },
  mark: { type: 'point', opacity: 0 },
});

function barSpec({ bars, parts, xLabel, yLabel }: BarChart): object {
  const values = parts.flatMap(({ name, values: each }, part) =>
    each.map((value, i) => ({ bar: bars[i], name, part, value: isDrawable(value) ? value : 0 })),
  );
  const sums = bars.map((bar) => values.reduce((sum, one) => (one.bar === bar ? sum + one.value : sum), 0));
  return {
    ...shared(),
    data: { values },
    // The edge is seen where an area is as bright as the page.
    mark: { type: 'bar', stroke: soft, strokeWidth: 0.75 },
    encoding: {
      x: { field: 'bar', type: 'nominal', sort: null, title: xLabel, axis: { labelAngle: 0, labelOverlap: true } },
      y: { field: 'value', type: 'quantitative', title: yLabel, axis: { ...axisTexts(sums), tickCount: 5 } },
      order: { field: 'part', type: 'quantitative' },
      fill: {
        field: 'part',
        type: 'nominal',
        legend: null,
        scale: { domain: parts.map((_, i) => i), range: parts.map((_, i) => barColour(i)) },
      },
    },
  };
}

/** Colours of the page for areas. @param part of a bar */
export const barColour = (part: number): string => `var(--b${part % 8})`;

function histogramSpec({ edges, counts, xLabel, yLabel }: HistogramChart): object {
  const values = counts.map((count, i) => ({ from: edges[i], to: edges[i + 1], count }));
  const axis = { ...axisTexts(edges), tickCount: 5, labelOverlap: true };
  return {
    ...shared(),
    data: { values },
    mark: { type: 'bar', fill: barColour(0), stroke: soft, strokeWidth: 0.75 },
    encoding: {
      x: { field: 'from', type: 'quantitative', bin: 'binned', title: xLabel, axis },
      x2: { field: 'to' },
      y: { field: 'count', type: 'quantitative', title: yLabel, axis: { ...axisTexts(counts), tickCount: 5 } },
    },
  };
}

function rangeSpec({ ranges, xLabel }: RangeChart): object {
  const values = ranges.filter(({ value }) => isDrawable(value));
  const spans = values.filter(({ low, high }) => isDrawable(low) && isDrawable(high));
  const axis = { title: null, grid: true, ticks: false, domain: false, labelOverlap: false };
  const names = ranges.map(({ name }) => name);
  const places = { field: 'name', type: 'nominal', sort: null, scale: { domain: names }, axis };
  const at = (field: string) => ({
    ...{
      field,
      type: 'quantitative',
      title: xLabel,
      scale: { zero: false, ...(values.length === 0 && { domain: unit }) },
    },
    axis: { ...axisTexts(values.map(({ value }) => value)), tickCount: 4 },
  });
  const look = { fill: 'var(--c0)', stroke: 'var(--c0)' };
  const spanLayer = {
    data: { values: spans },
    mark: { type: 'rule', ...look, strokeWidth: 2 },
    encoding: { x: at('low'), x2: { field: 'high' }, y: places },
  };
  return {
    ...shared(Math.max(110, 60 + 22 * ranges.length)),
    layer: [
      // Vega knows no extent of no numbers.
      ...(spans.length > 0 ? [spanLayer] : []),
      {
        data: { values },
        mark: { type: 'point', ...look, filled: true, size: 50, opacity: 1 },
        encoding: { x: at('value'), y: places },
      },
    ],
  };
}
