/**
 * One measurement of training across processes, `node measure-cluster.js JSON` with a ClusterCase: a coordinator without
 * threads, in this process, and workers of one thread each, as users start them, on loopback. Random examples; only the
 * epochs' training time counts.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { coordinate } from '../../coordinator/world/coordinate.js';
import type { RunConfigInput } from '../../src/config/input.js';
import type { Program } from '../../src/programs/program.js';
import type { EpochEvent, RunEvent } from '../../src/report/events.js';
import type { SummaryEvent, WorkerSummary } from '../../src/report/world-events.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { type Measurement, measure, peakMegabytes, peakMegabytesOf } from './measurement.js';
import { lockstep } from './program.js';
import { classes, type ModelName, workloads } from './workloads.js';

export interface ClusterCase {
  readonly model: ModelName;
  readonly algorithm: 'star' | 'butterfly';
  readonly optimizerState?: 'replicated' | 'sharded';
  readonly workers: number;
  readonly seconds: number;
}

export interface ClusterMeasurement extends Measurement {
  /** Milliseconds of a step, mean over the workers and over all steps of the run. */
  readonly split: Readonly<Record<'compute' | 'exchange' | 'update', number>>;
  /** Bytes of gradients that cross sockets in a step, and the fewest that could. */
  readonly bytesPerStep: number;
  readonly fewestBytesPerStep: number;
  /** Of the optimizer's state, on the worker that has most. */
  readonly optimizerBytes: number;
}

const program = fileURLToPath(import.meta.url);
const token = 'benchmark';
/** Some seconds of them: shorter epochs would measure what is done between two. */
export const stepsPerEpoch = (model: ModelName): number => (model === 'cnn' ? 30 : 100);
/** The first epoch warms up and is not counted. */
const warmUp = 1;

/** Measures a case in processes of its own. */
export function measureCluster(clusterCase: ClusterCase): Promise<ClusterMeasurement> {
  return measure(process.execPath, [program, JSON.stringify(clusterCase)], clusterCase.seconds);
}

/** A module of random examples: bytes, as images are. */
const examplesModule = (count: number, shape: readonly number[]): string => `
let state = 1;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const array = ([length, ...rest]) =>
  rest.length > 0 ? Array.from({ length }, () => array(rest)) : Uint8Array.from({ length }, () => 256 * random());
export default function* () {
  for (let i = 0; i < ${count}; i++) {
    yield { features: array(${JSON.stringify(shape)}), target: Math.floor(${classes} * random()) };
  }
}
`;

/** @param folder for its examples */
export function clusterConfigOf(
  { model, algorithm, optimizerState, workers }: Omit<ClusterCase, 'seconds'>,
  folder: string,
): RunConfigInput {
  const { layers, featureShape, batch } = workloads[model];
  const batchSize = workers * batch;
  const file = join(folder, 'examples.mjs');
  writeFileSync(file, examplesModule(stepsPerEpoch(model) * batchSize, featureShape));
  return {
    data: { source: 'module', file, classes, validation: 0, test: 0 },
    model: { layers },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: 'adam',
    training: { epochs: 10_000, batchSize, shards: workers },
    checkpoint: { everyMinutes: 1e6 },
    cluster: { allReduce: algorithm, ...(optimizerState && { optimizerState }) },
  };
}

interface Course {
  readonly epochs: readonly EpochEvent[];
  readonly summary: SummaryEvent;
  readonly peakMegabytes: number | null;
}

/** Trains until the epochs that count have taken so many seconds. */
async function run(clusterCase: ClusterCase, folder: string): Promise<Course> {
  const programs: Program<WorkerProgramEvent>[] = [];
  const start = (url: string, name: string) => {
    const args = ['worker', url, '--token', token, '--threads', '1', '--name', name, '--cache', join(folder, 'cache')];
    programs.push(lockstep(args, folder));
  };
  const epochs: EpochEvent[] = [];
  let summary: SummaryEvent | undefined;
  let peak: number | null = null;
  const abort = new AbortController();
  const report = (event: RunEvent) => {
    if (event.event === 'listening') for (let i = 0; i < clusterCase.workers; i++) start(event.url, `w${i}`);
    if (event.event === 'summary') summary = event;
    if (event.event !== 'epoch') return;
    epochs.push(event);
    if (countedFrom(epochs) < clusterCase.seconds || abort.signal.aborted) return;
    const peaks = [peakMegabytes(), ...programs.map(({ pid }) => peakMegabytesOf(pid!))];
    peak = peaks.reduce((sum, one) => (sum === null || one === null ? null : sum + one));
    abort.abort();
  };
  const choices = { threads: 0, minWorkers: clusterCase.workers, port: 0, token, out: join(folder, 'runs') };
  await coordinate(clusterConfigOf(clusterCase, folder), { ...choices, report, signal: abort.signal });
  for (const { ended } of programs) await ended;
  return { epochs, summary: summary!, peakMegabytes: peak };
}

/** Seconds of the epochs that count. */
export const countedFrom = (epochs: readonly EpochEvent[]): number =>
  epochs.slice(warmUp).reduce((sum, { seconds }) => sum + seconds, 0);

async function main(clusterCase: ClusterCase): Promise<void> {
  const { model, workers } = clusterCase;
  const { batch } = workloads[model];
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { epochs, summary, peakMegabytes } = await run(clusterCase, folder);
  const seconds = countedFrom(epochs);
  const steps = (epochs.length - warmUp) * stepsPerEpoch(model);
  const remote = summary.workers.filter(({ threads }) => threads > 0);
  const mean = (of: (worker: WorkerSummary) => number) =>
    remote.reduce((sum, worker) => sum + (of(worker) / summary.steps) * 1000, 0) / remote.length;
  const measurement: ClusterMeasurement = {
    model,
    workers,
    batch,
    peakMegabytes,
    software: 'Lockstep',
    examplesPerSecond: (steps * workers * batch) / seconds,
    millisecondsPerStep: (seconds / steps) * 1000,
    split: {
      compute: mean(({ computeSeconds }) => computeSeconds),
      exchange: mean(({ exchangeSeconds }) => exchangeSeconds),
      update: mean(({ updateSeconds }) => updateSeconds),
    },
    bytesPerStep: summary.bytesPerStep,
    fewestBytesPerStep: summary.fewestBytesPerStep,
    optimizerBytes: Math.max(...remote.map(({ optimizerBytes }) => optimizerBytes)),
  };
  process.stdout.write(`${JSON.stringify(measurement)}\n`);
}

if (process.argv[1] === program) await main(JSON.parse(process.argv[2]) as ClusterCase);
