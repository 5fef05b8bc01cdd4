/** `lockstep check`: whether a model passes a gate, for continuous integration. */

import { Command } from 'commander';
import type { CheckResult } from '../coordinator/inference/check.js';
import { printableDeep } from '../src/ground/printable.js';
import { plural } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { gateCells, gateVerdict } from '../src/report/gate-document.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { reportMistakes } from './outcome.js';
import { evaluationOf, type SharedFlags, withModel, withShared } from './shared-options.js';

/** Neither a failed run nor bad input: the model was measured, and is not good enough. */
const notPassed = 3;

const shared = ['split', 'data', 'config', 'set', 'model', 'unseal', 'threads', 'device', 'json'] as const;

interface CheckFlags extends Pick<SharedFlags, (typeof shared)[number]> {
  readonly gate: string;
}

export function checkCommand(): Command {
  const command = withModel(new Command('check'))
    .description('Whether a model keeps the limits of a gate; exit code 3 where it does not.')
    .requiredOption('--gate <file>', 'limits of metrics, and of how much worse than another run they may be, in YAML');
  return withShared(command, ...shared)
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
  npx lockstep check runs/digits-1 --gate gate.yaml
  npx lockstep check runs/digits-1 --gate gate.yaml --set metrics=[accuracy,logLoss] --json

Exit codes: 0 passed, 2 bad input, such as a metric that the run does not have, 3 not passed.`,
    )
    .action(runCheck);
}

function runCheck(place: string, { gate: file, json, ...flags }: CheckFlags): Promise<void> {
  return reportMistakes(json, async (warn) => {
    const { loadGate } = await import('../src/config/gate.js');
    const gate = loadGate(file);
    const given = { ...evaluationOf(flags), warn };
    // Late, because tfjs takes most of the time that the command needs to start.
    const { check } = await import('../coordinator/inference/check.js');
    const result = await check(place, gate, given);
    const columns = terminalColumns(process.stdout);
    process.stdout.write(
      json ? jsonLine({ event: 'check', ...result }) : wrapLines(text(printableDeep(result), columns), columns),
    );
    if (!result.passed) process.exitCode = notPassed;
  });
}

function text(result: CheckResult, columns: number): string {
  const { model, split, examples, lines } = result;
  const where = split === null ? `all ${plural(examples, 'example')}` : plural(examples, `${split} example`);
  return [
    `${model}, ${where}\n`,
    ...tableLines(lines.map(gateCells), columns, { left: 5, names: [1] }).map((line) => `${line.trimEnd()}\n`),
    `${gateVerdict(result)}\n`,
  ].join('');
}
