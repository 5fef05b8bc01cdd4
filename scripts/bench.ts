/** `npm run bench`, all of it or a part: see docs/performance.md, Benchmarks. */
import { accessSync, constants, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { LockstepError, OutputError } from '../src/errors.js';
import { benchBackend } from './bench/backends.js';
import { benchCheckpoint } from './bench/checkpoint.js';
import { MeasurementError } from './bench/measurement.js';
import { mpiSection } from './bench/mpi.js';
import { benchNanogpt } from './bench/nanogpt.js';
import { benchProjection } from './bench/projection.js';
import { benchRecompute } from './bench/recompute.js';
import { defaultResultFile } from './bench/result.js';
import type { Section, Subject } from './bench/section.js';
import { benchSharded } from './bench/sharded.js';
import { benchShards } from './bench/shards.js';
import { benchSlowNetwork, type SlowNetworkOptions } from './bench/slow-network.js';
import { benchSoak } from './bench/soak-report.js';
import { textModelNames } from './bench/text-workloads.js';
import type { Python } from './bench/torch.js';
import { bench, sections } from './bench/total.js';
import { benchUi } from './bench/ui.js';
import { modelNames } from './bench/workloads.js';

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

/** Names of a list, separated by commas. */
function namesOf<Name extends string>(what: string, known: readonly Name[]): (text: string) => Name[] {
  return (text) =>
    text.split(',').map((name) => {
      const found = known.find((one) => one === name);
      if (found !== undefined) return found;
      throw new InvalidArgumentError(`${what} are ${known.join(', ')}.`);
    });
}

/** `path` or `name=path`, once for each Python. */
function python(text: string, before: readonly Python[] | undefined): Python[] {
  const [, name, path] = /^(?:([^=/]+)=)?(.+)$/.exec(text) ?? [];
  if (path === undefined) throw new InvalidArgumentError('It must be a path, or name=path.');
  return [...(before ?? []), { name, path }];
}

/** A mistake shows before anything is measured. */
function checkWritable(file: string): void {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK);
  } catch (error) {
    throw new OutputError(`--json ${file}: ${(error as Error).message}`, 'name a file in a folder that can be written');
  }
}

