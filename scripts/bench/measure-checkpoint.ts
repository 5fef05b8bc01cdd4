/**
 * One measurement of a run with or without checkpoints, in a process of its own: `node measure-checkpoint.js JSON` with a
 * CheckpointCase. A real run of the coordinator into a temporary folder; only the epochs' training time counts.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { train } from '../../coordinator/local/train.js';
import type { EpochEvent, RunEvent } from '../../src/report/events.js';
import { type Measurement, measure, peakMegabytes } from './measurement.js';
import { workloads } from './workloads.js';

export interface CheckpointCase {
  readonly threads: number;
  /** Steps between two checkpoints; none where absent. */
  readonly everySteps?: number;
  /** Receives the run's folder, and loses it again. */
  readonly folder: string;
  readonly seconds: number;
}

export interface CheckpointMeasurement extends Measurement {
  readonly checkpoints: number;
}

const program = fileURLToPath(import.meta.url);

/** Measures a case in a child process. */
export function measureCheckpoint(checkpointCase: CheckpointCase): Promise<CheckpointMeasurement> {
  return measure(process.execPath, [program, JSON.stringify(checkpointCase)], checkpointCase.seconds);
}

const stepsPerEpoch = 100;
/** The first epoch warms up and is not counted. */
const warmUp = 1;

async function main({ threads, everySteps, folder, seconds }: CheckpointCase): Promise<void> {
  const { layers, batch } = workloads.mlp;
  const batchSize = batch * threads;
  const out = join(folder, 'runs');
  const epochs: EpochEvent[] = [];
  let checkpoints = 0;
  const abort = new AbortController();
  const report = (event: RunEvent) => {
    if (event.event === 'checkpoint') checkpoints++;
    if (event.event !== 'epoch') return;
    epochs.push(event);
    const counted = epochs.slice(warmUp).reduce((sum, epoch) => sum + epoch.seconds, 0);
    if (counted >= seconds) abort.abort();
  };
  const config = {
    data: { source: 'digits' as const, examples: batchSize * stepsPerEpoch, validation: 0, test: 0 },
    model: { layers: [{ flatten: {} }, ...layers] },
    loss: 'sparseCategoricalCrossentropy' as const,
    optimizer: 'adam' as const,
    training: { epochs: 10_000, batchSize, shards: threads },
    checkpoint: everySteps === undefined ? { everyMinutes: 1e6 } : { everySteps },
  };
  try {
    await train(config, { threads, out, report, signal: abort.signal });
  } finally {
    rmSync(out, { recursive: true });
  }
  const counted = epochs.slice(warmUp);
  const time = counted.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const steps = counted.length * stepsPerEpoch;
  const measurement: CheckpointMeasurement = {
    model: 'mlp',
    workers: threads,
    batch,
    checkpoints,
    examplesPerSecond: (steps * batchSize) / time,
    millisecondsPerStep: (time / steps) * 1000,
    peakMegabytes: peakMegabytes(),
    software: 'Lockstep',
  };
  process.stdout.write(`${JSON.stringify(measurement)}\n`);
}

if (process.argv[1] === program) await main(JSON.parse(process.argv[2]) as CheckpointCase);
