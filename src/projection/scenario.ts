/** What is to be projected: how many workers, on what network, with what bad luck. */
import { bandwidthText, timeText } from '../ground/units.js';

export const reductions = ['star', 'tree', 'butterfly', 'hierarchical'] as const;
/** How sums meet. Hierarchical: in the memory of each host first, then across hosts by butterfly. */
export type Reduction = (typeof reductions)[number];

export interface Scenario {
  /** Ascending. */
  readonly workers: readonly number[];
  /** Bytes a second that a host's network takes each way at the same time. */
  readonly bandwidth: number;
  /** Seconds one way. */
  readonly latency: number;
  /** Workers on a host, which share its network; the cores of the measured machine without it. */
  readonly perHost?: number;
  /** Coefficient of variation of the time that a worker computes; as measured without it. */
  readonly stragglers?: number;
  /** Failures per worker and hour. */
  readonly failures: number;
  readonly reductions: readonly Reduction[];
  /** weak: each worker keeps its examples of a step; strong: the step keeps its own. */
  readonly mode: 'weak' | 'strong';
  /** Examples of a worker (weak) or of a step (strong); as measured without it. */
  readonly batch?: number;
}

/** What is to be projected, in a line. */
export const scenarioText = ({ mode, bandwidth, latency }: Scenario): string =>
  `${mode} scaling, ${bandwidthText(bandwidth)}, ${timeText(latency)}`;
