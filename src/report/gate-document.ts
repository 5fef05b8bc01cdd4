/** What `lockstep check` found: a line for each limit of a gate, and all of them as a report. */
import type { GateLine } from '../evaluate/gate-lines.js';
import { metricText } from '../ground/units.js';
import type { ReportDocument } from './document.js';
import { examplesText } from './report-text.js';

export interface GateFound {
  readonly model: string;
  readonly split: string | null;
  readonly examples: number;
  readonly passed: boolean;
  readonly lines: readonly GateLine[];
}

export function gateCells({ about, metric, slice, value, interval, rule, passed, note }: GateLine): string[] {
  const range = interval ? `${metricText(interval.low)} to ${metricText(interval.high)}` : (note ?? '');
  // Such as that a slice is too small to say, which keeps a limit that its value does not.
  const why = interval && note !== undefined ? ` (${note})` : '';
  const name =
    about === 'baseline' ? `${metric} less the baseline's` : slice === undefined ? metric : `${metric}, ${slice}`;
  return [passed ? 'passed' : 'FAILED', name, metricText(value), range, `${rule}${why}`];
}

/** Whether the model passed, in a line. */
export function gateVerdict({ passed, lines }: GateFound): string {
  const failed = lines.filter((line) => !line.passed).length;
  return passed ? 'passed' : `not passed: ${failed} of ${lines.length} failed`;
}

export const gateDocument = (found: GateFound): ReportDocument => ({
  title: `Gate for ${found.model}`,
  lead: [`${gateVerdict(found)}, on ${examplesText(found.examples, found.split)}`],
  sections: [
    {
      title: 'Limits',
      isWarning: !found.passed,
      blocks: [
        {
          kind: 'table',
          head: [
            { name: '', isText: true },
            { name: 'metric', isText: true },
            { name: 'value' },
            { name: 'interval' },
            { name: 'rule', isText: true },
          ],
          rows: found.lines.map(gateCells),
        },
      ],
    },
  ],
});
