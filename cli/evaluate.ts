/** `lockstep evaluate`: loss and metrics of a saved model. */
import { Command } from 'commander';
import type { EvaluationResult } from '../coordinator/inference/evaluate.js';
import type { ReportOptions } from '../coordinator/inference/make-report.js';
import { ConfigError } from '../src/errors.js';
import { printableDeep } from '../src/ground/printable.js';
import { grouped, metricText, percent, plural } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { decisionText } from '../src/report/decision-text.js';
import { figureText } from '../src/report/figure-text.js';
import { findingsText } from '../src/report/findings-text.js';
import { galleryText } from '../src/report/gallery-text.js';
import { jsonLine } from '../src/report/json.js';
import { looksText } from '../src/report/looks.js';
import { countText } from '../src/report/report-text.js';
import { slicesText } from '../src/report/slices-text.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { importanceTable } from './importance-text.js';
import { reportMistakes } from './outcome.js';
import { checkReportFiles, type ReportFlags, writeReportFiles, writtenText } from './report-files.js';
import { wholeNumber } from './running.js';
import { evaluationOf, repeatable, repeatsFlag, type SharedFlags, withModel, withShared } from './shared-options.js';

const shared = ['split', 'data', 'config', 'set', 'model', 'module', 'threads', 'device', 'unseal', 'repeats'] as const;

interface EvaluateFlags extends ReportFlags, Pick<SharedFlags, (typeof shared)[number] | 'json'> {
  readonly by?: readonly string[];
  readonly gallery?: string;
  readonly importance?: boolean;
  readonly diagnosis: boolean;
}

export function evaluateCommand(): Command {
  const command = withModel(new Command('evaluate')).description(
    'Loss and metrics of a trained model, as its run computes them.',
  );
  withShared(command, ...shared)
    .option(
      '--importance',
      'measure how much worse the model gets without each input; of pictures and texts, explain some',
    )
    .addOption(
      repeatable(
        '--by <column>',
        'metrics by the values of a column; of numbers by bins: age:4; of several at once: sex,age:4 (default: evaluation.slices)',
      ),
    )
    .option('--gallery <n>', 'show examples that the model is most confidently wrong about, and labels in doubt')
    .option(
      '--no-diagnosis',
      'do not look for what is wrong with the run, which evaluates training and validation too',
    );
  return withShared(command, 'html', 'markdown', 'force', 'json')
    .addHelpText(
      'after',
      `
--data takes what data.dir or data.file of the config's source does: a folder for idx and images, a file for csv, parquet, text and
module, a .npz file for npy, or a file for each of its arrays: --data user=u.npy --data rating=r.npy, as for folders of images; for
images that a table names, another table. Its columns are scaled as the training's were; its classes, categories and characters must be those of the training.
--json prints all of the report; the card of the data where there is --html or --markdown.

Examples:
  npx lockstep evaluate runs/digits-1
  npx lockstep evaluate runs/digits-1 --split validation --model final --json
  npx lockstep evaluate runs/digits-1 --html report.html --markdown report.md
  npx lockstep evaluate runs/mnist-1 --data ./data/other-digits
  npx lockstep evaluate runs/census-1 --by sex --by age:4
  npx lockstep evaluate runs/census-1 --importance --html report.html
  npx lockstep evaluate ./downloaded-model --config configs/mnist.yaml

Exit codes: 0 done, 2 bad input.`,
    )
    .action(runEvaluate);
}

function runEvaluate(place: string, flags: EvaluateFlags): Promise<void> {
  const { json, by, diagnosis: diagnose, gallery, importance, html, markdown, force } = flags;
  return reportMistakes(json, async (warn) => {
    const files = { html, markdown, force };
    const isReport = checkReportFiles(files);
    const shown = gallery === undefined ? [] : [`evaluation.gallery=${galleryOf(gallery)}`];
    const repeats = repeatsFlag(flags);
    if (repeats !== undefined && !importance) {
      throw new ConfigError(`--repeats ${repeats}: is of --importance`, 'give that too, or leave --repeats out');
    }
    const asked = { by, diagnose, importance, repeats };
    const given = { ...evaluationOf({ ...flags, set: [...(flags.set ?? []), ...shown] }), ...asked, warn };
    process.stdout.write(await evaluated(place, given, { json, isReport, files }));
  });
}

