/** `lockstep explain`: why a trained model says what it says of an input, and which columns it relies on. */
import { Command, Option } from 'commander';
import type { ExplainMethod } from '../coordinator/inference/explanation.js';
import { ConfigError } from '../src/errors.js';
import type { ExplainedExample } from '../src/report/evaluation-report.js';
import { explainedExample } from '../src/report/explained-example.js';
import { explanationDocument, importanceDocument, mostInReport } from '../src/report/explanation-document.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { readText } from './continuation.js';
import { explanationHeader, explanationText } from './explanation-text.js';
import { importanceText } from './importance-text.js';
import { reportMistakes } from './outcome.js';
import { inputsOf } from './predict.js';
import { checkReportFiles, writeReportFiles, writtenText } from './report-files.js';
import { wholeNumber } from './running.js';
import { evaluationOf, repeatsFlag, type SharedFlags, withModel, withShared } from './shared-options.js';
import { writeLines } from './sink.js';

const ofInputs = ['input', 'text', 'dir', 'images'] as const;
const ofAll = ['repeats', 'split', 'unseal', 'data', 'config', 'set', 'threads', 'device'] as const;
const ofBoth = ['model', 'module', 'html', 'markdown', 'force', 'json'] as const;

interface ExplainFlags extends Pick<SharedFlags, (typeof ofInputs | typeof ofAll | typeof ofBoth)[number]> {
  readonly method?: ExplainMethod;
  readonly target?: string;
  readonly place?: string;
  readonly steps?: string;
  readonly baseline?: string;
  readonly window?: string;
  readonly top?: string;
}

export function explainCommand(): Command {
  const command = withModel(new Command('explain'))
    .description('Why a trained model says what it says of an input, and which inputs it relies on.')
    .argument(
      '[input]',
      'what lockstep predict takes: images, a table, arrays, a text file; without one, which inputs the model relies on',
    )
    .option('--top <k>', 'how many columns, pixels or words to print of each input (default: 10)');
  withShared(command, ...ofBoth).optionsGroup('Options for an input:');
  withShared(command, ...ofInputs)
    .addOption(
      new Option('--method <name>', 'how (default: integratedGradients)').choices([
        'integratedGradients',
        'occlusion',
        'gradient',
      ]),
    )
    .option('--target <name>', 'the class or number to explain, or target=class (default: what the model predicts)')
    .option('--place <n>', 'of a model that tells a class for each of several places: which, from 1')
    .option('--steps <n>', 'points at which integrated gradients take the slope (default: 64)')
    .option('--baseline <zeros|mean|white|file>', 'what the input is compared with (default: zeros)')
    .option('--window <n>', "pixels of a window's side, for occlusion (default: an eighth of the picture)")
    .optionsGroup('Options without an input:');
  return withShared(command, ...ofAll)
    .addHelpText('after', details)
    .action(runExplain);
}

const details = `
Integrated gradients add up to the difference of what the model gives for the input and for the baseline; what is left of it, the
residual, is printed, and more --steps make it smaller. Occlusion replaces one part after the other by that of the baseline.
Without an input, each column is shuffled among the examples of a split: how much worse loss and metrics get is its importance.

Examples:
  npx lockstep explain runs/iris-1 flowers.csv --target virginica
  npx lockstep explain runs/digits-1 ./scans --images ./why
  npx lockstep explain runs/digits-1 seven.png --method occlusion --window 4 --json
  npx lockstep explain runs/iris-1 --split validation --html importance.html
  npx lockstep explain runs/shakespeare-1 --text "ROMEO: I am"

Exit codes: 0 done, 2 bad input.`;

const given = (flags: ExplainFlags, names: readonly (keyof ExplainFlags)[]): string | undefined => {
  const found = names.find((name) => flags[name] !== undefined);
  return found && `--${found}`;
};
const ofOne = ['method', 'target', 'place', 'steps', 'baseline', 'window', 'images', 'dir'] as const;

