/** `npm run bench -- checkpoint`: what checkpoints cost the MLP benchmark in throughput. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type CheckpointMeasurement, measureCheckpoint } from './measure-checkpoint.js';
import { type Probe, playRounds } from './rounds.js';
import { type Row, rowTable } from './rows.js';
import { machine } from './table.js';
import { workerCounts } from './workloads.js';

export interface CheckpointBenchOptions {
  readonly pairs: number;
  readonly seconds: number;
  /** Folder on the disk that is to be measured. */
  readonly folder: string;
}

const everySteps = 50;
/** Checkpoints every 50 steps should cost less than 5 %. */
const target = 0.95;

/** Runs with and without checkpoints alternate; prints and returns their throughputs. */
export async function benchCheckpoint({ pairs, seconds, folder }: CheckpointBenchOptions): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\ncheckpoints every ${everySteps} steps, in ${resolve(folder)}\n\n`);
  const scratch = mkdtempSync(join(folder, 'lockstep-bench-'));
  // Also when Ctrl-C ends the benchmark.
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const cases = workerCounts.map((threads) => ({
    threads,
    without: {
      key: `mlp, ${threads} thread(s)`,
      measure: () => measureCheckpoint({ threads, folder: scratch, seconds }),
    },
    withThem: {
      key: `mlp, ${threads} thread(s), with checkpoints`,
      measure: () => measureCheckpoint({ threads, everySteps, folder: scratch, seconds }),
    },
  }));
  const measured = await playRounds(
    pairs,
    cases.flatMap(({ without, withThem }) => [without, withThem]),
  );
  const rates = (probe: Probe<CheckpointMeasurement>) =>
    measured.of(probe).map(({ examplesPerSecond }) => examplesPerSecond);
  const rows = cases.map(
    ({ threads, without, withThem }): Row => ({
      section: 'checkpoint',
      what: `mlp, ${threads} thread(s), with checkpoints`,
      unit: 'ex/s',
      target,
      ours: rates(withThem),
      peer: { name: 'without', software: 'Lockstep', values: rates(without) },
    }),
  );
  process.stdout.write(rowTable(rows));
  return { machine: where, pairs, everySteps, rows };
}
