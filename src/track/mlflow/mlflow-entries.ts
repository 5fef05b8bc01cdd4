/** Lines of a run's metrics.jsonl as MLflow's metrics; names and values as its server takes them. */
import { type LoggedEvent, loggedPoints } from '../logged-points.js';

export interface MlflowMetric {
  readonly key: string;
  /** JSON has no number that is not finite: MLflow takes the words, and drops silently whatever follows a bare NaN. */
  readonly value: number | string;
  /** Milliseconds since 1970, and the step: whole numbers, as fractions make the server drop what follows. */
  readonly timestamp: number;
  readonly step: number;
}

export interface MlflowParameter {
  readonly key: string;
  readonly value: string;
}

/** Characters of a name, and of a parameter's value: what is longer the server refuses, or cuts without a word. */
const longestName = 250;
const longestValue = 6000;

/** A name in the characters that MLflow allows; it may begin with no slash, and have no part of dots alone. */
export function mlflowName(name: string): string {
  const plain = name.replace(/[^\w. :/-]/g, '_').replace(/(^|\/)(?=\/|\.{1,2}(?:\/|$))/g, '$1_');
  return plain.replace(/^\//, '_/').slice(0, longestName).replace(/[/ ]$/, '_');
}

/** Values by their paths. Of two that come to one name the first is kept: MLflow refuses a batch in which one changes. */
export function mlflowParameters(leaves: Iterable<readonly [string, string | undefined]>): MlflowParameter[] {
  const values = new Map<string, string>();
  for (const [path, value] of leaves) {
    const key = mlflowName(path);
    if (value !== undefined && !values.has(key)) values.set(key, textOf(value).slice(0, longestValue));
  }
  return [...values].map(([key, value]) => ({ key, value }));
}

/** A text without the quotes of its JSON. */
const textOf = (json: string): string => (json.startsWith('"') ? (JSON.parse(json) as string) : json);

/**
 * @param step of the run, for a line that has none
 * @param timestamp of when it is sent, for a line that tells no time
 */
export function mlflowMetrics(line: LoggedEvent, step: number, timestamp: number): MlflowMetric[] {
  const values = new Map<string, unknown>();
  for (const [name, value] of loggedPoints(line)) {
    const key = mlflowName(name);
    if (!values.has(key)) values.set(key, value);
  }
  const when = typeof line.time === 'number' ? Math.round(line.time * 1000) : timestamp;
  return [...values].flatMap(([key, value]) =>
    isValue(value) ? [{ key, value, timestamp: when, step: line.step ?? step }] : [],
  );
}

const isValue = (value: unknown): value is number | string =>
  typeof value === 'number' || value === 'NaN' || value === 'Infinity' || value === '-Infinity';
