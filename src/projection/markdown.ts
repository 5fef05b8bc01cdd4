/** A projection as a section of a report. */

import { bandwidthText, bytesText, grouped, percent, timeText } from '../ground/units.js';
import type { Projection } from './projection.js';
import type { ProjectionRow } from './row.js';
import type { Scenario } from './scenario.js';

const head = [
  'workers',
  'reduction',
  'step ms, p50',
  'p90',
  'examples/s',
  'speed-up',
  'efficiency',
  'busiest link',
  'waiting',
];

/** What is projected, as a heading has it. */
export const scenarioText = ({ mode, bandwidth, latency }: Scenario): string =>
  `${mode} scaling, ${bandwidthText(bandwidth)}, ${timeText(latency)}`;

/** @returns Markdown from the heading `## Projection` on; the best way at each number of workers in bold */
export function projectionMarkdown({ scenario, rows, best, verdict, assumptions }: Projection): string {
  return [
    `## Projection: ${scenarioText(scenario)}`,
    ...verdict,
    table(rows.map((row) => cellsOf(row, best.includes(row)))),
    'Throughput, speed-up (over one worker alone) and efficiency are those of the mean step; the busiest link is that of a step, in one direction; waiting is the part of a step in which a worker has nothing to do.',
    '### Assumptions',
    assumptions.map((sentence) => `- ${sentence}`).join('\n'),
  ].join('\n\n');
}

function cellsOf(row: ProjectionRow, isBest: boolean): string[] {
  return [
    grouped(row.workers),
    isBest ? `**${row.reduction}**` : row.reduction,
    row.p50.toFixed(1),
    row.p90.toFixed(1),
    grouped(row.examplesPerSecond),
    row.speedup.toFixed(1),
    percent(row.efficiency),
    bytesText(row.busiestLinkBytes),
    percent(row.waiting),
  ];
}

function table(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 1 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
