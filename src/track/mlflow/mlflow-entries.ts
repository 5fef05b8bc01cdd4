/** Lines of a run's metrics.jsonl as MLflow's metrics; names and values as its server takes them. */

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

/** What a line of the log is: a `step`, an `epoch` or the `end` of a run. */
export interface LoggedLine {
  readonly event: string;
  readonly step?: number;
  readonly [key: string]: unknown;
}

const stepKeys = ['loss', 'learningRate', 'gradientNorm', 'examplesPerSecond', 'tokensPerSecond'];
const epochKeys = ['loss', 'seconds', 'examplesPerSecond', 'tokensPerSecond'];

/**
 * @param step of the run, for a line that has none
 * @param timestamp of when it is sent: the log tells none
 */
export function mlflowMetrics(line: LoggedLine, step: number, timestamp: number): MlflowMetric[] {
  const values = new Map<string, unknown>();
  const add = (place: string, object: unknown, keys?: readonly string[]) => {
    const entries = Object.entries((object ?? {}) as Record<string, unknown>);
    for (const [key, value] of entries) {
      const name = mlflowName(`${place}/${key}`);
      if ((keys?.includes(key) ?? true) && !values.has(name)) values.set(name, value);
    }
  };
  if (line.event === 'step') add('step', line, stepKeys);
  else if (line.event === 'epoch') {
    add('epoch', line, epochKeys);
    add('validation', line.validation);
  } else if (line.event === 'end' && line.interrupted !== true) add('test', line.test);
  return [...values].flatMap(([key, value]) =>
    isValue(value) ? [{ key, value, timestamp, step: line.step ?? step }] : [],
  );
}

const isValue = (value: unknown): value is number | string =>
  typeof value === 'number' || value === 'NaN' || value === 'Infinity' || value === '-Infinity';
