/** `lockstep launch slurm`: a batch file whose tasks are the ranks of a run, submitted. */
import { execFile } from 'node:child_process';
import { basename, extname, resolve } from 'node:path';
import { Command } from 'commander';
import { ConfigError, LaunchError } from '../src/errors.js';
import { inOneLine } from '../src/ground/printable.js';
import { shellWord } from '../src/ground/shell-words.js';
import { slurmScript } from '../src/launch/slurm-script.js';
import {
  checkConfig,
  checkOut,
  commandOf,
  cpuCount,
  joinArguments,
  type LaunchedFlags,
  missingRun,
  nodeCount,
  oneLine,
  withLaunched,
} from './launched-options.js';
import { reportMistakes } from './outcome.js';

interface SlurmFlags extends LaunchedFlags {
  readonly time?: string;
  readonly partition?: string;
}

export function launchSlurmCommand(): Command {
  const command = new Command('slurm').description(
    'Train as a job of Slurm, a rank on each node: writes the batch file and submits it.',
  );
  withLaunched(command, 'nodes', 'cpus', 'chdir', 'command', 'dryRun');
  return command
    .argument('[sbatch...]', 'more options of sbatch, behind --')
    .option('--time <limit>', 'after which Slurm ends the job, which then goes on in the queue (default: its own)')
    .option('--partition <name>', 'of nodes (default: its own)')
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep launch slurm configs/mnist.yaml --nodes 8 --time 04:00:00
  npx lockstep launch slurm configs/mnist.yaml --nodes 8 --dry-run > job.sh
  npx lockstep launch slurm configs/mnist.yaml --nodes 8 -- --account=me --mem=32G

The folder of --out is to be one that all nodes share. The job goes on by itself after its time limit, a preemption and the
loss of a node.`,
    )
    .action(runLaunchSlurm);
}

async function runLaunchSlurm(
  config: string | undefined,
  others: readonly string[],
  flags: SlurmFlags,
  command: Command,
): Promise<void> {
  await reportMistakes(flags.json, async () => {
    // Behind --, where --resume stands for the config.
    const isOption = config?.startsWith('-') === true;
    const file = isOption ? undefined : config;
    const more = isOption ? [config, ...others] : others;
    const args = ['join', ...joinArguments(file, flags, command)];
    await checkConfig(file, flags);
    // All nodes share its folder, this one too.
    const missing = missingRun(flags);
    if (missing) throw missing;
    checkOut(flags);
    const name = basename(file ?? flags.resume!, extname(file ?? '')).replaceAll(/[^\w.-]/g, '_');
    const options = [
      ...(flags.time === undefined ? [] : [`--time=${timeLimit(flags.time)}`]),
      ...(flags.partition === undefined ? [] : [`--partition=${partitionName(flags.partition)}`]),
      ...(flags.cpus === undefined ? [] : [`--cpus-per-task=${cpuCount(flags.cpus, 65_533)}`]),
      ...more,
    ].map(sbatchOption);
    const script = slurmScript({
      ...{ name, nodes: nodeCount(flags), options, args },
      ...{ folder: flags.chdir, command: oneLine('--command', commandOf(flags) ?? thisProgram()) },
    });
    if (flags.dryRun) return void process.stdout.write(script);
    const id = await submit(script);
    const told = flags.json
      ? `${JSON.stringify({ event: 'submitted', job: id })}\n`
      : `job ${id} is submitted: squeue --job ${id} shows it, scancel ${id} ends it with a checkpoint\n`;
    process.stdout.write(told);
  });
}

/** Not by npx, which ends at once when Slurm asks for an end, and has the rank killed before there is a checkpoint. */
const thisProgram = (): string => shellWord(resolve(process.argv[1]));

/** Of sbatch: minutes, or other parts of time, or none (its manual, --time). @throws ConfigError */
function timeLimit(text: string): string {
  if (/^(-1|infinite|unlimited|\d+(:\d+){0,2}|\d+-(\d+(:\d+){0,2})?)$/i.test(text)) return text;
  throw new ConfigError(`--time ${text}: is no time as Slurm has them`, 'write minutes, 04:00:00 or 1-12:00:00');
}

/** @throws ConfigError where there is none, which sbatch takes and the controller refuses */
function partitionName(text: string): string {
  if (text !== '') return text;
  throw new ConfigError('--partition is empty', 'name one that sinfo shows, or leave it out');
}

/** One that a line of a batch file holds as it is. @throws ConfigError */
function sbatchOption(option: string): string {
  if (/^--?\w[\w=,.:/@%+*[\]-]*$/.test(option)) return option;
  throw new ConfigError(
    `${JSON.stringify(option)}: is no option of sbatch in one word`,
    'give each as --name=value, without spaces; for others print the file with --dry-run, and add them there',
  );
}

/** @param said by sbatch, which says in many ways that it reaches no controller */
const remedyFor = (said: string): string =>
  /configuration source|contact|connect|munge|authentication/i.test(said)
    ? 'run this where sinfo shows the nodes, or print it with --dry-run and submit it there'
    : 'correct the options of the job';

/** @returns the number of the job. @throws LaunchError when Slurm is not there or refuses it */
function submit(script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('sbatch', ['--parsable'], (error, stdout, stderr) => {
      // NUMBER, or NUMBER;CLUSTER.
      if (!error) return resolve(stdout.trim().split(';')[0]);
      if (error.code === 'ENOENT') {
        return reject(
          new LaunchError(
            'there is no sbatch here',
            'run this on a node that submits jobs, or print it with --dry-run',
          ),
        );
      }
      reject(new LaunchError(inOneLine(stderr || error.message), remedyFor(stderr)));
    });
    child.stdin!.on('error', () => {});
    child.stdin!.end(script);
  });
}
