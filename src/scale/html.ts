/** A report as a page: one file, which opens without a network, in light and in dark, on paper and without eyes. */
import { grouped, percent } from '../ground/units.js';
import type { Comparison } from './compare.js';
import { type Mode, type Point, type ScaleReport, splitNames } from './record.js';
import { bitsText, type Column, facts, short, speedColumns, splitColumns, titles, workersText } from './scale-text.js';
import { barPlot, escapeHtml, linePlot } from './svg.js';

export function scaleHtml(report: ScaleReport, against?: Comparison): string {
  const title = `How ${report.config.name} scales`;
  const { advice, findings, warnings, plan } = report;
  const limits = findings.map(({ mode, workers, text }) => `${mode}, ${workersText(workers)}: ${text}`);
  return `${[
    '<!DOCTYPE html>',
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<title>${escapeHtml(title)}</title><style>${style}</style></head><body><main>`,
    `<h1>${escapeHtml(title)}</h1>`,
    ...advice.map((text) => `<p class="advice">${escapeHtml(text)}</p>`),
    `<p>${escapeHtml(bitsText(report))}</p>`,
    ...(warnings.length > 0
      ? [`<section class="warnings"><h2>Before you believe it</h2>${list(warnings)}</section>`]
      : []),
    ...plan.modes.map((mode) => section(mode, report)),
    '<section><h2>What limits</h2>',
    limits.length > 0
      ? list(limits)
      : '<p>Nothing that costs a twelfth of a step or more: the workers come close to the ideal.</p>',
    '</section>',
    ...(against ? [comparison(against)] : []),
    ...(report.projection ? [projection(report.projection)] : []),
    '<section><h2>What was measured</h2><dl>',
    ...facts(report).map(([name, text]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(text)}</dd>`),
    '</dl></section></main></body></html>',
  ].join('\n')}\n`;
}

const list = (lines: readonly string[]): string =>
  `<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`;

function section(mode: Mode, report: ScaleReport): string {
  const points = report.points.filter((point) => point.mode === mode);
  if (points.length === 0) return '';
  return [
    `<section><h2>${escapeHtml(titles[mode])}</h2><div class="plots">`,
    ...plotsOf(points),
    '</div>',
    table(speedColumns, points),
    "<h3>Where a step's milliseconds go</h3>",
    table(splitColumns, points),
    '</section>',
  ].join('\n');
}

const xLabel = 'workers';

function plotsOf(points: readonly Point[]): string[] {
  return [...speedPlots(points), ...barPlots(points), stepPlot(points)];
}

type At = { readonly y: number; readonly low?: number; readonly high?: number };

const line = (points: readonly Point[], y: (point: Point) => At) =>
  points.map((point) => ({ x: point.workers, ...y(point) }));

function speedPlots(points: readonly Point[]): string[] {
  const [base] = points;
  const rate = base.examplesPerSecond.median;
  const measured = (over: (point: Point) => number) => ({
    name: 'measured',
    points: line(points, (point) => {
      const { median, min, max } = point.examplesPerSecond;
      return { y: median / over(point), low: min / over(point), high: max / over(point) };
    }),
  });
  const ideal = (y: (point: Point) => number) => ({
    name: 'ideal',
    isIdeal: true,
    points: line(points, (point) => ({ y: y(point) })),
  });
  return [
    linePlot({
      title: 'Speed-up, with the slowest and fastest repeat',
      xLabel,
      yLabel: `times ${workersText(base.workers)}`,
      yText: short,
      lines: [measured(() => rate), ideal(({ workers }) => workers / base.workers)],
    }),
    linePlot({
      title: 'Efficiency',
      xLabel,
      yLabel: 'part of the ideal',
      yText: percent,
      lines: [measured(({ workers }) => (rate * workers) / base.workers), ideal(() => 1)],
    }),
  ];
}

/** Where time goes, and what it costs where that is known. */
function barPlots(points: readonly Point[]): string[] {
  const bars = points.map(({ workers }) => `${workers}`);
  const split = barPlot({
    title: "Where a step's time goes",
    xLabel,
    yLabel: 'milliseconds',
    yText: short,
    bars,
    parts: splitNames.map((phase) => ({ name: phase, values: points.map(({ split }) => split[phase]) })),
  });
  if (points.some(({ cpuSecondsPerExample }) => cpuSecondsPerExample === null)) return [split];
  const cost = barPlot({
    title: 'Cost of 1,000 examples',
    xLabel,
    yLabel: 'seconds of processor time',
    yText: short,
    bars,
    parts: [{ name: 'cost', values: points.map((point) => 1000 * point.cpuSecondsPerExample!) }],
  });
  return [split, cost];
}

function stepPlot(points: readonly Point[]): string {
  return linePlot({
    title: 'Time of a step: half, nine of ten, 99 of 100',
    xLabel,
    yLabel: 'milliseconds',
    yText: short,
    lines: (['p50', 'p90', 'p99'] as const).map((which) => ({
      name: which,
      points: line(points, ({ step }) => ({ y: step[which] })),
    })),
  });
}

function table(columns: readonly Column[], points: readonly Point[]): string {
  return htmlTable(
    columns.map(({ head, about }) => [head, about] as const),
    points.map((point) => columns.map(({ cell }) => cell(point))),
  );
}

function htmlTable(
  heads: readonly (readonly [head: string, about: string])[],
  rows: readonly (readonly string[])[],
): string {
  const head = heads.map(
    ([name, about]) => `<th scope="col"><abbr title="${escapeHtml(about)}">${escapeHtml(name)}</abbr></th>`,
  );
  const body = rows.map(([first, ...others]) => {
    const cells = others.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('');
    return `<tr><th scope="row">${escapeHtml(first)}</th>${cells}</tr>`;
  });
  const legend = heads.map(([name, about]) => `<b>${escapeHtml(name)}</b>: ${escapeHtml(about)}`).join('. ');
  return `<div class="scroll"><table><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div><p class="about">${legend}.</p>`;
}

function comparison({ before, rows, words }: Comparison): string {
  const ratio = (value: number | null) => (value === null ? '-' : value.toFixed(2));
  const heads = [
    ['workers', 'and mode'],
    ['examples/s', 'now over before'],
    ['step', 'median, now over before'],
    ['memory', 'now over before'],
    ['cost', 'processor time of an example, now over before'],
    ['clear', 'whether the difference is larger than those among repeats'],
  ] as const;
  const cells = rows.map(({ mode, workers, throughput, step, memory, cost, clear }) => [
    ...[`${workers}, ${mode}`, ratio(throughput), ratio(step), ratio(memory), ratio(cost), clear ? 'yes' : 'no'],
  ]);
  const modes = [...new Set(rows.map(({ mode }) => mode))];
  const counts = [...new Set(rows.map(({ workers }) => workers))].sort((a, b) => a - b);
  const pointsOf = (mode: Mode) => rows.filter((row) => row.mode === mode);
  const plot = linePlot({
    title: 'Examples/s now over before',
    xLabel,
    yLabel: 'ratio',
    yText: (value) => value.toFixed(2),
    lines: [
      ...modes.map((name) => ({
        name,
        points: pointsOf(name).map(({ workers, throughput }) => ({ x: workers, y: throughput })),
      })),
      { name: 'as before', isIdeal: true, points: counts.map((count) => ({ x: count, y: 1 })) },
    ],
  });
  const when = before.slice(0, 16).replace('T', ' ');
  return [
    `<section><h2>Compared with the report of ${escapeHtml(when)} UTC</h2>${list(words)}`,
    rows.length > 0 ? `<div class="plots">${plot}</div>${htmlTable(heads, cells)}` : '',
    '</section>',
  ].join('\n');
}

function projection({ scenario, rows, verdict, assumptions }: NonNullable<ScaleReport['projection']>): string {
  const reductions = [...new Set(rows.map(({ reduction }) => reduction))];
  const of = (reduction: string) => rows.filter((row) => row.reduction === reduction);
  const counts = [...new Set(rows.map(({ workers }) => workers))].sort((a, b) => a - b);
  const lines = [
    ...reductions.map((name) => ({
      name,
      points: of(name).map(({ workers, speedup }) => ({ x: workers, y: speedup })),
    })),
    { name: 'ideal', isIdeal: true, points: counts.map((count) => ({ x: count, y: count })) },
  ];
  const plot = linePlot({
    title: 'Projected speed-up over one worker',
    xLabel,
    yLabel: 'times one worker',
    isLog: true,
    lines,
    yText: (value) => (value < 1 ? short(value) : grouped(value)),
  });
  const heads = [
    ['workers', 'that do not exist here'],
    ['reduction', 'how sums meet'],
    ['examples/s', 'of the mean step'],
    ['speed-up', 'over one worker alone'],
    ['efficiency', 'of the ideal'],
  ] as const;
  const cells = rows.map(({ workers, reduction, examplesPerSecond, speedup, efficiency }) => [
    ...[grouped(workers), reduction, grouped(examplesPerSecond), short(speedup), percent(efficiency)],
  ]);
  return [
    `<section><h2>Projection: ${escapeHtml(scenario)}</h2>`,
    ...verdict.map((text) => `<p>${escapeHtml(text)}</p>`),
    `<div class="plots">${plot}</div><details open><summary>All rows</summary>${htmlTable(heads, cells)}</details>`,
    `<h3>Assumptions</h3>${list(assumptions)}</section>`,
  ].join('\n');
}

/** Colours of Okabe and Ito, which people who see fewer colours tell apart; black is the page's own text. */
const style = `
:root { color-scheme: light dark; --text: #1b1b1b; --page: #fff; --soft: #666; --rule: #ddd; --inside: #000; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8e8; --page: #161616; --soft: #a5a5a5; --rule: #3a3a3a; } }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.advice { font-size: 1.15rem; }
.warnings { border-left: 4px solid #d55e00; padding-left: 1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; break-inside: avoid; } figcaption { font-weight: 600; }
figure > svg { width: 100%; height: auto; } .key { width: .9rem; height: .9rem; margin-right: .35rem; vertical-align: -.1rem; } svg text { font: 12px system-ui, sans-serif; fill: var(--soft); } svg .inside { fill: var(--inside); }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); fill: none; } .line { fill: none; stroke-width: 2; }
.ideal { stroke: var(--soft); stroke-dasharray: 5 4; }
.c0 { --c: #56b4e9; } .c1 { --c: #e69f00; } .c2 { --c: #009e73; } .c3 { --c: #f0e442; }
.c4 { --c: #cc79a7; } .c5 { --c: #d55e00; } .c6 { --c: #9a9a9a; } .c7 { --c: #0072b2; }
svg [class^="c"] { fill: var(--c); stroke: var(--c); } svg rect[class^="c"] { stroke: var(--page); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 0; padding: 0; font-size: .85rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; background: var(--c); }
.legend i.ideal { height: 0; border-top: 2px dashed var(--soft); vertical-align: middle; }
.scroll { overflow-x: auto; margin-top: 1.5rem; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .5rem; text-align: right; border-bottom: 1px solid var(--rule); vertical-align: bottom; }
abbr { text-decoration: none; } .about { font-size: .85rem; color: var(--soft); }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
@media print { * { print-color-adjust: exact; } .scroll { overflow: visible; } th, td { padding: .15rem .3rem; } }
`;
