/** `lockstep coordinator`: one run over this machine and the workers that join it. */
import { Command } from 'commander';
import type { CoordinateOptions } from '../coordinator/world/coordinate.js';
import type { FirstWorkers } from '../coordinator/world/quorum.js';
import { loadRunConfig } from '../src/config/load-config.js';
import { WireError } from '../src/errors.js';
import { duration, grouped } from '../src/ground/units.js';
import type { EndEvent } from '../src/report/events.js';
import { withPage } from './beside.js';
import { goOnBy } from './go-on.js';
import { metricsFlags, withMetrics } from './metrics.js';
import { pair, portNumber } from './network.js';
import {
  checkResume,
  checkRunGiven,
  hideToken,
  sealed,
  startAgain,
  stepLimit,
  threadCount,
  timeoutOf,
  tokenOf,
  trainUntilInterrupted,
  wholeNumber,
} from './running.js';
import { type RunFlags, type SharedFlags, withConfig, withRunOptions, withShared } from './shared-options.js';

interface CoordinatorFlags
  extends RunFlags,
    Pick<SharedFlags, 'ui' | 'token' | 'tlsCert' | 'tlsKey' | 'allowMixedNumerics' | 'timeout'> {
  readonly host?: string;
  readonly port?: string;
  readonly minWorkers?: string;
}

export function coordinatorCommand(): Command {
  const command = withConfig(new Command('coordinator'), '[config]')
    .description('Train a model on this machine and on the workers that join it.')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('--port <n>', 'port to listen on; 0 for any (default: 7474)')
    .option(
      '--min-workers <n>',
      'remote workers without which no step begins (default: 1 at first; then none, where this machine computes)',
    )
    .option('--timeout <seconds>', 'how long to wait for them before the first step; 0 for ever (default: 0)');
  withShared(command, 'allowMixedNumerics', 'token', 'tlsCert', 'tlsKey', 'ui');
  return withRunOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep coordinator configs/mnist.yaml --host 0.0.0.0 --min-workers 2
  npx lockstep coordinator configs/mnist.yaml --host 0.0.0.0 --threads 0 --set cluster.allReduce=butterfly
  npx lockstep coordinator --resume runs/mnist-1

With --threads 0 this machine computes nothing. A run that is resumed has its workers come back by themselves.
It prints the command that joins a worker. Exit codes are those of lockstep train, and 75 where workers have not come within
--timeout: the same command can be started again.`,
    )
    .action(runCoordinator);
}

async function runCoordinator(file: string | undefined, flags: CoordinatorFlags, command: Command): Promise<void> {
  checkRunGiven(file, flags.resume, command);
  hideToken(flags, 'lockstep coordinator');
  let isMissed = false;
  const missed = (minimum: number, seconds: number) => (names: readonly string[]) => {
    isMissed = true;
    return missing(names, minimum, seconds);
  };
  await withPage(flags, () =>
    trainUntilInterrupted({ json: flags.json, goOn: goOnBy(command) }, (watch) =>
      withMetrics(metricsFlags(flags), watch, (watched) => start(file, flags, watched, missed)),
    ),
  );
  if (isMissed) process.exitCode = startAgain;
}

/** What ends a run that has not begun. @param names of the workers that could begin */
function missing(names: readonly string[], minimum: number, seconds: number): WireError {
  const who = names.length === 0 ? '' : `: ${names.join(', ')}`;
  const workers = `${grouped(names.length)} of ${grouped(minimum)} workers`;
  return new WireError(
    `${workers} ${names.length === 1 ? 'takes' : 'take'} part after ${duration(seconds)} (--timeout)${who}`,
    'see what the others say themselves, and start it again; a smaller --min-workers begins without them, a longer --timeout waits on',
  );
}

async function start(
  file: string | undefined,
  flags: CoordinatorFlags,
  watch: Pick<CoordinateOptions, 'report' | 'signal' | 'goOn'>,
  missed: (minimum: number, seconds: number) => FirstWorkers['missed'],
): Promise<EndEvent> {
  const { host, resume, out, ledger, allowMixedNumerics, trace } = flags;
  const set = [...(flags.set ?? []), ...sealed(flags)];
  const minWorkers = flags.minWorkers === undefined ? undefined : minimum(flags.minWorkers);
  const seconds = timeoutOf(flags.timeout) ?? 0;
  const options: CoordinateOptions = {
    host,
    ledger,
    allowMixedNumerics,
    trace,
    ...watch,
    port: flags.port === undefined ? undefined : portNumber('--port', flags.port),
    minWorkers,
    arrival: { seconds, missed: missed(minWorkers ?? 1, seconds) },
    token: tokenOf(flags),
    threads: threadCount(flags.threads, 0),
    steps: stepLimit(flags.steps),
    tls: pair(flags),
  };
  if (resume === undefined) {
    const config = loadRunConfig(file!, set);
    const { coordinate } = await import('../coordinator/world/coordinate.js');
    return coordinate(config, { ...options, out });
  }
  checkResume(resume, file, out);
  const { resumeCoordinating } = await import('../coordinator/world/coordinate.js');
  return resumeCoordinating(resume, { ...options, set });
}

const minimum = (value: string): number => wholeNumber('--min-workers', value, 0, 4096, 'use 1, or leave it out');
