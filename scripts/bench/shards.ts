/** `npm run bench -- shards`: throughput of two of the configs' models by number of shards and batch size. */
import { fileURLToPath } from 'node:url';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { LayersConfig } from '../../src/config/model.js';
import { defaultShards } from '../../src/data/geometry.js';
import { measurePool } from './measure-pool.js';
import { median } from './measurement.js';
import { playRounds } from './rounds.js';
import { machine, table, whole } from './table.js';

export interface ShardsBenchOptions {
  /** How often each case is measured. */
  readonly pairs: number;
  /** How long one measurement takes, without its start. */
  readonly seconds: number;
}

const configs = ['digits', 'digits-mlp'];
const shardCounts = [1, 2, 4, 8, 16];
const batchSizes = [64, 128, 256, 512];
const threads = 2;

/** Prints a table, the default number of shards marked; returns what is in it. */
export async function benchShards({ pairs, seconds }: ShardsBenchOptions): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\n${threads} threads; * is what training.shards: auto chooses\n\n`);
  const results = [];
  for (const config of configs) {
    const rows = [];
    for (const batchSize of batchSizes) {
      const throughputs = await measureBatch(config, batchSize, pairs, seconds);
      const best = Math.max(...throughputs);
      rows.push([
        String(batchSize),
        ...throughputs.map((throughput, i) => {
          const chosen = shardCounts[i] === defaultShards(batchSize) ? '*' : '';
          return `${chosen}${whole(throughput)} (${Math.round((100 * throughput) / best)} %)`;
        }),
      ]);
      results.push({
        config,
        batchSize,
        examplesPerSecond: Object.fromEntries(shardCounts.map((n, i) => [n, throughputs[i]])),
      });
    }
    const head = ['batch', ...shardCounts.map((shards) => (shards === 1 ? '1 shard' : `${shards} shards`))];
    process.stdout.write(`${config}.yaml, examples/s (share of the row's best)\n${table(head, rows)}\n`);
  }
  return { machine: where, threads, results };
}

/** Median examples per second for each number of shards; the cases alternate. */
async function measureBatch(config: string, batchSize: number, pairs: number, seconds: number): Promise<number[]> {
  // From dist/scripts/bench/.
  const file = fileURLToPath(new URL(`../../../configs/${config}.yaml`, import.meta.url));
  const { layers } = loadRunConfig(file, []).model as LayersConfig;
  const examples = { featureShape: [28, 28, 1], featureType: 'uint8' as const };
  const probes = shardCounts.map((shards) => ({
    key: `${config}, batch ${batchSize}, ${shards} shard(s)`,
    measure: () => measurePool({ name: config, layers, examples, batchSize, shards, threads, seconds }),
  }));
  const measured = await playRounds(pairs, probes);
  return probes.map((probe) => median(measured.of(probe).map(({ examplesPerSecond }) => examplesPerSecond)));
}
