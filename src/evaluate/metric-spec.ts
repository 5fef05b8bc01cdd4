/** What is asked of an output. */
import type { ScoredOutput } from '../metrics/evaluated-rows.js';
import type { MetricConfig } from '../metrics/families.js';

/** An output, and what is asked of it. */
export interface MetricSpec extends ScoredOutput {
  readonly metrics: readonly MetricConfig[];
  /** Outputs, targets, weights and losses of all examples are kept until the end, whether or not a metric needs them. */
  readonly keepsAll?: boolean;
}
