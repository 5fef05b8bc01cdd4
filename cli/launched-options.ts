/** What launchers have in common: the options of `join`, which they pass on, and what they are told themselves. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { ConfigError } from '../src/errors.js';
import { fileOnTheWay } from '../src/ground/write-failure.js';
import { jobName } from '../src/launch/launch.js';
import { configName, noRun } from '../src/report/run-folder.js';
import { givenWords } from './given-words.js';
import { joinCommand } from './join.js';
import type { JoinFlags } from './join-request.js';
import { metricsFlags } from './metrics.js';
import { checkRankFiles } from './network.js';
import { checkResume, checkRunGiven, sealed, stepLimit, threadCount, timeoutOf, wholeNumber } from './running.js';
import { withConfig, withRunOptions, withShared } from './shared-options.js';

export interface LaunchedFlags extends Omit<JoinFlags, 'rank' | 'size'> {
  readonly command?: string;
  readonly chdir?: string;
  readonly nodes: string;
  readonly cpus?: string;
  readonly device?: string;
  readonly dryRun?: boolean;
}

const makers = {
  nodes: () => new Option('--nodes <n>', 'how many nodes there are to be, a rank on each').makeOptionMandatory(),
  cpus: () => new Option('--cpus <n>', 'cores of each rank (default: what Slurm gives; on Kubernetes 4)'),
  chdir: () => new Option('--chdir <folder>', 'folder of each host in which the ranks start (default: this one)'),
  command: () =>
    new Option(
      '--command <text>',
      'what runs lockstep there, as a shell reads it (default: by ssh npx --no -- lockstep, by Slurm the file of this program)',
    ),
  dryRun: () => new Option('--dry-run', 'print what would be done, and do nothing'),
};

/** Adds what every launcher has. */
export function withLaunched(command: Command, ...names: readonly (keyof typeof makers)[]): Command {
  withConfig(command, '[config]');
  for (const name of names) command.addOption(makers[name]());
  withShared(command, 'timeout', 'cache', 'allowMixedNumerics', 'tlsCert', 'tlsKey', 'tlsCa');
  return withRunOptions(command);
}

/**
 * The arguments of `join` in every rank, checked as far as they can be without its machine.
 * @param own names of options that the launcher does not pass on as they are
 * @throws ConfigError
 */
export function joinArguments(
  file: string | undefined,
  flags: LaunchedFlags,
  command: Command,
  own: readonly string[] = [],
): string[] {
  checkRunGiven(file, flags.resume, command);
  if (flags.resume !== undefined) checkResume(flags.resume, file, flags.out);
  stepLimit(flags.steps);
  timeoutOf(flags.timeout);
  if (flags.threads !== undefined) threadCount(flags.threads);
  checkRankFiles(flags);
  metricsFlags(flags);
  if (flags.job !== undefined) jobName('--job ', flags.job);
  const known = new Set(joinCommand().options.map(({ long }) => long!));
  for (const name of own) known.delete(name);
  // Behind -- a file may have the name of an option.
  const config = file?.startsWith('-') ? `./${file}` : file;
  return [...(config === undefined ? [] : [config]), ...givenWords(command, known)];
}

/** Whether ranks are to compute on a device, or may: of several threads they would refuse it. */
export const isOnDevice = ({ device = 'cpu' }: LaunchedFlags): boolean => device !== 'cpu';

/** What `--command` says. @throws ConfigError when it says nothing */
export function commandOf({ command }: LaunchedFlags): string | undefined {
  if (command?.trim() !== '') return command;
  throw new ConfigError('--command is empty', 'say what runs lockstep there, or leave it out');
}

/**
 * Looks at the config as its rank will, or at that of the run to go on with. In another folder of the hosts it may be a file that this
 * machine does not have.
 * @param by what starts ranks that are none of a job of MPI
 * @throws ConfigError
 */
export async function checkConfig(file: string | undefined, flags: LaunchedFlags, by?: string): Promise<void> {
  const { chdir, resume, set = [] } = flags;
  const { loadRunConfig } = await import('../src/config/load-config.js');
  const { parseOverride } = await import('../src/config/overrides.js');
  const given = file ?? (resume === undefined ? undefined : join(resume, configName));
  const path = given !== undefined && chdir !== undefined ? resolve(chdir, given) : given;
  if (path === undefined || (!existsSync(path) && (file === undefined || chdir !== undefined))) {
    return set.forEach(parseOverride);
  }
  const { cluster } = loadRunConfig(path, [...set, ...sealed(flags)]);
  if (by === undefined || cluster.transport !== 'mpi') return;
  throw new ConfigError(
    `cluster.transport: mpi: ranks that ${by} starts are not of an MPI job`,
    `start them with mpirun or srun, or use --set cluster.transport=websocket --set cluster.allReduce=auto`,
  );
}

/** What is wrong with the run to go on with, as far as this machine can see its folder. */
export function missingRun({ resume, chdir }: LaunchedFlags): ConfigError | undefined {
  if (resume === undefined || (chdir !== undefined && !existsSync(chdir))) return undefined;
  const path = chdir === undefined ? resume : resolve(chdir, resume);
  const none = noRun(path);
  return none && new ConfigError(`--resume ${resume}: is no run here (${none.why})`, none.remedy);
}

/** @throws ConfigError where no run's folder can be made, as far as this machine can see */
export function checkOut({ out, chdir }: LaunchedFlags): void {
  const why = out === undefined ? undefined : fileOnTheWay(chdir === undefined ? out : resolve(chdir, out));
  if (why !== undefined) throw new ConfigError(`--out ${out}: ${why}`, 'choose another folder with --out');
}

/** The cores of `--cpus`. @throws ConfigError */
export const cpuCount = (value: string, most: number): number =>
  wholeNumber('--cpus', value, 1, most, 'give the number of cores');

/** @throws ConfigError when it is no number of nodes */
export const nodeCount = ({ nodes }: Pick<LaunchedFlags, 'nodes'>): number =>
  wholeNumber('--nodes', nodes, 1, 4096, 'give the number of nodes');

/** @throws ConfigError when a value cannot stand in a line of its own */
export function oneLine(option: string, value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  if (!/[\0-\x1f\x7f]/.test(value)) return value;
  throw new ConfigError(`${option}: ${JSON.stringify(value)} has more than one line`, 'write it in one line');
}
