/**
 * `npm run bench -- cluster`: training across processes against PyTorch's DistributedDataParallel, and adding up gradients
 * between processes and between threads against Gloo; on loopback. Programs alternate, and a ratio is the median over the
 * rounds.
 */

import { measureAllReduce } from './measure-allreduce.js';
import { type ClusterMeasurement, measureCluster } from './measure-cluster.js';
import { measureThreads } from './measure-threads.js';
import { type Measurement, measure, median } from './measurement.js';
import { repeatsOf, type SumsMeasurement } from './sums.js';
import { machine, table, whole } from './table.js';
import { hasTorch, peerProgram } from './torch.js';
import { type ModelName, workloads } from './workloads.js';

export interface ClusterBenchOptions {
  readonly models: readonly ModelName[];
  /** How often each program is measured. */
  readonly pairs: number;
  /** How long one measurement of training takes, without its start. */
  readonly seconds: number;
  /** A Python that has PyTorch. */
  readonly python: string;
}

/** One line of the table. */
interface Result {
  readonly what: string;
  readonly unit: 'ex/s' | 'ms';
  readonly ours: readonly number[];
  /** Empty without PyTorch. */
  readonly theirs: readonly number[];
  /** Of ours over theirs: throughputs at least, times at most. */
  readonly target: number;
}

const workers = 2;
const algorithms = ['star', 'butterfly'] as const;
const targets = { training: 0.8, processes: 1.5, threads: 0.35 };
/** Seconds of Gloo's program. */
const glooSeconds = 30;

/** Prints tables; returns what is in them and every measurement. */
export async function benchCluster(options: ClusterBenchOptions): Promise<object> {
  const withTorch = hasTorch(options.python);
  const where = machine();
  process.stdout.write(`${where}\n${options.pairs} rounds of ${options.seconds} s a measurement\n\n`);
  const [results, ours]: [Result[], ClusterTraining[]] = [[], []];
  for (const model of options.models) {
    const trainings = await playTraining(model, options, withTorch);
    ours.push(...trainings);
    results.push(...trainings.map(trainingResult));
  }
  results.push(...(await playSums(options, withTorch)));
  process.stdout.write(`${report(results)}\n${splitTable(ours)}`);
  return { machine: where, ...options, results, trainings: ours };
}

interface ClusterTraining {
  readonly model: ModelName;
  readonly algorithm: (typeof algorithms)[number];
  readonly ours: readonly ClusterMeasurement[];
  readonly torch: readonly Measurement[];
}

async function playTraining(
  model: ModelName,
  { pairs, seconds, python }: ClusterBenchOptions,
  withTorch: boolean,
): Promise<ClusterTraining[]> {
  const measured = algorithms.map((algorithm) => ({ model, algorithm, ours: [] as ClusterMeasurement[] }));
  const torch: Measurement[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    process.stderr.write(`${model}: round ${pair + 1} of ${pairs}\n`);
    for (const { algorithm, ours } of measured) ours.push(await measureCluster({ model, algorithm, workers, seconds }));
    if (!withTorch) continue;
    const args = [peerProgram('torch_ddp.py'), model, String(workers), String(workloads[model].batch), String(seconds)];
    torch.push(await measure<Measurement>(python, args, seconds));
  }
  return measured.map((one) => ({ ...one, torch }));
}

function trainingResult({ model, algorithm, ours, torch }: ClusterTraining): Result {
  const rates = (of: readonly Measurement[]) => of.map(({ examplesPerSecond }) => examplesPerSecond);
  const what = `train ${model}, ${algorithm}`;
  return { what, unit: 'ex/s', ours: rates(ours), theirs: rates(torch), target: targets.training };
}

/** All-reduce between two processes, and the reduction of two threads, of the same bytes. */
async function playSums({ pairs, python }: ClusterBenchOptions, withTorch: boolean): Promise<Result[]> {
  const [processes, threads, gloo]: SumsMeasurement[][] = [[], [], []];
  for (let pair = 0; pair < pairs; pair++) {
    process.stderr.write(`all-reduce: round ${pair + 1} of ${pairs}\n`);
    processes.push(await measureAllReduce());
    threads.push(await measureThreads());
    if (withTorch) gloo.push(await measure<SumsMeasurement>(python, [peerProgram('gloo_allreduce.py')], glooSeconds));
  }
  const sizes = Object.keys(repeatsOf).map(Number);
  const of = (measured: readonly SumsMeasurement[], bytes: number) => measured.map((one) => one.milliseconds[bytes]);
  const line = (what: string, ours: readonly SumsMeasurement[], target: number) => (bytes: number) => ({
    ...{ what: `${what} ${sizeName(bytes)}`, unit: 'ms' as const, target },
    ...{ ours: of(ours, bytes), theirs: of(gloo, bytes) },
  });
  return [
    ...sizes.map(line('all-reduce, 2 processes,', processes, targets.processes)),
    // Of few bytes threads measure their barrier alone.
    ...sizes.filter((bytes) => bytes >= 1e6).map(line('add up, 2 threads,', threads, targets.threads)),
  ];
}

const sizeName = (bytes: number): string => (bytes < 1e6 ? `${bytes / 1e3} kB` : `${bytes / 1e6} MB`);

function report(results: readonly Result[]): string {
  const rows = results.map(({ what, unit, ours, theirs, target }) => {
    const shown = (value: number) => (unit === 'ms' ? value.toFixed(2) : whole(value));
    const head = [what, unit, shown(median(ours))];
    if (theirs.length === 0) return [...head, '-', '-', '-', '-'];
    const ratios = ours.map((one, i) => one / theirs[i]);
    const ratio = median(ratios);
    const met = unit === 'ms' ? ratio <= target : ratio >= target;
    const range = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
    const goal = `${met ? 'met' : 'MISSED'} ${unit === 'ms' ? '<=' : '>='} ${target}`;
    return [...head, shown(median(theirs)), ratio.toFixed(2), range, goal];
  });
  return table(['what', '', 'ours', 'PyTorch, gloo', 'ratio', 'min-max', 'target'], rows);
}

function splitTable(trainings: readonly ClusterTraining[]): string {
  const rows = trainings.map(({ model, algorithm, ours }) => {
    const of = (value: (one: ClusterMeasurement) => number) => median(ours.map(value));
    const { compute, exchange, update } = {
      compute: of(({ split }) => split.compute),
      exchange: of(({ split }) => split.exchange),
      update: of(({ split }) => split.update),
    };
    const step = of(({ millisecondsPerStep }) => millisecondsPerStep);
    const [bytes, fewest] = [
      of(({ bytesPerStep }) => bytesPerStep),
      of(({ fewestBytesPerStep }) => fewestBytesPerStep),
    ];
    return [
      `${model}, ${algorithm}`,
      ...[step, compute, exchange, update].map((milliseconds) => milliseconds.toFixed(2)),
      ...[bytes, fewest].map((value) => (value / 1e6).toFixed(2)),
      (bytes / fewest).toFixed(3),
      ours.some(({ peakMegabytes }) => peakMegabytes === null) ? '-' : whole(of((one) => one.peakMegabytes!)),
    ];
  });
  const head = ['model', 'step ms', 'compute', 'exchange', 'update', 'MB a step', 'least', 'ratio', 'peak MB'];
  return `Our step on a worker, in milliseconds; updates overlap with what follows\n${table(head, rows)}`;
}
