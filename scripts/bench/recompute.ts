/** `npm run bench -- recompute`: what `training.recompute: blocks` costs the larger decoder in time, and what it saves of memory. */
import { measurePool, type PoolMeasurement } from './measure-pool.js';
import { type Probe, playRounds } from './rounds.js';
import { type Row, rowTable } from './rows.js';
import { machine } from './table.js';
import { textBatches, textWorkloads } from './text-workloads.js';

const model = 'decoder-b';

const probe = (recompute: 'none' | 'blocks', seconds: number): Probe<PoolMeasurement> => ({
  key: `${model}, recompute: ${recompute}`,
  measure: () => {
    const { text, batch, layers } = textWorkloads[model];
    const examples = { ...text, examples: textBatches * batch };
    return measurePool({ name: model, layers, examples, batchSize: batch, shards: 1, threads: 1, seconds, recompute });
  },
});

/** Steps with and without alternate, on one thread; prints and returns their throughputs and peaks. */
export async function benchRecompute({ pairs, seconds }: { pairs: number; seconds: number }): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\n\n`);
  const [without, withIt] = [probe('none', seconds), probe('blocks', seconds)] as const;
  const measured = await playRounds(pairs, [without, withIt]);
  const row = (what: string, unit: Row['unit'], figureOf: (one: PoolMeasurement) => number | null): Row => {
    const values = (one: Probe<PoolMeasurement>) => measured.of(one).flatMap((result) => figureOf(result) ?? []);
    const peer = { name: 'without', software: 'Lockstep', values: values(without) };
    return { section: 'recompute', what: `${what} ${model} with recompute: blocks`, unit, ours: values(withIt), peer };
  };
  const rows = [
    row('train', 'ex/s', ({ examplesPerSecond }) => examplesPerSecond),
    row('peak memory of', 'MB', ({ peakMegabytes }) => peakMegabytes),
  ].filter(({ ours }) => ours.length > 0);
  process.stdout.write(rowTable(rows));
  return { machine: where, pairs, rows };
}
