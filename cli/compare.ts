/** `lockstep compare`: whether one model is better than another, on the same examples. */

import { Command } from 'commander';
import type { ComparedModel, ComparisonResult } from '../coordinator/inference/compare-models.js';
import { printableDeep } from '../src/ground/printable.js';
import { tableLines } from '../src/report/aligned.js';
import {
  comparisonMethod,
  differenceCells,
  differenceHead,
  differenceInWords,
} from '../src/report/comparison-document.js';
import { jsonLine } from '../src/report/json.js';
import { countText } from '../src/report/report-text.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { reportMistakes } from './outcome.js';
import { evaluationOf, repeatable, type SharedFlags, withShared } from './shared-options.js';

const shared = ['split', 'data', 'config', 'set', 'model', 'unseal', 'threads', 'device', 'json'] as const;

interface CompareFlags extends Pick<SharedFlags, (typeof shared)[number]> {
  readonly baseline?: string;
  readonly metric?: readonly string[];
}

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('Whether models differ by more than chance, on the same examples.')
    .argument('<run|model...>', "runs' folders or models'; the first is what the others are compared with")
    .option('--baseline <run|model>', 'compare the others with this one')
    .addOption(
      repeatable('--metric <name>', 'compare by this one alone (default: the loss and all metrics that both have)'),
    );
  return withShared(command, ...shared)
    .addHelpText(
      'after',
      `
Models may be of any kind, and scale their inputs and targets as they like; examples and targets must be the same, and are compared.
Of each metric come the difference with its interval (a paired bootstrap: the same draws for all models), the p-value (McNemar's
exact test for accuracy) corrected for the number of comparisons (Holm), and what that says. --config, --set and --model hold for all.

Examples:
  npx lockstep compare runs/digits-1 runs/digits-2
  npx lockstep compare runs/small runs/large runs/huge --baseline runs/large --metric accuracy --json
  npx lockstep compare runs/a runs/b --data ./data/new.csv --set evaluation.resamples=10000

Exit codes: 0 done, whatever was found; 2 bad input, or runs whose examples are not the same.`,
    )
    .action(runCompare);
}

function runCompare(places: readonly string[], { json, metric, baseline, ...flags }: CompareFlags): Promise<void> {
  return reportMistakes(json, async (warn) => {
    const given = { ...evaluationOf(flags), baseline, metrics: metric, warn };
    // Late, because tfjs takes most of the time that the command needs to start.
    const { compare } = await import('../coordinator/inference/compare-models.js');
    const result = await compare(places, given);
    const columns = terminalColumns(process.stdout);
    process.stdout.write(
      json ? jsonLine({ event: 'comparison', ...result }) : wrapLines(text(printableDeep(result), columns), columns),
    );
  });
}

function text(result: ComparisonResult, columns: number): string {
  const { baseline, split, data, examples, confidence, models } = result;
  return [
    ...tableLines(
      [
        ['data', data],
        ['examples', countText(examples, split)],
        ['baseline', baseline],
      ],
      columns,
      { left: 2, names: [0] },
    ).map((line) => `${line.trimEnd()}\n`),
    ...models.map((model) => `\n${modelText(model, examples, confidence, columns)}`),
    `\n${comparisonMethod(result)}\n`,
  ].join('');
}

function modelText(
  { model, differences }: ComparedModel,
  examples: number,
  confidence: number,
  columns: number,
): string {
  const lines = tableLines([differenceHead(confidence), ...differences.map(differenceCells)], columns);
  const words = ['', ...differences.map((each) => differenceInWords(each, examples))];
  return `${model}\n${lines.map((line, i) => `${`${line}  ${words[i]}`.trimEnd()}\n`).join('')}`;
}
