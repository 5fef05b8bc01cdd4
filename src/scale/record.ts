/** What `scale.json` holds: its format, checked when it is read. */
import { z } from 'zod';
import { clusterSchema } from '../config/cluster.js';
import { ConfigError } from '../errors.js';

/** Where a worker's step goes; together they are the step. */
export const phaseSplitNames = ['gather', 'compute', 'reduce', 'exchange', 'update', 'wait'] as const;
const modes = ['strong', 'weak'] as const;
export const kinds = ['threads', 'processes'] as const;

const count = z.int().min(1);
const amount = z.number().min(0);
/** Milliseconds of a step, mean over the steps. */
const splitSchema = z.strictObject({
  gather: amount,
  compute: amount,
  reduce: amount,
  exchange: amount,
  update: amount,
  wait: amount,
});
const workerSchema = z.strictObject({
  name: z.string(),
  /** A coordinator that does not compute is none of the workers that are counted. */
  computes: z.boolean(),
  split: splitSchema,
  /** Milliseconds of evaluating in the whole run. */
  validation: amount,
});
const percentilesSchema = z.strictObject({ p50: amount, p90: amount, p99: amount });
const lossSchema = z.strictObject({
  /** Examples that the model had been trained on then. */
  examples: count,
  /** Of the batch of that step. */
  training: z.number().nullable(),
  /** Of the validation split at the end of the run; null where there is none. */
  validation: z.number().nullable(),
});
/** Medians over the steps, in milliseconds; all but `step` of the mean over the workers. */
const typicalSchema = z.strictObject({ step: amount, compute: amount, exchange: amount, update: amount, wait: amount });

const runSchema = z.strictObject({
  mode: z.enum(modes),
  workers: count,
  repeat: count,
  batchSize: count,
  shards: count,
  steps: count,
  examples: count,
  seconds: amount,
  examplesPerSecond: amount,
  step: percentilesSchema,
  /** How far the slowest worker's computing is behind the mean; median over the steps, in milliseconds. */
  spread: amount,
  typical: typicalSchema,
  perWorker: z.array(workerSchema).min(1),
  /** Bytes of gradients through sockets, and the fewest that could have; null for threads, which share memory. */
  bytesPerStep: amount.nullable(),
  fewestBytesPerStep: amount.nullable(),
  /** Of all processes; null where the system does not tell. */
  peakBytes: amount.nullable(),
  cpuSeconds: amount.nullable(),
  loss: lossSchema,
  sha256: z.string(),
});

const rangeSchema = z.strictObject({ median: amount, min: amount, max: amount });
const pointSchema = z.strictObject({
  mode: z.enum(modes),
  workers: count,
  repeats: count,
  batchSize: count,
  shards: count,
  examplesPerSecond: rangeSchema,
  step: percentilesSchema,
  /** Throughput over that of the fewest workers; and that over the ideal. */
  speedup: amount,
  efficiency: amount,
  /** Milliseconds of a step: mean over the workers that compute. */
  split: splitSchema,
  spread: amount,
  perWorker: z.array(workerSchema),
  bytesPerStep: amount.nullable(),
  fewestBytesPerStep: amount.nullable(),
  peakBytes: amount.nullable(),
  cpuSecondsPerExample: amount.nullable(),
  loss: lossSchema,
  /** Different ones of its runs: one, where they agree. */
  hashes: z.array(z.string()),
});

const findingSchema = z.strictObject({
  mode: z.enum(modes),
  workers: count,
  cause: z.enum(['cores', 'memory', 'bandwidth', 'latency', 'dispatch', 'stragglers', 'shards']),
  /** Milliseconds of a step that it costs, beyond what the ideal has. */
  milliseconds: amount,
  text: z.string(),
});

const projectionRowSchema = z.object({
  workers: count,
  reduction: z.string(),
  examplesPerSecond: amount,
  speedup: amount,
  efficiency: amount,
});
const projectionSchema = z.object({
  /** Bandwidth and latency, for people. */
  scenario: z.string(),
  rows: z.array(projectionRowSchema),
  verdict: z.array(z.string()),
  assumptions: z.array(z.string()),
});

const reportSchema = z.strictObject({
  format: z.literal('lockstep-scale'),
  version: z.literal(1),
  created: z.string(),
  machine: z.strictObject({
    processor: z.string(),
    cores: count,
    memoryBytes: amount,
    system: z.string(),
    node: z.string(),
    lockstep: z.string(),
    onnxruntime: z.string(),
    /** Processes that wanted a core before the first run, mean over a minute. */
    load: amount,
  }),
  config: z.strictObject({
    name: z.string(),
    /** Of the config with every default filled in. */
    sha256: z.string(),
    /** Of the model, and how many of them are trained. */
    parameters: count,
    trainable: count,
    engine: z.string(),
    batchSize: count,
    shards: count,
    training: count,
  }),
  plan: z.strictObject({
    kind: z.enum(kinds),
    modes: z.array(z.enum(modes)).min(1),
    workers: z.array(count).min(1),
    repeats: count,
    steps: count,
    warmUp: z.int().min(0),
    /** `path=value`, as given. */
    set: z.array(z.string()),
    /** Of gradients on the wire. */
    precision: clusterSchema.shape.precision,
  }),
  /** Whether every run that was planned was made. */
  complete: z.boolean(),
  runs: z.array(runSchema).min(1),
  points: z.array(pointSchema).min(1),
  findings: z.array(findingSchema),
  /** What is worth it, mode by mode, in words. */
  advice: z.array(z.string()),
  /** What is to be known before the numbers are believed. */
  warnings: z.array(z.string()),
  /** Whether the parameters of all strong runs are the same, bit for bit; null where they need not be. */
  hashesAgree: z.boolean().nullable(),
  projection: projectionSchema.nullable(),
});

export type ScaleReport = z.output<typeof reportSchema>;
export type ScaleRun = z.output<typeof runSchema>;
export type ScalePoint = z.output<typeof pointSchema>;
export type ScaleFinding = z.output<typeof findingSchema>;
export type WorkerSplit = z.output<typeof workerSchema>;
export type PhaseSplit = z.output<typeof splitSchema>;
export type Mode = (typeof modes)[number];
export type Kind = (typeof kinds)[number];

/**
 * @param file where the text is from, for the message
 * @throws ConfigError when it is no report that this version reads
 */
export function parseReport(file: string, text: string): ScaleReport {
  const remedy = 'name the scale.json that an earlier lockstep scale wrote';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ConfigError(`${file}: is no JSON`, remedy);
  }
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown };
  if (format !== 'lockstep-scale') throw new ConfigError(`${file}: is no report of lockstep scale`, remedy);
  if (version !== 1) {
    throw new ConfigError(`${file}: has version ${version} of the format, and this lockstep reads 1`, 'measure again');
  }
  const result = reportSchema.safeParse(value);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  throw new ConfigError(`${file}: ${path.join('.') || 'it'} is not as a report has it (${message})`, remedy);
}
