/** Random cases of metrics and what scikit-learn 1.9.1 says of them (scripts/peers/metric_cases.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './package.js';

/** A number, null where it is none, or a table of them. */
export type CaseValue = number | null | readonly (readonly number[])[];

export interface MetricCase {
  readonly kind: 'classes' | 'two classes' | 'labels' | 'numbers';
  readonly mode: 'alike' | 'masked' | 'weighted';
  readonly outputs: number[][];
  readonly targets: number[] | number[][];
  readonly weights: number[];
  /** By the metric's label. */
  readonly expected: Readonly<Record<string, CaseValue>>;
}

export const metricCases: MetricCase[] = JSON.parse(
  readFileSync(join(packageRoot, 'test/fixtures/metric-cases.json'), 'utf8'),
);
