/** `lockstep check`: whether a model passes a gate, for continuous integration. */
import { Command, Option } from 'commander';
import type { CheckResult } from '../coordinator/inference/check.js';
import type { GateLine } from '../src/evaluate/gate-lines.js';
import { printableDeep } from '../src/ground/printable.js';
import { grouped, metricText } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { jsonLine } from '../src/report/json.js';
import { widthOf, wrapLines } from '../src/report/wrap.js';
import { placeOf } from './evaluate.js';
import { reportMistakes } from './outcome.js';
import { collect, threadCount } from './running.js';

/** Neither a failed run nor bad input: the model was measured, and is not good enough. */
const notPassed = 3;

interface CheckFlags {
  readonly gate: string;
  readonly split?: 'training' | 'validation' | 'test';
  readonly data: readonly string[];
  readonly config?: string;
  readonly set: readonly string[];
  readonly model?: string;
  readonly unseal?: boolean;
  readonly threads?: string;
  readonly json?: boolean;
}

export function checkCommand(): Command {
  return new Command('check')
    .description('Whether a model keeps the limits of a gate; exit code 3 where it does not.')
    .argument('<run|model>', "a run's folder such as runs/digits-1, or a model's folder or model.json")
    .requiredOption('--gate <file>', 'limits of metrics, and of how much worse than another run they may be, in YAML')
    .addOption(
      new Option('--split <name>', "which examples (default: the gate's split, else test, else validation)").choices([
        'training',
        'validation',
        'test',
      ]),
    )
    .option('--data <path>', 'check on all examples of another file or folder instead, as evaluate does', collect, [])
    .option('--config <file>', "the data, loss and metrics (default: those of the model's run)")
    .option('--set <path=value>', 'override one value of the config; repeatable', collect, [])
    .option('--model <best|final|path>', 'which model of the run (default: best where there is one, else final)')
    .option('--unseal', 'open a sealed test split for good')
    .option('--threads <n>', 'threads; the result is the same for any number (default: one a core)')
    .option('--json', 'print one JSON object and nothing else')
    .addHelpText(
      'after',
      `
A gate:
  split: test
  metrics:
    accuracy: { min: 0.95 }
    f1Macro: { min: 0.9, bound: low }        # the low end of its interval too
    logLoss: { max: 0.2 }
  slices:
    sex:                                     # a column, as --by of evaluate takes it
      accuracy: { min: 0.9, gap: 0.05 }      # in every slice; between the best and the worst
  baseline:
    run: runs/old
    metrics:
      accuracy: { worse: 0.01 }              # at most so much worse than runs/old, on the same examples
      logLoss: { worse: significantly }      # not worse by more than chance

Examples:
  lockstep check runs/digits-1 --gate gate.yaml
  lockstep check runs/digits-1 --gate gate.yaml --set metrics=[accuracy,logLoss] --json

Exit codes: 0 passed, 2 bad input, such as a metric that the run does not have, 3 not passed.`,
    )
    .action(runCheck);
}

function runCheck(place: string, { gate: file, set: overrides, threads, json, data, ...options }: CheckFlags) {
  return reportMistakes(json, async (warn) => {
    const { loadGate } = await import('../src/config/gate.js');
    const gate = loadGate(file);
    const given = { ...options, data: placeOf(data), overrides, threads: threadCount(threads), warn };
    // Late, because tfjs takes most of the time that the command needs to start.
    const { check } = await import('../coordinator/inference/check.js');
    const result = await check(place, gate, given);
    process.stdout.write(
      json ? jsonLine({ event: 'check', ...result }) : wrapLines(text(printableDeep(result)), widthOf(process.stdout)),
    );
    if (!result.passed) process.exitCode = notPassed;
  });
}

function text({ model, split, examples, passed, lines }: CheckResult): string {
  const failed = lines.filter((line) => !line.passed).length;
  const where = split === null ? `all ${grouped(examples)} examples` : `${grouped(examples)} ${split} examples`;
  return [
    `${model}, ${where}\n`,
    ...tableLines(lines.map(cellsOf), 5).map((line) => `${line.trimEnd()}\n`),
    passed ? 'passed\n' : `not passed: ${failed} of ${lines.length} failed\n`,
  ].join('');
}

function cellsOf({ about, metric, slice, value, interval, rule, passed, note }: GateLine): string[] {
  const range = interval ? `${metricText(interval.low)} to ${metricText(interval.high)}` : (note ?? '');
  const name =
    about === 'baseline' ? `${metric} less the baseline's` : slice === undefined ? metric : `${metric}, ${slice}`;
  return [passed ? 'passed' : 'FAILED', name, metricText(value), range, rule];
}
