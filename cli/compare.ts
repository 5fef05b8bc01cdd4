/** `lockstep compare`: whether one model is better than another, on the same examples. */

import { Command } from 'commander';
import type { ComparedModel, ComparisonResult } from '../coordinator/inference/compare-models.js';
import type { Verdict } from '../src/evaluate/differences.js';
import { printableDeep } from '../src/ground/printable.js';
import { metricText, percent, plural } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
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
  lockstep compare runs/digits-1 runs/digits-2
  lockstep compare runs/small runs/large runs/huge --baseline runs/large --metric accuracy --json
  lockstep compare runs/a runs/b --data ./data/new.csv --set evaluation.resamples=10000

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
  const { baseline, split, data, examples, confidence, resamples, models } = result;
  const count = models.flatMap(({ differences }) => differences).filter(({ p }) => !Number.isNaN(p)).length;
  const isExact = models.some(({ differences }) => differences.some(({ test }) => test === 'mcnemar'));
  const bootstrap = `a paired bootstrap of ${plural(resamples, 'resample')}`;
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
    `\ndifferences with their ${percent(confidence)} intervals, by ${bootstrap}; p is corrected for ${plural(count, 'comparison')} ` +
      `(Holm)${isExact ? ", and by McNemar's exact test where examples are right or wrong" : ''}\n`,
  ].join('');
}

function modelText(
  { model, differences }: ComparedModel,
  examples: number,
  confidence: number,
  columns: number,
): string {
  const head = ['', 'baseline', 'this', 'difference', `${percent(confidence)} interval`, 'p'];
  const lines = tableLines([head, ...differences.map(cellsOf)], columns);
  const words = ['', ...differences.map((each) => inWords(each, examples))];
  return `${model}\n${lines.map((line, i) => `${`${line}  ${words[i]}`.trimEnd()}\n`).join('')}`;
}

const signed = (value: number): string => (value > 0 ? `+${metricText(value)}` : metricText(value));

function cellsOf({ metric, baseline, value, difference, interval, corrected }: Verdict): string[] {
  const range = interval ? `${signed(interval.low)} to ${signed(interval.high)}` : '';
  return [metric, metricText(baseline), metricText(value), signed(difference), range, pText(corrected)];
}

const pText = (p: number): string => (Number.isNaN(p) ? '' : p < 0.001 ? p.toExponential(0) : p.toFixed(3));

function inWords({ verdict, difference, detectable }: Verdict, examples: number): string {
  if (verdict !== 'no difference shown') return verdict;
  if (difference === 0 && detectable === 0) return 'no difference';
  if (detectable === undefined) return verdict;
  return `${verdict}: with ${plural(examples, 'example')} none below ${metricText(detectable)} can be`;
}
