/** `lockstep train`: one run on this machine. */
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { maximumThreads } from '../../coordinator/threads.js';
import type { RunOptions } from '../../coordinator/train.js';
import { loadRunConfig } from '../config/load.js';
import { ConfigError } from '../errors.js';
import type { EndEvent, Reporter } from '../report/events.js';
import { jsonReporter } from '../report/json.js';
import { plainReporter } from '../report/plain.js';
import { terminalReporter } from '../report/terminal.js';
import { tellMistake } from './outcome.js';

interface TrainFlags {
  readonly threads?: string;
  readonly engine?: string;
  readonly backend?: string;
  readonly set: readonly string[];
  readonly out?: string;
  readonly resume?: string;
  readonly ledger?: boolean;
  readonly json?: boolean;
}

export function trainCommand(): Command {
  const collect = (value: string, previous: readonly string[]) => [...previous, value];
  return new Command('train')
    .description('Train a model on the cores of this machine.')
    .argument('[config]', 'the run, as YAML; see configs/ for complete ones')
    .option('--resume <run>', 'go on with an interrupted run, by its folder, from its newest checkpoint')
    .option('--threads <n>', 'engine threads; the result is the same for any number (default: one a core)')
    .addOption(new Option('--engine <name>', 'overrides `engine` of the config').choices(['auto', 'onnx', 'tfjs']))
    .addOption(
      new Option('--backend <name>', 'overrides `backend` of the config').choices(['tensorflow', 'wasm', 'cpu']),
    )
    .option('--set <path=value>', 'override one value of the config; repeatable', collect, [])
    .option('--out <dir>', "folder that receives the run's folder (default: runs)")
    .option('--ledger', 'record in ledger.jsonl which examples went into each step')
    .option('--json', 'print one JSON object a line and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  lockstep train configs/digits.yaml
  lockstep train configs/digits.yaml --threads 2 --set training.epochs=1 --set optimizer.adam.learningRate=0.01
  lockstep train configs/mnist.yaml --set data.dir=./data/mnist --json
  lockstep train --resume runs/digits-1

Exit codes: 0 done, 1 failed run (such as a loss that is not finite), 2 bad input, 130 stopped by Ctrl-C.`,
    )
    .action(runTrain);
}

async function runTrain(file: string | undefined, flags: TrainFlags, command: Command): Promise<void> {
  if (file === undefined && flags.resume === undefined) {
    command.error("error: missing required argument 'config', or --resume");
  }
  const report = reporter(flags);
  const abort = new AbortController();
  const interrupt = (signal: NodeJS.Signals) => {
    if (abort.signal.aborted) return dieOf(signal);
    report({ event: 'warning', message: 'stopping after this step; press Ctrl-C again to quit at once' });
    abort.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  // Nobody reads any more (`| head`).
  const stop = () => abort.abort();
  process.stdout.on('error', stop);
  try {
    const end = await start(file, flags, { report, signal: abort.signal });
    if (end.interrupted) process.exitCode = 130;
  } catch (error) {
    tellMistake(error, report);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    process.stdout.off('error', stop);
  }
}

/** A new run, or one to go on with. */
async function start(
  file: string | undefined,
  flags: TrainFlags,
  watch: Pick<RunOptions, 'report' | 'signal'>,
): Promise<EndEvent> {
  const set = [...flags.set];
  if (flags.engine) set.push(`engine=${flags.engine}`);
  if (flags.backend) set.push(`backend=${flags.backend}`);
  const options = { threads: threadCount(flags.threads), ledger: flags.ledger, ...watch };
  if (flags.resume === undefined) {
    const config = loadRunConfig(file!, set);
    // Late, because tfjs takes most of the time that the command needs to start: a mistake in the config is told at once.
    const { train } = await import('../../coordinator/train.js');
    return train(config, { ...options, out: flags.out });
  }
  const excess = file ?? (flags.out === undefined ? undefined : '--out');
  if (excess !== undefined) {
    throw new ConfigError(
      `--resume ${flags.resume}: the run has its config and folder already, and ${excess} names another`,
      `leave out ${excess}, or --resume`,
    );
  }
  const { resume } = await import('../../coordinator/train.js');
  return resume(flags.resume, { ...options, set });
}

/** Ends the process here and now: `process.exit` would wait for threads that compute, and then crash on them. */
function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function reporter({ json }: TrainFlags): Reporter {
  if (json) return jsonReporter(process.stdout);
  return process.stdout.isTTY ? terminalReporter(process.stdout) : plainReporter(process.stdout);
}

export function threadCount(value: string | undefined): number {
  if (value === undefined) return availableParallelism();
  const threads = Number(value);
  if (Number.isInteger(threads) && threads >= 1 && threads <= maximumThreads) return threads;
  throw new ConfigError(
    `--threads ${value} is not a whole number from 1 to ${maximumThreads}`,
    `this machine has ${availableParallelism()} cores: use --threads ${availableParallelism()} or leave it out`,
  );
}
