/** `lockstep coordinator`: one run over this machine and the workers that join it. */
import { Command } from 'commander';
import type { CoordinateOptions } from '../coordinator/world/coordinate.js';
import { loadRunConfig } from '../src/config/load-config.js';
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
  stepLimit,
  threadCount,
  tokenOf,
  trainUntilInterrupted,
  wholeNumber,
} from './running.js';
import { type RunFlags, type SharedFlags, withConfig, withRunOptions, withShared } from './shared-options.js';

interface CoordinatorFlags
  extends RunFlags,
    Pick<SharedFlags, 'ui' | 'token' | 'tlsCert' | 'tlsKey' | 'allowMixedNumerics'> {
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
    );
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
It prints the command that joins a worker. Exit codes are those of lockstep train.`,
    )
    .action(runCoordinator);
}

async function runCoordinator(file: string | undefined, flags: CoordinatorFlags, command: Command): Promise<void> {
  checkRunGiven(file, flags.resume, command);
  hideToken(flags, 'lockstep coordinator');
  await withPage(flags, () =>
    trainUntilInterrupted({ json: flags.json, goOn: goOnBy(command) }, (watch) =>
      withMetrics(metricsFlags(flags), watch, (watched) => start(file, flags, watched)),
    ),
  );
}

async function start(
  file: string | undefined,
  flags: CoordinatorFlags,
  watch: Pick<CoordinateOptions, 'report' | 'signal' | 'goOn'>,
): Promise<EndEvent> {
  const { host, resume, out, ledger, allowMixedNumerics, trace } = flags;
  const set = [...(flags.set ?? []), ...sealed(flags)];
  const options: CoordinateOptions = {
    host,
    ledger,
    allowMixedNumerics,
    trace,
    ...watch,
    port: flags.port === undefined ? undefined : portNumber('--port', flags.port),
    minWorkers: flags.minWorkers === undefined ? undefined : minimum(flags.minWorkers),
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
