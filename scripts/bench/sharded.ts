/** `npm run bench -- sharded`: what sharded optimizer state costs in time and spares in memory, beside replicated state. */
import { type ClusterMeasurement, measureCluster } from './measure-cluster.js';
import { type Probe, playRounds } from './rounds.js';
import { type Row, rowTable } from './rows.js';
import { machine } from './table.js';

export interface ShardedBenchOptions {
  readonly pairs: number;
  /** Of one measurement, without its start. */
  readonly seconds: number;
}

const workers = 4;
/** Of replicated state: milliseconds of a step, and bytes of the optimizer's state a worker, with the second copies. */
const targets = { time: 1.05, memory: 0.55 };

/** Runs with both alternate, over workers of one thread each; prints and returns the figures. */
export async function benchSharded({ pairs, seconds }: ShardedBenchOptions): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\nmlp, Adam, ${workers} workers by butterfly\n\n`);
  const probe = (optimizerState: 'replicated' | 'sharded'): Probe<ClusterMeasurement> => ({
    key: optimizerState,
    measure: () => measureCluster({ model: 'mlp', algorithm: 'butterfly', optimizerState, workers, seconds }),
  });
  const [replicated, sharded] = [probe('replicated'), probe('sharded')];
  const measured = await playRounds(pairs, [replicated, sharded]);
  const row = (what: string, unit: Row['unit'], of: (one: ClusterMeasurement) => number, target?: number): Row => ({
    section: 'sharded',
    what,
    unit,
    target,
    ours: measured.of(sharded).map(of),
    peer: { name: 'replicated', software: 'Lockstep', values: measured.of(replicated).map(of) },
  });
  const rows = [
    row('a step', 'ms', ({ millisecondsPerStep }) => millisecondsPerStep, targets.time),
    row('optimizer state of a worker', 'MB', ({ optimizerBytes }) => optimizerBytes / 1e6, targets.memory),
    row('sent in a step, by all', 'MB', ({ bytesPerStep }) => bytesPerStep / 1e6),
  ];
  process.stdout.write(rowTable(rows));
  return { machine: where, pairs, workers, rows };
}
