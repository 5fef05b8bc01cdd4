/** Reads the trace of a run: what each worker did in each step. */
import { z } from 'zod';
import { ScaleError } from '../errors.js';
import { parseJson } from '../ground/json-file.js';
import { phaseSplitNames } from './record.js';

/** Milliseconds of each phase, in the order of `phaseSplitNames`; waiting only where a thread says so. */
type PhaseTimes = number[];

interface TracedStep {
  /** Counted from 1. */
  readonly step: number;
  /** Milliseconds since the trace began: the first worker's first span, and the last worker's last. */
  start: number;
  end: number;
  /** By worker. */
  readonly phases: Map<number, PhaseTimes>;
}

export interface RunTrace {
  /** When the trace began, in milliseconds since 1970. */
  readonly time: number;
  /** Names by id, in the order in which they came. */
  readonly workers: ReadonlyMap<number, string>;
  /** In their order. */
  readonly steps: readonly TracedStep[];
  /** Milliseconds of evaluating, by worker. */
  readonly validation: ReadonlyMap<number, number>;
}

const entriesSchema = z.array(
  z.object({
    ph: z.string(),
    name: z.string(),
    pid: z.number(),
    /** Microseconds. */
    ts: z.number().default(0),
    dur: z.number().default(0),
    args: z
      .object({
        name: z.string().optional(),
        time: z.number().optional(),
        step: z.number().optional(),
        shards: z.string().optional(),
      })
      .default({}),
  }),
);

/**
 * @param text what `--trace` of a run that has ended wrote
 * @throws ScaleError when it is none
 */
export function parseTrace(text: string): RunTrace {
  const entries = parseJson(text, 'the trace of a run', entriesSchema, {
    Failure: ScaleError,
    what: 'a trace of Lockstep',
    remedy: 'check that TMPDIR has space, and measure again',
  });
  const workers = new Map<number, string>();
  const validation = new Map<number, number>();
  const steps = new Map<number, TracedStep>();
  let time = 0;
  for (const { ph, name, pid, ts, dur, args } of entries) {
    if (name === 'trace_start') time = args.time!;
    if (name === 'process_name') workers.set(pid, args.name!);
    if (ph !== 'X') continue;
    if (name === 'validate') validation.set(pid, (validation.get(pid) ?? 0) + dur / 1000);
    if (args.step === undefined) continue;
    const step = steps.get(args.step) ?? emptyStep(args.step);
    steps.set(args.step, step);
    step.start = Math.min(step.start, ts / 1000);
    step.end = Math.max(step.end, (ts + dur) / 1000);
    const phase = (phaseSplitNames as readonly string[]).indexOf(name);
    // The span over all phases of computing has the name of one of them.
    if (phase < 0 || args.shards !== undefined) continue;
    const phases = step.phases.get(pid) ?? phaseSplitNames.map(() => 0);
    step.phases.set(pid, phases);
    phases[phase] += dur / 1000;
  }
  return { time, workers, validation, steps: [...steps.values()].sort((a, b) => a.step - b.step) };
}

const emptyStep = (step: number): TracedStep => ({
  step,
  start: Number.POSITIVE_INFINITY,
  end: Number.NEGATIVE_INFINITY,
  phases: new Map(),
});
