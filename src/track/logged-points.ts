/** What a run's log comes to as points of curves, by the names that every tool is told. */

/** A step, an epoch or the end of a run: as an event, or as a line of metrics.jsonl, where numbers that are not finite are words. */
export interface LoggedEvent {
  readonly event: string;
  readonly step?: number;
  readonly [key: string]: unknown;
}

const keysOf: Readonly<Record<string, readonly string[]>> = {
  step: ['loss', 'learningRate', 'gradientNorm', 'lossScale', 'examplesPerSecond', 'tokensPerSecond'],
  epoch: ['loss', 'seconds', 'skippedSteps', 'examplesPerSecond', 'tokensPerSecond'],
};

/** Points by `step/…`, `epoch/…`, `validation/…` and `test/…`. A run that is interrupted has no test: it goes on. */
export function loggedPoints(logged: LoggedEvent): [name: string, value: unknown][] {
  const { event } = logged;
  const own = (keysOf[event] ?? []).flatMap((key): [string, unknown][] =>
    isKnown(key, logged[key]) ? [[`${event}/${key}`, logged[key]]] : [],
  );
  const of = (split: string): [string, unknown][] =>
    Object.entries(logged[split] ?? {}).map(([metric, value]) => [`${split}/${metric}`, value]);
  if (event === 'epoch') return [...own, ...of('validation')];
  return event === 'end' && logged.interrupted !== true ? of('test') : own;
}

/** Before the second step there is no speed. */
const isKnown = (key: string, value: unknown): boolean =>
  value !== undefined && !(key.endsWith('PerSecond') && Number.isNaN(Number(value)));
