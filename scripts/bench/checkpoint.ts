/** `npm run bench -- checkpoint`: what checkpoints cost the MLP benchmark in throughput. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { measureCheckpoint } from './measure-checkpoint.js';
import { median } from './measurement.js';
import { machine, table, whole } from './table.js';

export interface CheckpointBenchOptions {
  readonly pairs: number;
  readonly seconds: number;
  /** Folder on the disk that is to be measured. */
  readonly folder: string;
}

const everySteps = 50;
const workerCounts = [1, 2];
/** The most that checkpoints every 50 steps should cost. */
const limit = 0.05;

/** Runs with and without checkpoints alternate; prints and returns the medians of their ratios. */
export async function benchCheckpoint({ pairs, seconds, folder }: CheckpointBenchOptions): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\ncheckpoints every ${everySteps} steps, in ${resolve(folder)}\n\n`);
  const scratch = mkdtempSync(join(folder, 'lockstep-bench-'));
  // Also when Ctrl-C ends the benchmark.
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const results = [];
  const rows = [];
  for (const threads of workerCounts) {
    const [without, withThem]: [number[], number[]] = [[], []];
    for (let pair = 0; pair < pairs; pair++) {
      process.stderr.write(`mlp, ${threads} worker(s), pair ${pair + 1} of ${pairs}\n`);
      without.push((await measureCheckpoint({ threads, folder: scratch, seconds })).examplesPerSecond);
      withThem.push((await measureCheckpoint({ threads, everySteps, folder: scratch, seconds })).examplesPerSecond);
    }
    const ratio = median(withThem.map((rate, i) => rate / without[i]));
    const cost = `${(100 * (1 - ratio)).toFixed(1)} %`;
    rows.push([
      `mlp, ${threads}`,
      whole(median(without)),
      whole(median(withThem)),
      cost,
      ratio > 1 - limit ? 'yes' : 'NO',
    ]);
    results.push({ model: 'mlp', workers: threads, everySteps, ratio, without, with: withThem });
  }
  const head = ['model, workers', 'without, examples/s', 'with', 'cost', `under ${100 * limit} %`];
  process.stdout.write(table(head, rows));
  return { machine: where, pairs, results };
}
