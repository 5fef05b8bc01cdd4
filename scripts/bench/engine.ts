/**
 * `npm run bench -- engine`: our throughput over PyTorch's and over plain tfjs's, with the split of a step. Programs
 * alternate, and a ratio is the median over the rounds: machines are noisy, and more so over time than from one minute
 * to the next.
 */
import { fileURLToPath } from 'node:url';
import { measurePool, type PoolMeasurement, type StepSplit, splitNames } from './measure-pool.js';
import { type Measurement, measure, median } from './measurement.js';
import { machine, table, whole } from './table.js';
import { hasTorch, peerProgram } from './torch.js';
import { type ModelName, workerCounts, workloads } from './workloads.js';

export interface EngineBenchOptions {
  readonly models: readonly ModelName[];
  /** How often each program is measured. */
  readonly pairs: number;
  /** How long one measurement takes, without its start. */
  readonly seconds: number;
  /** A Python that has PyTorch. */
  readonly python: string;
}

/** One measurement of each program; `torch` by number of workers, empty without PyTorch. */
interface Round {
  readonly ours: ReadonlyMap<number, PoolMeasurement>;
  readonly torch: ReadonlyMap<number, Measurement>;
  readonly tfjs: Measurement;
}

interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

interface WorkersResult {
  readonly model: ModelName;
  readonly workers: number;
  /** Of one worker. */
  readonly batch: number;
  readonly ours: Omit<Summary, 'software'> & { readonly split: StepSplit };
  readonly torch?: Summary & { readonly ratio: Ratio; readonly target?: number };
  readonly tfjs: Summary & { readonly ratio: Ratio; readonly batch: number };
}

interface Summary {
  readonly examplesPerSecond: number;
  readonly millisecondsPerStep: number;
  readonly peakMegabytes: number | null;
  readonly software: string;
}

// From dist/scripts/bench/.
const tfjsProgram = fileURLToPath(new URL('../peers/tfjs_single.js', import.meta.url));

/** Prints tables; returns what is in them and every measurement. */
export async function benchEngine(options: EngineBenchOptions): Promise<object> {
  const withTorch = hasTorch(options.python);
  const where = machine();
  process.stdout.write(`${where}\n${options.pairs} rounds of ${options.seconds} s a measurement\n\n`);
  const results: WorkersResult[] = [];
  const rounds: Record<string, object[]> = {};
  for (const model of options.models) {
    const measured: Round[] = [];
    for (let i = 0; i < options.pairs; i++) {
      process.stderr.write(`${model}: round ${i + 1} of ${options.pairs}\n`);
      measured.push(await playRound(model, options, withTorch));
    }
    for (const workers of workerCounts) results.push(summarize(model, workers, measured));
    rounds[model] = measured.map(({ ours, torch, tfjs }) => ({
      ours: [...ours.values()],
      torch: [...torch.values()],
      tfjs,
    }));
  }
  process.stdout.write(report(results));
  return { machine: where, ...options, results, rounds };
}

async function playRound(
  model: ModelName,
  { seconds, python }: EngineBenchOptions,
  withTorch: boolean,
): Promise<Round> {
  const { batch, layers, featureShape } = workloads[model];
  const ours = new Map<number, PoolMeasurement>();
  const torch = new Map<number, Measurement>();
  for (const workers of workerCounts) {
    // A shard a worker, so that a worker computes on the batch that a worker of PyTorch computes on.
    const split = { batchSize: workers * batch, shards: workers, threads: workers };
    const poolCase = { name: model, layers, featureShape, featureType: 'float32' as const, ...split, seconds };
    ours.set(workers, await measurePool(poolCase));
    if (!withTorch) continue;
    const args = [peerProgram('torch_ddp.py'), model, String(workers), String(batch), String(seconds)];
    torch.set(workers, await measure<Measurement>(python, args, seconds));
  }
  const tfjs = await measure<Measurement>(
    process.execPath,
    [tfjsProgram, model, String(batch), String(seconds)],
    seconds,
  );
  return { ours, torch, tfjs };
}

