/** `lockstep join`: a rank of a job that a scheduler or a message-passing library has started. Rank 0 coordinates, and all compute. */
import { availableParallelism, cpus, hostname } from 'node:os';
import { Command } from 'commander';
import { maximumThreads } from '../coordinator/local/threads.js';
import { ConfigError } from '../src/errors.js';
import { findLaunch, type Launch, type LaunchFlags } from '../src/launch/launch.js';
import { meetingOf } from '../src/launch/meeting.js';
import { tellMistake } from './outcome.js';
import { checkResume, checkRunGiven, sealed, stepLimit, threadCount, timeoutOf, wholeNumber } from './running.js';
import { type RunFlags, type SharedFlags, withConfig, withRunOptions, withShared } from './shared-options.js';

interface JoinFlags extends RunFlags, Pick<SharedFlags, 'cache' | 'timeout' | 'allowMixedNumerics'> {
  readonly rank?: string;
  readonly size?: string;
  readonly coordinator?: string;
  readonly job?: string;
}

export function joinCommand(): Command {
  const command = withConfig(new Command('join'), '[config]')
    .description('Train as one of the ranks that srun, mpirun or Kubernetes has started: all run this command.')
    .option('--rank <n>', 'which rank this is, from 0 (default: what the launcher says)')
    .option('--size <n>', 'how many ranks there are (default: what the launcher says)')
    .option('--coordinator <host[:port]>', 'where rank 0 is reached (default: what it writes into the folder of --out)')
    .option(
      '--job <name>',
      'the same in every rank and every start of a job (default: $LOCKSTEP_JOB, else by the launcher)',
    );
  withShared(command, 'timeout', 'cache', 'allowMixedNumerics');
  return withRunOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  srun -N 8 npx lockstep join configs/mnist.yaml
  mpirun -np 8 npx lockstep join configs/mnist.yaml
  lockstep join configs/mnist.yaml --rank 1 --size 2 --coordinator 10.0.0.1:7474 --job mnist-3

Rank 0 coordinates and shows what happens; all ranks compute. A job that is started anew goes on with its run.
Without LOCKSTEP_TOKEN in the environment, all nodes share the folder of --out, where rank 0 leaves a token.
Exit codes: 0 the run is over, 1 failed run, 2 bad input, 75 the run is not over and the same command goes on with it:
it was stopped by a signal, after a checkpoint, or ranks were missing.`,
    )
    .action(runJoin);
}

async function runJoin(file: string | undefined, flags: JoinFlags, command: Command): Promise<void> {
  checkRunGiven(file, flags.resume, command);
  // To the very end of the process: what ends a job ends ranks that have ended well already, and each is to keep its exit code.
  process.on('SIGTERM', () => {});
  const prepared = prepare(file, flags);
  if (!prepared) return;
  const { launch, request } = prepared;
  if (launch.rank === 0) {
    const { joinAsCoordinator } = await import('./join-coordinator.js');
    return joinAsCoordinator(launch, request);
  }
  const { joinAsWorker } = await import('./join-worker.js');
  return joinAsWorker(launch, request);
}

/** What all ranks know before they meet. */
export type JoinRequest = NonNullable<ReturnType<typeof prepare>>['request'];

/** Undefined where it cannot begin, which is told then: by every rank, as no other can do it. */
function prepare(file: string | undefined, flags: JoinFlags) {
  try {
    const launch = findLaunch(process.env, launchFlags(flags), hostname());
    const { resume, out = 'runs', json, cache, ledger, trace, allowMixedNumerics } = flags;
    const set = [...(flags.set ?? []), ...sealed(flags)];
    if (resume !== undefined) checkResume(resume, file, flags.out);
    const meeting = meetingOf(launch, [resume ?? file!, ...set], out, process.env.LOCKSTEP_TOKEN || undefined);
    const request = {
      ...{ file, resume, out, json, cache, ledger, trace, allowMixedNumerics, set, meeting },
      threads: flags.threads === undefined ? threadsFor(launch) : threadCount(flags.threads),
      steps: stepLimit(flags.steps),
      timeout: timeoutOf(flags.timeout) ?? 600,
    };
    return { launch, request };
  } catch (error) {
    const name = process.env.SLURMD_NODENAME ?? hostname();
    tellMistake(error, ({ message, remedy, code }) =>
      process.stderr.write(`${name}: error: ${message}\n${name}: remedy: ${remedy}\n${code}\n`),
    );
    return undefined;
  }
}

function launchFlags({ rank, size, coordinator, job }: JoinFlags): LaunchFlags {
  if (job !== undefined && !/^[\w.-]{1,80}$/.test(job)) {
    throw new ConfigError(`--job ${job}: is no name`, 'use up to 80 letters, digits, ".", "_" and "-"');
  }
  return {
    rank: rank === undefined ? undefined : wholeNumber('--rank', rank, 0, 4095, 'ranks count from 0'),
    size: size === undefined ? undefined : wholeNumber('--size', size, 1, 4096, 'give the number of ranks'),
    coordinator: coordinator === undefined ? undefined : hostAndPortOf(coordinator),
    job,
  };
}

/** `host`, `host:port` or `[2001:db8::1]:port`. */
function hostAndPortOf(text: string): LaunchFlags['coordinator'] {
  const found = /^(?:\[([\da-f:.]+)\]|([^[\]:/\s]+))(?::(\d{1,5}))?$/i.exec(text);
  const port = found?.[3] === undefined ? undefined : Number(found[3]);
  if (found && (port === undefined || (port > 0 && port < 65536))) return { host: found[1] ?? found[2], port };
  throw new ConfigError(`--coordinator ${text}: is no address`, 'give HOST or HOST:PORT, such as node1:7474');
}

/**
 * The cores that are meant for this rank: those that its launcher names or binds it to, else its share of the machine. The result does not
 * depend on it.
 */
function threadsFor({ cores, neighbours = 1 }: Launch): number {
  const available = availableParallelism();
  const isBound = available < cpus().length;
  const own = cores ?? (isBound ? available : Math.max(1, Math.floor(available / neighbours)));
  return Math.min(own, maximumThreads);
}
