/** What a model of cost expects of more workers, as a section of a report. */
import { bytesText, grouped, percent } from '../ground/units.js';
import type { ProjectionRow } from '../projection/row.js';
import type { Section } from '../report/document.js';
import type { Projected } from './project.js';
import { projectionChart } from './scale-charts.js';
import { short } from './scale-text.js';

const columns: readonly {
  readonly name: string;
  readonly about: string;
  readonly isText?: boolean;
  readonly cell: (row: ProjectionRow, isBest: boolean) => string;
}[] = [
  { name: 'workers', about: 'that do not exist here', cell: ({ workers }) => grouped(workers) },
  { name: 'reduction', about: 'how sums meet', isText: true, cell: ({ reduction }) => reduction },
  { name: 'step p50', about: 'milliseconds that half of the steps take at most', cell: ({ p50 }) => p50.toFixed(1) },
  { name: 'p90', about: 'nine of ten', cell: ({ p90 }) => p90.toFixed(1) },
  { name: 'examples/s', about: 'of the mean step', cell: ({ examplesPerSecond }) => grouped(examplesPerSecond) },
  { name: 'speed-up', about: 'over one worker alone', cell: ({ speedup }) => short(speedup) },
  { name: 'efficiency', about: 'speed-up over the number of workers', cell: ({ efficiency }) => percent(efficiency) },
  {
    name: 'busiest link',
    about: 'bytes of a step through it, in one direction',
    cell: ({ busiestLinkBytes }) => bytesText(busiestLinkBytes),
  },
  {
    name: 'waiting',
    about: 'part of a step in which a worker has nothing to do',
    cell: ({ waiting }) => percent(waiting),
  },
  {
    name: 'fastest',
    about: 'the best reduction of so many workers',
    isText: true,
    cell: (_, isBest) => (isBest ? 'yes' : ''),
  },
];

export function projectionSection({ scenario, rows, best, verdict, assumptions }: Projected): Section {
  return {
    title: `Projection: ${scenario}`,
    blocks: [
      ...verdict.map((text) => ({ kind: 'text' as const, text })),
      { kind: 'charts', isIllustration: true, charts: [projectionChart(rows)] },
      {
        kind: 'table',
        head: columns,
        rows: rows.map((row) => columns.map(({ cell }) => cell(row, best.includes(row)))),
      },
      { kind: 'heading', text: 'Assumptions' },
      { kind: 'list', items: assumptions },
    ],
  };
}
