/** `lockstep explain`: why a trained model says what it says of an input, and which columns it relies on. */
import { Command, Option } from 'commander';
import type { ExplainMethod } from '../coordinator/inference/explanation.js';
import { ConfigError } from '../src/errors.js';
import { jsonLine } from '../src/report/json.js';
import { explanationHeader, explanationText } from './explanation-text.js';
import { importanceText } from './importance-text.js';
import { reportMistakes } from './outcome.js';
import { inputsOf, readText } from './predict.js';
import { collect, threadCount, wholeNumber } from './running.js';
import { writeLines } from './sink.js';

interface ExplainFlags {
  readonly input: readonly string[];
  readonly method?: ExplainMethod;
  readonly target?: string;
  readonly place?: string;
  readonly steps?: string;
  readonly baseline?: string;
  readonly window?: string;
  readonly top?: string;
  readonly images?: string;
  readonly split?: 'training' | 'validation' | 'test';
  readonly unseal?: boolean;
  readonly data?: string;
  readonly config?: string;
  readonly set: readonly string[];
  readonly repeats?: string;
  readonly threads?: string;
  readonly force?: boolean;
  readonly dir?: string;
  readonly text?: string;
  readonly model?: string;
  readonly module?: string;
  readonly json?: boolean;
}

export function explainCommand(): Command {
  const command = new Command('explain')
    .description('Why a trained model says what it says of an input, and which inputs it relies on.')
    .argument('<run|model>', "a run's folder such as runs/digits-1, or a model's folder or model.json")
    .argument(
      '[input]',
      'what lockstep predict takes: images, a table, arrays, a text file; without one, which inputs the model relies on',
    )
    .option('--input <name=file>', 'one of several inputs, by its name; repeatable, instead of [input]', collect, [])
    .option('--text <text>', 'the text that is to be explained, instead of a file')
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
    .option('--top <k>', 'how many columns, pixels or words to print of each input (default: 10)')
    .option('--images <folder>', 'write a heat map of each picture there, as PNG files')
    .option('--force', 'write to --images although there are such files')
    .option('--dir <folder>', 'where names of images in a table start (default: the folder of the table)')
    .option('--model <best|final|path>', 'which model of the run (default: best where there is one, else final)')
    .option('--module <file>', "the module that makes the model (default: that of the run's config)")
    .option('--json', 'print one JSON object a line, with every part, and nothing else')
    .action(runExplain);
  return withImportanceOptions(command).addHelpText('after', details);
}

/** For `lockstep explain RUN` alone. */
const withImportanceOptions = (command: Command): Command =>
  command
    .option('--repeats <n>', 'without an input: how often each column is shuffled (default: 10)')
    .addOption(
      new Option(
        '--split <name>',
        'without an input: which examples (default: test where the run has them, else validation)',
      ).choices(['training', 'validation', 'test']),
    )
    .option('--unseal', 'without an input: open a sealed test split for good')
    .option('--data <path>', 'without an input: all examples of another file or folder')
    .option('--config <file>', "without an input: the data, loss and metrics (default: those of the model's run)")
    .option('--set <path=value>', 'without an input: override one value of the config; repeatable', collect, [])
    .option('--threads <n>', 'without an input: engine threads; the result is the same for any number');

const details = `
Integrated gradients add up to the difference of what the model gives for the input and for the baseline; what is left of it, the
residual, is printed, and more --steps make it smaller. Occlusion replaces one part after the other by that of the baseline.
Without an input, each column is shuffled among the examples of a split: how much worse loss and metrics get is its importance.

Examples:
  lockstep explain runs/iris-1 flowers.csv --target virginica
  lockstep explain runs/digits-1 ./scans --images ./why
  lockstep explain runs/digits-1 seven.png --method occlusion --window 4 --json
  lockstep explain runs/iris-1 --split validation
  lockstep explain runs/shakespeare-1 --text "ROMEO: I am"

Exit codes: 0 done, 2 bad input.`;

const given = (flags: ExplainFlags, names: readonly (keyof ExplainFlags)[]): string | undefined => {
  const found = names.find((name) => flags[name] !== undefined && (flags[name] as { length?: number }).length !== 0);
  return found && `--${found}`;
};
const ofInputs = ['method', 'target', 'place', 'steps', 'baseline', 'window', 'images', 'force', 'dir'] as const;
const ofSplits = ['repeats', 'split', 'unseal', 'data', 'config', 'set', 'threads'] as const;

function runExplain(place: string, input: string | undefined, flags: ExplainFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    const top = numberOf('--top', flags.top) ?? 10;
    // Late, because tfjs takes most of the time that the command needs to start.
    const { isTextModel } = await import('../coordinator/inference/predict.js');
    const isText = await isTextModel(place, flags.model);
    const isWhole = input === undefined && flags.input.length === 0 && flags.text === undefined && !isText;
    const excess = given(flags, isWhole ? ofInputs : ofSplits);
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
  const found = await explain(place, inputs, {
    ...{ method, target, baseline, images, force, dir, model, module, warn, steps },
    place: numberOf('--place', flags.place, Number.MAX_SAFE_INTEGER),
    window: numberOf('--window', flags.window),
  });
  const lines = async function* () {
    if (!json) yield explanationHeader(found, steps ?? 64);
    for await (const one of found.rows) yield json ? jsonLine(one) : explanationText(one, found.method, top);
  };
  await writeLines(lines(), undefined);
}

async function importances(
  place: string,
  { json, model, module, split, unseal, data, config, set: overrides, ...flags }: ExplainFlags,
  top: number,
  warn: (message: string) => void,
): Promise<void> {
  const repeats = numberOf('--repeats', flags.repeats);
  const threads = threadCount(flags.threads);
  const { importance } = await import('../coordinator/inference/importance.js');
  const options = { model, module, split, unseal, data, config, overrides, repeats, threads, warn };
  const result = await importance(place, options);
  process.stdout.write(json ? jsonLine(result) : importanceText(result, top));
}

function textOf(file: string | undefined, { text, input }: ExplainFlags): string {
  if ((file === undefined) === (text === undefined) || input.length > 0) {
    throw new ConfigError('a model of text explains one text', 'name a text file after the model, or give --text');
  }
  return text ?? readText(file!);
}

function numbersOf(place: string, file: string | undefined, { text, input }: ExplainFlags) {
  if (text !== undefined)
    throw new ConfigError(`--text: ${place} is no model of text`, 'leave it out, and name a file of inputs');
  return inputsOf(file, input);
}
