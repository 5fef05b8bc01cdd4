/** Reads what a run wrote into its metrics.jsonl. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** JSON has no number that is not finite: such are written as words. */
const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)]);
const metrics = z.record(z.string(), number).nullable();
const epochSchema = z.looseObject({
  event: z.literal('epoch'),
  epoch: z.int().min(1),
  step: z.int().min(0),
  loss: number,
  validation: metrics,
});
const endSchema = z.looseObject({
  event: z.literal('end'),
  bestEpoch: z.int().nullable().default(null),
  stoppedEarly: z.boolean().default(false),
  restored: z.boolean().default(false),
  interrupted: z.boolean().default(false),
});

export interface LoggedEpoch {
  /** Counted from 1. */
  readonly epoch: number;
  /** Steps of the run by then. */
  readonly step: number;
  /** Mean loss of the training examples over the epoch, with regularization. */
  readonly loss: number;
  readonly validation: Readonly<Record<string, number>> | null;
}

export interface RunLog {
  readonly epochs: readonly LoggedEpoch[];
  /** How the run ended; undefined for one that was killed or goes on. */
  readonly end?: {
    readonly bestEpoch: number | null;
    readonly stoppedEarly: boolean;
    readonly restored: boolean;
    readonly interrupted: boolean;
  };
}

/** @param file metrics.jsonl; what is no line of it is passed over, and where there is none there are no epochs */
export function readRunLog(file: string): RunLog {
  const epochs: LoggedEpoch[] = [];
  let end: RunLog['end'];
  for (const line of linesOf(file)) {
    // Most lines are of steps.
    if (line.startsWith('{"event":"epoch"')) {
      const epoch = parsed(line, epochSchema);
      if (epoch) epochs.push(epoch);
    } else if (line.startsWith('{"event":"end"')) end = parsed(line, endSchema);
  }
  return { epochs, ...(end && { end }) };
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function parsed<T>(line: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