/** Inputs that people are shown. */
const mostInputs = 10;

interface EvaluateOutput {
  readonly json?: boolean;
  readonly isReport: boolean;
  readonly files: ReportFlags;
}

/** What to print. Modules come late, because tfjs takes most of the time that the command needs to start. */
async function evaluated(
  place: string,
  given: ReportOptions,
  { json, isReport, files }: EvaluateOutput,
): Promise<string> {
  const columns = terminalColumns(process.stdout);
  const people = (result: EvaluationResult) => wrapLines(text(printableDeep(result), columns), columns);
  if (!json && !isReport && !given.importance) {
    const { evaluate } = await import('../coordinator/inference/evaluate.js');
    return people(await evaluate(place, given));
  }
  const { evaluationReport } = await import('../coordinator/inference/make-report.js');
  // Whoever wants numbers alone does not wait until all data are read once more.
  const report = await evaluationReport(place, given, isReport);
  if (isReport) {
    const { evaluationDocument } = await import('../src/report/evaluation-document.js');
    await writeReportFiles(files, evaluationDocument(report));
  }
  if (json) return jsonLine({ event: 'evaluation', ...report });
  const important = report.importance
    ? `\n${importanceTable({ ...report, importance: report.importance }, mostInputs, columns)}`
    : '';
  const explained = report.explanations ? explainedText(report.explanations.length, isReport) : '';
  return `${people(report)}${important}${explained}${isReport ? writtenText(files) : ''}`;
}

const explainedText = (count: number, isReport: boolean): string =>
  `explained: ${plural(count, 'example')}, ${isReport ? 'in the report' : 'for --html, --markdown or --json'}\n`;

const galleryOf = (value: string): number => wholeNumber('--gallery', value, 0, 1000, 'use 24, or leave it out');

function text(result: EvaluationResult, columns: number): string {
  const {
    model,
    split,
    data,
    examples,
    metrics,
    figures = {},
    confidence,
    intervals,
    notes,
    decisions = {},
    looks,
    sealed,
    diagnosis,
    groups,
    slices = [],
    gallery,
  } = result;
  const head: [string, string][] = [
    ['model', model],
    ['data', data],
    ['examples', countText(examples, split)],
    ...Object.values(decisions).map((decision): [string, string] => ['decision', decisionText(decision)]),
    ...(looks && looks.count > 0 ? [['looks', looksText(looks)] as [string, string]] : []),
    ...(sealed ? [['test split', 'sealed; --unseal opens it'] as [string, string]] : []),
  ];
  const names = Object.keys(metrics);
  const titles = tableLines(
    [...head, ...names.map((name) => [name])].map(([title]) => [title]),
    Math.floor(columns / 2) - 2,
  );
  const numbers = tableLines(
    names.map((name) => {
      const interval = intervals[name];
      const range = interval ? `${metricText(interval.low)} to ${metricText(interval.high)}` : (notes[name] ?? '');
      return [metricText(metrics[name]), range];
    }),
    columns,
    { names: [] },
  );
  const drawn = Object.entries(figures).map(([name, figure]) => figureText(name, figure, metricText, columns));
  return [
    ...head.map(([, value], i) => `${titles[i]}  ${value}\n`),
    ...numbers.map((line, i) => `${titles[head.length + i]}  ${line.trimEnd()}\n`),
    ...(Object.keys(intervals).length > 0 ? [`each with its ${percent(confidence)} interval${drawnAs(groups)}\n`] : []),
    ...drawn,
    ...slices.map((each) => slicesText(each, columns)),
    ...(gallery ? [galleryText(gallery, columns)] : []),
    ...(diagnosis ? [findingsText(diagnosis)] : []),
  ].join('');
}

const drawnAs = (groups: EvaluationResult['groups']): string =>
  groups ? `, of whole groups by ${groups.column} (${grouped(groups.count)})` : '';
