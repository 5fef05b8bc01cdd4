/** A chart in a page: its picture, its legend, what could not be drawn, and its numbers as a table. */
import { grouped, numberText, plural } from '../ground/units.js';
import { barColour, chartSpec, isDrawable, lookOf } from './chart-spec.js';
import { chartTable } from './chart-table.js';
import type { Chart } from './document.js';
import { proseHtml } from './escape-html.js';
import { htmlTable } from './html-table.js';

/** Rows of the table beside a chart. */
const mostRows = 60;

/** @param hasTable whether the page has its numbers elsewhere */
export async function chartFigure(chart: Chart, hasTable = false): Promise<string> {
  // Late: the library is loaded by whoever draws, not by every command.
  const { drawSvg } = await import('./draw.js');
  const { viewBox, content } = await drawSvg(chartSpec(chart));
  const left = undrawn(chart);
  const table = chartTable(chart, mostRows);
  return [
    `<figure><figcaption>${proseHtml(chart.title)}</figcaption>`,
    `<svg viewBox="${viewBox}" role="img" aria-label="${proseHtml(descriptionOf(chart))}">${content}</svg>`,
    legendOf(chart),
    ...(left.length > 0 ? [`<p class="about">${proseHtml(`Not drawn: ${left.join('; ')}.`)}</p>`] : []),
    ...(hasTable ? [] : [`<details><summary>Numbers</summary>${htmlTable(table)}</details>`]),
    '</figure>',
  ].join('\n');
}

function descriptionOf(chart: Chart): string {
  const axes = chart.kind === 'ranges' ? chart.xLabel : `${chart.yLabel} over ${chart.xLabel}`;
  return `${chart.title}. ${axes}: ${shownIn(chart).join(', ')}. The numbers are in the table that follows.`;
}

function shownIn(chart: Chart): string[] {
  if (chart.kind === 'lines') return chart.lines.map(({ name }) => name);
  if (chart.kind === 'bars') return chart.parts.map(({ name }) => name);
  return [chart.kind === 'ranges' ? plural(chart.ranges.length, 'value') : plural(chart.counts.length, 'bin')];
}

/** Numbers that have no place on paper, in words. */
function undrawn(chart: Chart): string[] {
  const words = (name: string, values: readonly (readonly [at: string, value: number])[], isLog?: boolean) => {
    const left = values.filter(([, value]) => !isDrawable(value, isLog));
    if (left.length === 0) return [];
    const some = left.slice(0, 5).map(([at, value]) => `${numberInWords(value)} at ${at}`);
    return [`${name}: ${some.join(', ')}${left.length > 5 ? ` and ${left.length - 5} more` : ''}`];
  };
  if (chart.kind === 'lines') {
    return chart.lines.flatMap(({ name, points }) =>
      words(
        name,
        points.map(({ x, y }) => [`${x}`, y]),
        chart.isLog,
      ),
    );
  }
  if (chart.kind === 'ranges') {
    return words(
      chart.xLabel,
      chart.ranges.map(({ name, value }) => [name, value]),
    );
  }
  if (chart.kind === 'histogram') {
    const { edges, below, above } = chart;
    return [
      ...(below > 0 ? [`${grouped(below)} below ${numberText(edges[0], 5)}`] : []),
      ...(above > 0 ? [`${grouped(above)} above ${numberText(edges.at(-1)!, 5)}`] : []),
    ];
  }
  return chart.parts.flatMap(({ name, values }) =>
    words(
      name,
      values.map((value, i) => [chart.bars[i], value]),
    ),
  );
}

const numberInWords = (value: number): string => {
  if (Number.isNaN(value)) return 'not a number';
  return Number.isFinite(value) ? `${value}` : value > 0 ? 'infinite' : 'minus infinite';
};

/** As the points of the chart are. */
const shapes: Readonly<Record<string, string>> = {
  circle: 'M1.5,6a4.5,4.5 0 1 0 9,0a4.5,4.5 0 1 0 -9,0Z',
  square: 'M2,2h8v8h-8Z',
  'triangle-up': 'M6,1.5l5,9h-10Z',
  diamond: 'M6,0.5l4,5.5l-4,5.5l-4,-5.5Z',
  'triangle-down': 'M6,10.5l5,-9h-10Z',
  cross: 'M4.5,1h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5Z',
};

const sign = (drawn: string) => `<svg viewBox="0 0 12 12">${drawn}</svg>`;
const shape = (path: string, colour: string, edge = 'none') =>
  sign(`<path d="${path}" fill="${colour}" stroke="${edge}"/>`);
const dashes = (path: string, lengths: string) =>
  sign(`<path d="${path}" stroke="var(--soft)" stroke-width="1.5" stroke-dasharray="${lengths}"/>`);
const ideal = dashes('M0,6h12', '5 2');
const marked = dashes('M6,0v12', '2 3');

/** Outside of the picture, where it can wrap and names can be long. */
function legendOf(chart: Chart): string {
  const entry = (drawn: string, name: string) =>
    `<li><span aria-hidden="true" class="sign">${drawn}</span>${proseHtml(name)}</li>`;
  const line = (i: number) => shape(shapes[lookOf(i).shape], lookOf(i).colour);
  const entries =
    chart.kind === 'lines'
      ? [
          ...chart.lines.map(({ name, isIdeal }, i) => entry(isIdeal ? ideal : line(i), name)),
          ...(chart.mark ? [entry(marked, chart.mark.text)] : []),
        ]
      : chart.kind === 'bars' && chart.parts.length > 1
        ? chart.parts.map(({ name }, i) => entry(shape(shapes.square, barColour(i), 'var(--soft)'), name))
        : [];
  const isPlain = chart.kind === 'lines' && entries.length < 2;
  return entries.length === 0 || isPlain ? '' : `<ul class="legend">${entries.join('')}</ul>`;
}
