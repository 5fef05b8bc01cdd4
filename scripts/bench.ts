/** `npm run bench -- engine|shards|backend|checkpoint|cluster|soak|projection`: see README, Benchmarks. */
import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { benchBackend } from './bench/backends.js';
import { benchCheckpoint } from './bench/checkpoint.js';
import { benchCluster } from './bench/cluster.js';
import { benchEngine } from './bench/engine.js';
import { MeasurementError } from './bench/measurement.js';
import { benchProjection } from './bench/projection.js';
import { benchShards } from './bench/shards.js';
import { benchSoak } from './bench/soak-report.js';
import { type ModelName, modelNames } from './bench/workloads.js';

interface Flags {
  readonly pairs: number;
  readonly seconds: number;
  readonly quick?: boolean;
  readonly json?: string;
}

/** Enough to see that everything runs; not to be quoted. */
const quick = { pairs: 1, seconds: 0.5 };

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

function wholeNumber(text: string): number {
  const value = positive(text);
  if (Number.isInteger(value)) return value;
  throw new InvalidArgumentError('It must be a whole number.');
}

function models(text: string): ModelName[] {
  const names = text.split(',');
  const isModel = (name: string): name is ModelName => modelNames.some((known) => known === name);
  if (names.every(isModel)) return names;
  throw new InvalidArgumentError(`Models are ${modelNames.join(', ')}.`);
}

function benchmark(name: string, description: string, run: (options: Flags) => Promise<object>): Command {
  return new Command(name)
    .description(description)
    .option('--pairs <n>', 'measure every program so often, alternating', wholeNumber, 5)
    .option('--seconds <s>', 'seconds of one measurement', positive, 4)
    .option('--quick', `only see that it runs: ${quick.pairs} pair of ${quick.seconds} s`)
    .option('--json <file>', 'also write the results there')
    .action(async (flags: Flags) => {
      const results = await run(flags.quick ? { ...flags, ...quick } : flags);
      if (flags.json) writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`);
    });
}

type EngineFlags = Flags & { readonly models: ModelName[]; readonly python: string };

const engine = benchmark('engine', 'Throughput over that of PyTorch and of tfjs.', (flags) => {
  const { models, pairs, seconds, python } = flags as EngineFlags;
  return benchEngine({ models, pairs, seconds, python });
})
  .option('--models <names>', 'of mlp, mlp-small, cnn', models, [...modelNames])
  .option('--python <path>', 'a Python that has PyTorch', '/usr/bin/python3');

const shards = benchmark('shards', 'Throughput by number of shards.', benchShards);

const backend = benchmark('backend', 'Throughput of backend tensorflow over that of engine onnx.', benchBackend);

const checkpoint = benchmark('checkpoint', 'What checkpoints cost in throughput.', (flags) => {
  const { folder, pairs, seconds } = flags as Flags & { readonly folder: string };
  return benchCheckpoint({ folder, pairs, seconds });
}).option('--folder <dir>', 'folder on the disk to measure', '.');

const cluster = benchmark('cluster', 'Training and all-reduce across processes, over PyTorch and Gloo.', (flags) => {
  const { models, pairs, seconds, python } = flags as EngineFlags;
  return benchCluster({ models, pairs, seconds, python });
})
  .option('--models <names>', 'of mlp, mlp-small, cnn', models, ['mlp', 'cnn'])
  .option('--python <path>', 'a Python that has PyTorch', '/usr/bin/python3');

const projection = benchmark(
  'projection',
  'How well the cost model predicts runs that it has not seen.',
  async (flags) => {
    const result = await benchProjection(flags);
    if (!result.good) process.exitCode = 1;
    return result;
  },
);

interface SoakFlags {
  readonly workers: number;
  readonly steps: number;
  readonly seed: number;
  readonly interval: number;
}

const soak = new Command('soak')
  .description('A long run whose workers join, leave and die: it must stay right, and memory flat.')
  .option('--workers <n>', 'most workers at a time', wholeNumber, 16)
  .option('--steps <n>', 'steps of the run', wholeNumber, 2000)
  .option('--seed <n>', 'decides who joins, leaves and dies when', wholeNumber, 1)
  .option('--interval <s>', 'seconds between two changes, on average', positive, 2)
  .action(async (flags: SoakFlags) => {
    if (!(await benchSoak(flags))) process.exitCode = 1;
  });

process.on('SIGINT', () => process.exit(130));
try {
  await new Command('bench')
    .addCommand(engine)
    .addCommand(shards)
    .addCommand(backend)
    .addCommand(checkpoint)
    .addCommand(cluster)
    .addCommand(soak)
    .addCommand(projection)
    .parseAsync();
} catch (error) {
  if (!(error instanceof MeasurementError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