function runExplain(place: string, input: string | undefined, flags: ExplainFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    const top = numberOf('--top', flags.top) ?? 10;
    checkReportFiles(flags);
    // Late, because tfjs takes most of the time that the command needs to start.
    const { isTextModel } = await import('../coordinator/inference/predict.js');
    const isText = await isTextModel(place, flags.model);
    const isWhole = input === undefined && flags.input === undefined && flags.text === undefined && !isText;
    const excess = given(flags, isWhole ? ofOne : ofAll);
    if (excess) {
      const [problem, remedy] = isWhole
        ? ['no input is given to be explained', 'name an input after the model']
        : ['is for the importance of all inputs', 'leave it out, or leave the input out'];
      throw new ConfigError(`${excess}: ${problem}`, remedy);
    }
    if (isWhole) return importances(place, flags, top, warn);
    const inputs = isText ? textOf(input, flags) : numbersOf(place, input, flags);
    await explanations(place, inputs, flags, top, warn);
  });
}

const numberOf = (option: string, value: string | undefined, most = 10_000): number | undefined =>
  value === undefined ? undefined : wholeNumber(option, value, 1, most, 'leave it out for the default');

async function explanations(
  place: string,
  inputs: string | Record<string, string>,
  flags: ExplainFlags,
  top: number,
  warn: (message: string) => void,
): Promise<void> {
  const { json, method, target, baseline, images, force, dir, model, module } = flags;
  const steps = numberOf('--steps', flags.steps);
  const { explain } = await import('../coordinator/inference/explain.js');
  const isReport = flags.html !== undefined || flags.markdown !== undefined;
  const found = await explain(place, inputs, {
    ...{ method, target, baseline, images, force, dir, model, module, warn, steps, heatMaps: isReport },
    place: numberOf('--place', flags.place, Number.MAX_SAFE_INTEGER),
    window: numberOf('--window', flags.window),
  });
  const shown: ExplainedExample[] = [];
  let left = 0;
  const head = { event: 'explanation', model: found.model, method: found.method, baseline: found.baseline };
  const lines = async function* () {
    let isFirst = true;
    for await (const one of found.rows) {
      // Nothing is printed before what is wrong with the first input was told.
      if (isFirst && !json) yield explanationHeader(found, steps ?? 64);
      isFirst = false;
      if (isReport && shown.length < mostInReport) shown.push(explainedExample(one, one.name ?? `row ${one.row}`));
      else left++;
      yield json
        ? jsonLine({ ...head, ...one })
        : explanationText(one, found.method, top, terminalColumns(process.stdout));
    }
  };
  await writeLines(lines(), undefined);
  if (!isReport) return;
  await writeReportFiles(flags, explanationDocument(found, shown, left));
  if (!json) process.stdout.write(writtenText(flags));
}

async function importances(
  place: string,
  flags: ExplainFlags,
  top: number,
  warn: (message: string) => void,
): Promise<void> {
  const repeats = repeatsFlag(flags);
  const { importance } = await import('../coordinator/inference/importance.js');
  const result = await importance(place, { ...evaluationOf(flags), repeats, warn });
  const columns = terminalColumns(process.stdout);
  process.stdout.write(
    flags.json
      ? jsonLine({ event: 'importance', ...result })
      : wrapLines(importanceText(result, top, columns), columns),
  );
  if (flags.html === undefined && flags.markdown === undefined) return;
  await writeReportFiles(flags, importanceDocument(result));
  if (!flags.json) process.stdout.write(writtenText(flags));
}

function textOf(file: string | undefined, { text, input }: ExplainFlags): string {
  if ((file === undefined) === (text === undefined) || input !== undefined) {
    throw new ConfigError('a model of text explains one text', 'name a text file after the model, or give --text');
  }
  return text ?? readText(file!);
}

function numbersOf(place: string, file: string | undefined, { text, input }: ExplainFlags) {
  if (text !== undefined)
    throw new ConfigError(`--text: ${place} is no model of text`, 'leave it out, and name a file of inputs');
  return inputsOf(file, input);
}
