/** A report as Markdown, which reads as plain text too. */
import type { ComparedPoint, Comparison } from './compare.js';
import type { Mode, Point, ScaleReport } from './record.js';
import {
  bitsText,
  type Column,
  facts,
  short,
  speedColumns,
  splitColumns,
  titles,
  validationOf,
  workersText,
} from './scale-text.js';

/** @param projected the projection's own section, see projection/markdown.ts */
export function scaleMarkdown(report: ScaleReport, against?: Comparison, projected?: string): string {
  const { plan, points, advice, findings, warnings } = report;
  return [
    `# How ${report.config.name} scales`,
    facts(report)
      .map(([name, text]) => `- **${name}**: ${text}`)
      .join('\n'),
    ...advice,
    bitsText(report),
    ...(warnings.length > 0 ? ['## Before you believe it', list(warnings)] : []),
    ...plan.modes.flatMap((mode) => modeSection(mode, points)),
    '## What limits',
    findings.length > 0
      ? list(findings.map(({ mode, workers, text }) => `${mode}, ${workersText(workers)}: ${text}`))
      : 'Nothing that costs a twelfth of a step or more: the workers come close to the ideal.',
    ...(against ? comparisonSection(against) : []),
    ...(projected ? [projected] : []),
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');

function modeSection(mode: Mode, all: readonly Point[]): string[] {
  const points = all.filter((point) => point.mode === mode);
  if (points.length === 0) return [];
  const validation = points.map((point) => `${workersText(point.workers)} ${short(validationOf(point))} ms`).join(', ');
  return [
    `## ${titles[mode]}`,
    table(speedColumns, points),
    legend(speedColumns),
    `### Where a step's milliseconds go`,
    table(splitColumns, points),
    legend(splitColumns.slice(1)),
    ...(points.some((point) => validationOf(point) > 0) ? [`Evaluating at the end took: ${validation}.`] : []),
  ];
}

const legend = (columns: readonly Column[]): string =>
  columns
    .map(({ head, about }) => `*${head}*: ${about}`)
    .join('. ')
    .concat('.');

function table(columns: readonly Column[], points: readonly Point[]): string {
  return rows([columns.map(({ head }) => head), ...points.map((point) => columns.map(({ cell }) => cell(point)))]);
}

function rows([head, ...body]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---:')), ...body.map(line)].join('\n');
}

function comparisonSection({ before, rows: compared, words }: Comparison): string[] {
  const ratio = (value: number | null) => (value === null ? '-' : value.toFixed(2));
  const cells = ({ mode, workers, throughput, step, memory, cost, clear }: ComparedPoint) => [
    ...[mode, String(workers), ratio(throughput), ratio(step), ratio(memory), ratio(cost), clear ? 'yes' : 'no'],
  ];
  const head = ['mode', 'workers', 'examples/s', 'step', 'memory', 'cost', 'clear'];
  return [
    `## Compared with the report of ${before.slice(0, 16).replace('T', ' ')} UTC`,
    list(words),
    ...(compared.length > 0
      ? [
          rows([head, ...compared.map(cells)]),
          'Each number is that of now over that of before; *clear* differences are larger than those among repeats.',
        ]
      : []),
  ];
}
