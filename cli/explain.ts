/** `lockstep explain`: why a trained model says what it says of an input, and which columns it relies on. */
import { Command, Option } from 'commander';
import type { ExplainMethod } from '../coordinator/inference/explanation.js';
import { ConfigError } from '../src/errors.js';
import { jsonLine } from '../src/report/json.js';
import { explanationHeader, explanationText } from './explanation-text.js';
import { reportMistakes } from './outcome.js';
import { inputsOf, readText } from './predict.js';
import { collect, wholeNumber } from './running.js';
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
  readonly force?: boolean;
  readonly dir?: string;
  readonly text?: string;
  readonly model?: string;
  readonly module?: string;
  readonly json?: boolean;
}

export function explainCommand(): Command {
  return new Command('explain')
    .description('Why a trained model says what it says of an input: how much each column, pixel or word adds.')
    .argument('<run|model>', "a run's folder such as runs/digits-1, or a model's folder or model.json")
    .argument('[input]', 'what lockstep predict takes: images, a table, arrays, a text file')
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
    .addHelpText(
      'after',
      `
Integrated gradients add up to the difference of what the model gives for the input and for the baseline; what is left of it, the
residual, is printed, and more --steps make it smaller. Occlusion replaces one part after the other by that of the baseline.

Examples:
  lockstep explain runs/iris-1 flowers.csv --target virginica
  lockstep explain runs/digits-1 ./scans --images ./why
  lockstep explain runs/digits-1 seven.png --method occlusion --window 4 --json
  lockstep explain runs/shakespeare-1 --text "ROMEO: I am"

Exit codes: 0 done, 2 bad input.`,
    )
    .action(runExplain);
}

function runExplain(place: string, input: string | undefined, flags: ExplainFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    const { json, method, target, baseline, images, force, dir, model, module } = flags;
    const whole = (option: string, value: string | undefined, most: number) =>
      value === undefined ? undefined : wholeNumber(option, value, 1, most, 'leave it out for the default');
    const top = whole('--top', flags.top, Number.MAX_SAFE_INTEGER) ?? 10;
    const options = {
      ...{ method, target, baseline, images, force, dir, model, module, warn },
      place: whole('--place', flags.place, Number.MAX_SAFE_INTEGER),
      steps: whole('--steps', flags.steps, 10_000),
      window: whole('--window', flags.window, 10_000),
    };
    // Late, because tfjs takes most of the time that the command needs to start.
    const { isTextModel } = await import('../coordinator/inference/predict.js');
    const given = (await isTextModel(place, model)) ? textOf(input, flags) : numbersOf(place, input, flags);
    const { explain } = await import('../coordinator/inference/explain.js');
    const found = await explain(place, given, options);
    const lines = async function* () {
      if (!json) yield explanationHeader(found, options.steps ?? 64);
      for await (const one of found.rows) yield json ? jsonLine(one) : explanationText(one, found.method, top);
    };
    await writeLines(lines(), undefined);
  });
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
