/** `lockstep train`: one run on this machine. */
import { Command, Option } from 'commander';
import type { RunOptions } from '../coordinator/local/train.js';
import { loadRunConfig } from '../src/config/load-config.js';
import { ConfigError } from '../src/errors.js';
import type { EndEvent } from '../src/report/events.js';
import { jsonLine } from '../src/report/json.js';
import { learningCurveText } from '../src/report/learning-curve.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { withPage } from './beside.js';
import { goOnBy } from './go-on.js';
import { metricsFlags, withMetrics } from './metrics.js';
import { checkResume, checkRunGiven, sealed, stepLimit, threadCount, trainUntilInterrupted } from './running.js';
import { type RunFlags, type SharedFlags, withConfig, withRunOptions, withShared } from './shared-options.js';

interface TrainFlags extends RunFlags, Pick<SharedFlags, 'ui'> {
  readonly engine?: string;
  readonly backend?: string;
  readonly learningCurve?: string;
}

export function trainCommand(): Command {
  const command = withConfig(new Command('train'), '[config]')
    .description('Train a model on the cores of this machine.')
    .option(
      '--learning-curve <sizes>',
      'train on parts of the training split, such as 0.1,0.3,1, and compare on validation',
    )
    .addOption(new Option('--engine <name>', 'overrides `engine` of the config').choices(['auto', 'onnx', 'tfjs']))
    .addOption(
      new Option('--backend <name>', 'overrides `backend` of the config').choices(['tensorflow', 'wasm', 'cpu']),
    );
  return withShared(withRunOptions(command), 'ui')
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep train configs/digits.yaml
  npx lockstep train configs/digits.yaml --threads 2 --set training.epochs=1 --set optimizer.adam.learningRate=0.01
  npx lockstep train configs/mnist.yaml --set data.dir=./data/mnist --json
  npx lockstep train configs/digits.yaml --learning-curve 0.1,0.3,1
  npx lockstep train --resume runs/digits-1

Exit codes: 0 done, 1 failed run (a loss that is not finite, a model that could not be written), 2 bad input,
130, 143 or 129 stopped by Ctrl-C, SIGTERM or SIGHUP: after the step under way, with a checkpoint to go on from.`,
    )
    .action(runTrain);
}

async function runTrain(file: string | undefined, flags: TrainFlags, command: Command): Promise<void> {
  checkRunGiven(file, flags.resume, command);
  await withPage(flags, () =>
    trainUntilInterrupted({ json: flags.json, goOn: goOnBy(command) }, (watch) =>
      withMetrics(metricsFlags(flags), watch, (watched) => start(file, flags, watched)),
    ),
  );
}

/** @throws ConfigError unless they are parts, ascending */
function sizesOf(text: string): number[] {
  const sizes = text.split(',').map((size) => (size.trim() === '' ? Number.NaN : Number(size)));
  const isAscending = sizes.every((size, i) => size > (sizes[i - 1] ?? 0) && size <= 1);
  if (isAscending && sizes.length > 1) return sizes;
  throw new ConfigError(
    `--learning-curve ${text}: is no list of ascending parts, each above 0 and at most 1`,
    'write --learning-curve 0.1,0.3,1',
  );
}

/** A new run, or one to go on with. */
async function start(
  file: string | undefined,
  flags: TrainFlags,
  watch: Pick<RunOptions, 'report' | 'signal' | 'goOn'>,
): Promise<EndEvent> {
  const set = [...(flags.set ?? []), ...sealed(flags)];
  if (flags.engine) set.push(`engine=${flags.engine}`);
  if (flags.backend) set.push(`backend=${flags.backend}`);
  const { ledger, trace } = flags;
  const options = { threads: threadCount(flags.threads), steps: stepLimit(flags.steps), ledger, trace, ...watch };
  if (flags.resume === undefined) {
    const config = loadRunConfig(file!, set);
    // Late, because tfjs takes most of the time that the command needs to start: a mistake in the config is told at once.
    if (flags.learningCurve !== undefined) {
      const sizes = sizesOf(flags.learningCurve);
      const { trainCurve } = await import('../coordinator/local/train-curve.js');
      return trainCurve(config, sizes, { ...options, out: flags.out }, (curve) => {
        const columns = terminalColumns(process.stdout);
        const text = flags.json ? jsonLine({ event: 'learningCurve', ...curve }) : learningCurveText(curve, columns);
        process.stdout.write(flags.json ? text : wrapLines(text, columns));
      });
    }
    const { train } = await import('../coordinator/local/train.js');
    return train(config, { ...options, out: flags.out });
  }
  checkResume(flags.resume, file, flags.out);
  if (flags.learningCurve !== undefined) {
    throw new ConfigError('--learning-curve starts new runs, and --resume goes on with one', 'leave one of them out');
  }
  const { resume } = await import('../coordinator/local/train.js');
  return resume(flags.resume, { ...options, set });
}
