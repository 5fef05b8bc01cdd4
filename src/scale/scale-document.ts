/** The report of `lockstep scale`, section by section: it becomes a page and Markdown. */
import type { Block, ReportDocument, Section, TableBlock } from '../report/document.js';
import type { Comparison } from './compare.js';
import type { Projected } from './project.js';
import { projectionSection } from './projection-section.js';
import type { Mode, ScalePoint, ScaleReport } from './record.js';
import { comparisonCharts, pointCharts } from './scale-charts.js';
import {
  bitsText,
  costColumns,
  facts,
  type ScaleColumn,
  short,
  speedColumns,
  splitColumns,
  titles,
  validationOf,
  workersText,
} from './scale-text.js';

/** @param against an earlier report, compared with this one */
export function scaleDocument(report: ScaleReport, against?: Comparison, projected?: Projected): ReportDocument {
  const { advice, findings, warnings, plan, points } = report;
  const limits = findings.map(({ mode, workers, text }) => `${mode}, ${workersText(workers)}: ${text}`);
  return {
    title: `How ${report.config.name} scales`,
    lead: [...advice, bitsText(report)],
    sections: [
      ...(warnings.length > 0 ? [{ title: 'Before you believe it', isWarning: true, blocks: [list(warnings)] }] : []),
      ...plan.modes.flatMap((mode) => modeSection(mode, points)),
      { title: 'What limits', blocks: [limits.length > 0 ? list(limits) : nothingLimits] },
      ...(against ? [comparisonSection(against)] : []),
      ...(projected ? [projectionSection(projected)] : []),
      { title: 'What was measured', blocks: [{ kind: 'facts', entries: facts(report) }] },
    ],
  };
}

const list = (items: readonly string[]): Block => ({ kind: 'list', items });

const nothingLimits: Block = {
  kind: 'text',
  text: 'Nothing that costs a twelfth of a step or more: the workers come close to the ideal.',
};

function modeSection(mode: Mode, all: readonly ScalePoint[]): Section[] {
  const points = all.filter((point) => point.mode === mode);
  if (points.length === 0) return [];
  const validation = points.map((point) => `${workersText(point.workers)} ${short(validationOf(point))} ms`).join(', ');
  const text = `Evaluating at the end took: ${validation}.`;
  const blocks: Block[] = [
    { kind: 'charts', isIllustration: true, charts: pointCharts(points) },
    table(speedColumns, points),
    table(costColumns, points),
    { kind: 'heading', text: "Where a step's milliseconds go" },
    table(splitColumns, points),
    ...(points.some((point) => validationOf(point) > 0) ? [{ kind: 'text' as const, text }] : []),
  ];
  return [{ title: titles[mode], blocks }];
}

const table = (columns: readonly ScaleColumn[], points: readonly ScalePoint[]): TableBlock => ({
  kind: 'table',
  head: columns.map(({ head, about }) => ({ name: head, about })),
  rows: points.map((point) => columns.map(({ cell }) => cell(point))),
});

function comparisonSection(comparison: Comparison): Section {
  const { before, rows, words } = comparison;
  const ratio = (value: number | null) => (value === null ? '-' : value.toFixed(2));
  const head = [
    { name: 'workers' },
    { name: 'mode', isText: true },
    { name: 'examples/s', about: 'now over before' },
    { name: 'step', about: 'median, now over before' },
    { name: 'memory', about: 'now over before' },
    { name: 'cost', about: 'processor time of an example, now over before' },
    { name: 'clear', about: 'whether the difference is larger than those among repeats', isText: true },
  ];
  const cells = rows.map(({ mode, workers, throughput, step, memory, cost, clear }) => [
    ...[String(workers), mode, ratio(throughput), ratio(step), ratio(memory), ratio(cost), clear ? 'yes' : 'no'],
  ]);
  const compared: Block[] = [
    { kind: 'charts', isIllustration: true, charts: comparisonCharts(comparison) },
    { kind: 'table', head, rows: cells },
  ];
  return {
    title: `Compared with the report of ${before.slice(0, 16).replace('T', ' ')} UTC`,
    blocks: [list(words), ...(rows.length > 0 ? compared : [])],
  };
}