/** A subcommand that prints what it finds, and writes it where --json says. */
function benchmark(
  name: string,
  description: string,
  { pairs, seconds, json }: Flags,
  run: (options: Flags) => Promise<object>,
): Command {
  return new Command(name)
    .description(description)
    .option('--pairs <n>', 'measure every program so often, alternating', wholeNumber, pairs)
    .option('--seconds <s>', 'seconds of one measurement', positive, seconds)
    .option('--quick', `only see that it runs: ${quick.pairs} pair of ${quick.seconds} s`)
    .option('--json <file>', 'also write the results there', json)
    .action(async (flags: Flags) => {
      if (flags.json) checkWritable(flags.json);
      const results = await run(flags.quick ? { ...flags, ...quick } : flags);
      if (flags.json) writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`);
    });
}

type SectionFlags = Flags & { readonly models?: Subject[]; readonly python?: Python[]; readonly only?: string[] };

const debian = { path: '/usr/bin/python3' };
const pythonHelp = `a Python that has PyTorch, or name=path; may be repeated (default: ${debian.path})`;
const allModels = [...modelNames, ...textModelNames];

/** A subcommand of one section of the table, or of several. */
function sectionCommand(name: string, description: string, usual: Flags, of: readonly Section[]): Command {
  return benchmark(name, description, usual, (flags) => {
    const { models, pairs, seconds, only, quick, python } = flags as SectionFlags;
    const chosen = of.filter((section) => only?.includes(section.name) ?? true);
    const pythons = python ?? [debian];
    return bench({ sections: chosen, models, pairs, seconds, pythons, quick: quick ?? false });
  })
    .option('--models <names>', `of ${allModels.join(', ')}`, namesOf('Models', allModels))
    .option('--python <path>', pythonHelp, python);
}

const usual = { pairs: 5, seconds: 4 };
const sectionNames = sections.map(({ name }) => name);
const all = sectionCommand(
  'all',
  `One table of everything (${sectionNames.join(', ')}): what is done without a subcommand.`,
  { pairs: 3, seconds: 2, json: defaultResultFile },
  sections,
).option('--only <sections>', `of ${sectionNames.join(', ')}`, namesOf('Sections', sectionNames));

const sharded = benchmark('sharded', 'What sharded optimizer state costs and spares.', usual, benchSharded);

const slowNetwork = new Command('slow-network')
  .description('Local steps beside training in step, over hosts behind 10 Mbit/s (Linux, root).')
  .option('--steps <n>', 'steps in step that are measured', wholeNumber, 10)
  .option('--rounds <n>', 'rounds of local steps that are measured', wholeNumber, 4)
  .action(async (flags: SlowNetworkOptions) => {
    await benchSlowNetwork(flags);
  });

const shards = benchmark('shards', 'Throughput by number of shards.', usual, benchShards);

const backend = benchmark('backend', 'Throughput of backend tensorflow over that of engine onnx.', usual, benchBackend);

const checkpoint = benchmark('checkpoint', 'What checkpoints cost in throughput.', usual, (flags) => {
  const { folder, pairs, seconds } = flags as Flags & { readonly folder: string };
  return benchCheckpoint({ folder, pairs, seconds });
}).option('--folder <dir>', 'folder on the disk to measure', '.');

const recompute = benchmark(
  'recompute',
  'What training.recompute: blocks costs in time and saves of memory.',
  usual,
  benchRecompute,
);

const projection = benchmark(
  'projection',
  'How well the cost model predicts runs that it has not seen.',
  usual,
  async (flags) => {
    const result = await benchProjection(flags);
    if (!result.good) process.exitCode = 1;
    return result;
  },
);

const nanogpt = benchmark(
  'nanogpt',
  'Time to the loss of a small language model.',
  { pairs: 3, seconds: 1 },
  (flags) => {
    const { pairs, threads, file, python: pythons = [debian] } = flags as SectionFlags & NanogptFlags;
    return benchNanogpt({ pairs, threads, pythons, file });
  },
)
  .option('--threads <n>', 'of each program', wholeNumber, 2)
  .option('--file <text>', 'tinyshakespeare', 'data/tinyshakespeare/input.txt')
  .option('--python <path>', pythonHelp, python);

const ui = benchmark(
  'ui',
  'What it costs to watch runs: the page beside TensorBoard, and the run that is watched.',
  { pairs: 7, seconds: 4 },
  (flags) => {
    const { pairs, seconds, python } = flags as SectionFlags;
    return benchUi({ pairs, seconds, python: python?.[0].path });
  },
).option('--python <path>', 'a Python that has TensorBoard (default: nothing beside the page)', python);

interface NanogptFlags {
  readonly threads: number;
  readonly file: string;
}

interface SoakFlags {
  readonly workers: number;
  readonly steps: number;
  readonly seed: number;
  readonly interval: number;
}

const soak = new Command('soak')
  .description('A long run whose workers join, leave and die: it must stay right, and memory flat.')
  .option('--workers <n>', 'most workers at a time', wholeNumber, 16)
  .option('--steps <n>', 'steps of the run', wholeNumber, 6000)
  .option('--seed <n>', 'decides who joins, leaves and dies when', wholeNumber, 1)
  .option('--interval <s>', 'seconds between two changes, on average', positive, 2)
  .action(async (flags: SoakFlags) => {
    if (!(await benchSoak(flags))) process.exitCode = 1;
  });

process.on('SIGINT', () => process.exit(130));
const program = new Command('bench').exitOverride().addCommand(all, { isDefault: true });
for (const section of sections) {
  program.addCommand(sectionCommand(section.name, section.description, section.usual ?? usual, [section]));
}
program
  .addCommand(sectionCommand(mpiSection.name, mpiSection.description, usual, [mpiSection]))
  .addCommand(shards)
  .addCommand(sharded)
  .addCommand(slowNetwork)
  .addCommand(backend)
  .addCommand(checkpoint)
  .addCommand(recompute)
  .addCommand(soak)
  .addCommand(projection)
  .addCommand(nanogpt)
  .addCommand(ui);
for (const command of program.commands) command.copyInheritedSettings(program);
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof MeasurementError || error instanceof LockstepError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof LockstepError ? error.exitCode : 1;
  } else throw error;
}
