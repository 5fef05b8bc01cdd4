/** `lockstep score arrays`: every metric that a run can have, of predictions in files of NumPy. */
import { Command, Option } from 'commander';
import type { ArrayScores } from '../coordinator/inference/score-arrays.js';
import type { OutputKind } from '../src/evaluate/kept-arrays.js';
import { printableDeep } from '../src/ground/printable.js';
import { metricText, percent, plural } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { figureText } from '../src/report/figure-text.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { type BootstrapFlags, bootstrapFlags, bootstrapOf } from './bootstrap-flags.js';
import { reportMistakes } from './outcome.js';
import { threadCount } from './running.js';
import { type SharedFlags, withShared } from './shared-options.js';

interface ArraysFlags extends BootstrapFlags, Pick<SharedFlags, 'threads'> {
  readonly of: OutputKind;
  readonly metrics: string;
  readonly weights?: string;
  readonly classes?: string;
}

export function scoreArraysCommand(): Command {
  const command = new Command('arrays')
    .description('Any metric of a run, of predictions in .npy or .npz files.')
    .argument('<targets>', 'class indices, 0 and 1 of labels, or numbers: a row for each example')
    .argument('<outputs>', 'what was predicted of each')
    .addOption(
      new Option('--of <kind>', 'what the outputs are')
        .choices(['probabilities', 'logits', 'classes', 'numbers'])
        .makeOptionMandatory(),
    )
    .requiredOption('--metrics <list>', "as in a config: accuracy,auc or '[accuracy, { f1: { average: macro } }]'")
    .option('--weights <file>', 'what each example counts')
    .option('--classes <names>', 'names of the classes: cat,dog');
  return bootstrapFlags(withShared(command, 'threads'))
    .addHelpText(
      'after',
      `
One column of probabilities or logits is that of the second of two classes. Several columns are classes of which one is the truth where
targets are one number a row, and labels that stand each by itself where they have as many columns. Of a .npz file the members
targets, outputs and weights are read.

Examples:
  npx lockstep score arrays truth.npy scores.npy --of probabilities --metrics auc,averagePrecision,logLoss
  npx lockstep score arrays truth.npy labels.npy --of classes --metrics '[confusionMatrix, { f1: { average: macro } }]'
  npx lockstep score arrays all.npz all.npz --of numbers --metrics mae,r2

Exit codes: 0 done, 2 bad input.`,
    )
    .action(runScoreArrays);
}

function runScoreArrays(targets: string, outputs: string, flags: ArraysFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    const threads = threadCount(flags.threads);
    const options = { ...bootstrapOf(flags), threads };
    const { metricsOf } = await import('../src/config/named-metrics.js');
    const metrics = metricsOf('--metrics', flags.metrics);
    const { Reading } = await import('../src/data/reading.js');
    const { readPredictions } = await import('../coordinator/inference/array-files.js');
    const { scoreArrays } = await import('../coordinator/inference/score-arrays.js');
    const classes = flags.classes?.split(',');
    const files = { targets, outputs, weights: flags.weights };
    const predictions = await readPredictions(files, flags.of, classes, new Reading({ warn }));
    const scores = await scoreArrays(predictions, { metrics, ...options });
    const columns = terminalColumns(process.stdout);
    process.stdout.write(
      flags.json
        ? jsonLine({ event: 'scores', ...scores })
        : wrapLines(text(printableDeep(scores), options.confidence ?? 0.95, columns), columns),
    );
  });
}

function text(
  { examples, metrics, figures, intervals, notes }: ArrayScores,
  confidence: number,
  columns: number,
): string {
  const isSure = Object.keys(intervals).length > 0;
  const rows = Object.entries(metrics).map(([name, value]) => {
    const interval = intervals[name];
    const range = interval ? `${metricText(interval.low)} to ${metricText(interval.high)}` : (notes[name] ?? '');
    return [name, metricText(value), range];
  });
  const head = ['', 'score', isSure ? `${percent(confidence)} interval` : ''];
  return [
    `${plural(examples, 'example')}\n`,
    ...(rows.length > 0 ? tableLines([head, ...rows], columns).map((line) => `${line.trimEnd()}\n`) : []),
    ...Object.entries(figures).map(([name, figure]) => figureText(name, figure, metricText, columns)),
  ].join('');
}