function summarize(model: ModelName, workers: number, rounds: readonly Round[]): WorkersResult {
  const { batch, targets } = workloads[model];
  const ours = rounds.map((round) => round.ours.get(workers)!);
  const torch = rounds.flatMap((round) => round.torch.get(workers) ?? []);
  const tfjs = rounds.map((round) => round.tfjs);
  const split = splitNames.map((name) => [name, median(ours.map((one) => one.split[name]))]);
  return {
    ...{ model, workers, batch },
    ours: { ...summary(ours), split: Object.fromEntries(split) as StepSplit },
    torch: torch.length > 0 ? { ...summary(torch), ratio: ratio(ours, torch), target: targets[workers] } : undefined,
    tfjs: { ...summary(tfjs), ratio: ratio(ours, tfjs), batch: tfjs[0].batch },
  };
}

function summary(measurements: readonly Measurement[]): Summary {
  const of = (key: 'examplesPerSecond' | 'millisecondsPerStep') => median(measurements.map((one) => one[key]));
  const peaks = measurements.flatMap(({ peakMegabytes }) => peakMegabytes ?? []);
  return {
    examplesPerSecond: of('examplesPerSecond'),
    millisecondsPerStep: of('millisecondsPerStep'),
    peakMegabytes: peaks.length > 0 ? Math.max(...peaks) : null,
    software: measurements[0].software,
  };
}

/** Of throughputs, round by round. */
function ratio(ours: readonly Measurement[], theirs: readonly Measurement[]): Ratio {
  const ratios = ours.map((one, i) => one.examplesPerSecond / theirs[i].examplesPerSecond);
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

function report(results: readonly WorkersResult[]): string {
  const torch = results.flatMap((result) => (result.torch ? [{ ...result, torch: result.torch }] : []));
  const parts = [];
  if (torch.length > 0) parts.push(torchTable(torch));
  parts.push(splitTable(results), tfjsTable(results));
  return parts.join('\n');
}

const two = (value: number): string => value.toFixed(2);
const megabytes = (value: number | null): string => (value === null ? '-' : whole(value));
const range = ({ min, max }: Ratio): string => `${two(min)}-${two(max)}`;

function torchTable(results: readonly (WorkersResult & { torch: NonNullable<WorkersResult['torch']> })[]): string {
  const head = [
    'model',
    'workers',
    'batch',
    'ours ex/s',
    'torch ex/s',
    'ratio',
    'min-max',
    'target',
    'ours MB',
    'torch MB',
  ];
  const rows = results.map(({ model, workers, batch, ours, torch }) => [
    ...[model, String(workers), `${workers} x ${batch}`, whole(ours.examplesPerSecond), whole(torch.examplesPerSecond)],
    ...[two(torch.ratio.median), range(torch.ratio)],
    torch.target === undefined ? '' : `${torch.ratio.median >= torch.target ? 'met' : 'MISSED'} ${two(torch.target)}`,
    ...[megabytes(ours.peakMegabytes), megabytes(torch.peakMegabytes)],
  ]);
  const { software } = results[0].torch;
  const slow = software.includes('reference BLAS')
    ? 'This PyTorch runs on the reference BLAS, which makes it many times slower than it should be: do not quote the\n' +
      'ratios, install OpenBLAS first (Debian: apt-get install libopenblas0-pthread).\n'
    : '';
  return `Against ${software}, DistributedDataParallel over gloo\n${slow}${table(head, rows)}`;
}

function splitTable(results: readonly WorkersResult[]): string {
  const rows = results.map(({ model, workers, ours: { split, millisecondsPerStep, peakMegabytes } }) => [
    ...[model, String(workers), millisecondsPerStep.toFixed(3)],
    ...splitNames.map((name) => split[name].toFixed(3)),
    megabytes(peakMegabytes),
  ]);
  const head = ['model', 'workers', 'step ms', ...splitNames, 'peak MB'];
  return `Our step, milliseconds (mean over the threads; dispatch is what no thread accounts for)\n${table(head, rows)}`;
}

function tfjsTable(results: readonly WorkersResult[]): string {
  const rows = results.map(({ model, workers, batch, ours, tfjs }) => [
    ...[model, String(workers), whole(ours.examplesPerSecond), tfjs.examplesPerSecond.toFixed(1), tfjs.software],
    tfjs.batch === batch ? String(batch) : `${tfjs.batch} of ${batch}: a full one takes too long`,
    ...[two(tfjs.ratio.median), range(tfjs.ratio), megabytes(tfjs.peakMegabytes)],
  ]);
  const head = ['model', 'our workers', 'ours ex/s', 'tfjs ex/s', 'tfjs', 'tfjs batch', 'ratio', 'min-max', 'tfjs MB'];
  return `Against one process of tfjs on its best backend here\n${table(head, rows)}`;
}
