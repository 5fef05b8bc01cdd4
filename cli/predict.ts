/** `lockstep predict`: what a trained model makes of new inputs, or how it continues a text. */
import { existsSync, readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { ConfigError, DataError, OutputError } from '../src/errors.js';
import { printableText } from '../src/ground/printable.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns } from '../src/report/wrap.js';
import { wholeFlag } from './flag-numbers.js';
import { namedFiles } from './named-files.js';
import { reportMistakes } from './outcome.js';
import { type PredictionFormat, predictionLines } from './prediction-text.js';
import { type SharedFlags, seedOf, withModel, withShared } from './shared-options.js';
import { writeLines } from './sink.js';

const ofAll = ['model', 'module', 'force', 'json'] as const;
const ofInputs = ['input', 'dir', 'images'] as const;
const ofTexts = ['text', 'seed'] as const;

interface PredictFlags extends Pick<SharedFlags, (typeof ofAll | typeof ofInputs | typeof ofTexts)[number]> {
  readonly csv?: boolean;
  readonly output?: string;
  readonly keep?: string;
  readonly top?: string;
  readonly length?: string;
  readonly temperature?: string;
}

export function predictCommand(): Command {
  const command = withModel(new Command('predict'))
    .description('What a trained model makes of new inputs; for a model of text, how it goes on.')
    .argument(
      '[input]',
      'an image or a folder of images, a CSV, Parquet or JSON lines file, a .npy, .npz or .json file, a module, or a text file; - is standard input',
    )
    .option('--output <file>', 'write there instead of to standard output');
  withShared(command, ...ofAll)
    .optionsGroup('Options for inputs:')
    .option('--top <k>', 'name the k likeliest classes, not only the first')
    .addOption(
      new Option('--csv', 'print CSV with a header line; without --top, a column for each class').conflicts('json'),
    )
    .option(
      '--keep <columns>',
      'repeat columns of the table beside the predictions, such as ids and targets: id,species',
    );
  withShared(command, ...ofInputs)
    .optionsGroup('Options for models of text:')
    .option('--length <n>', 'tokens to add to the text: characters, or as data.tokens says (default: 200)')
    .option('--temperature <t>', 'above 1 for more surprise, 0 for the likeliest token each time (default: 1)');
  return withShared(command, ...ofTexts)
    .addHelpText(
      'after',
      `
Inputs are read as those of the training were: images are scaled to the model's size, columns are found by their names and
standardized as then. A .json file holds a list of examples, a .npy file an array of them; for a model of images, bytes.
Of several inputs a .json file gives each by its name: { "user": [3, 1], "film": [5, 2] }, or [{ "user": 3, "film": 5 }, ...]; so does a
.npz file. Sequences of unequal length lie one behind the other there, and <input>_lengths says how long each is.
A module makes inputs as for training, { features } or { inputs: {...} }; naming one runs it.

Examples:
  lockstep predict runs/digits-1 ./scans --top 3
  lockstep predict runs/iris-1 flowers.csv --csv --keep id --output predictions.csv
  lockstep predict runs/cells-1 ./scans --images ./masks
  zcat flowers.csv.gz | lockstep predict runs/iris-1 - --csv
  lockstep predict runs/shakespeare-1 --text "ROMEO:" --length 500 --temperature 0.7

Exit codes: 0 done, 2 bad input.`,
    )
    .action(runPredict);
}

function runPredict(place: string, input: string | undefined, flags: PredictFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    checkOutput(flags);
    const { isTextModel } = await import('../coordinator/inference/predict.js');
    const lines = (await isTextModel(place, flags.model))
      ? await continuation(place, input, flags, warn)
      : await predictions(place, input, flags, warn);
    await writeLines(lines, flags.output);
  });
}

/** @throws OutputError where a file would be lost */
function checkOutput({ output, force }: PredictFlags): void {
  if (output === undefined || force || !existsSync(output)) return;
  throw new OutputError(`--output ${output}: is there already`, 'choose another name, or give --force to replace it');
}

const textFlags = ['text', 'length', 'temperature', 'seed'] as const;

async function predictions(
  place: string,
  input: string | undefined,
  flags: PredictFlags,
  warn: (message: string) => void,
): Promise<AsyncIterable<string>> {
  const given = textFlags.find((name) => flags[name] !== undefined);
  if (given)
    throw new ConfigError(`--${given}: ${place} is no model of text`, 'leave it out, and name a file of inputs');
  const inputs = inputsOf(input, flags.input);
  const { json, csv, model, module, dir, images, force } = flags;
  const top = wholeFlag('--top', flags.top, 1);
  // Late, because tfjs takes most of the time that the command needs to start.
  const { predict } = await import('../coordinator/inference/predict.js');
  const keep = flags.keep?.split(',');
  const every = csv && top === undefined;
  const found = await predict(place, inputs, { model, module, top, every, keep, dir, images, force, warn });
  const format: PredictionFormat = json ? 'json' : csv ? 'csv' : 'plain';
  const columns = flags.output === undefined ? terminalColumns(process.stdout) : undefined;
  const { header, line } = predictionLines(format, { ...found, kept: keep }, top, columns);
  return (async function* lines() {
    if (header !== '') yield header;
    for await (const prediction of found.rows) yield line(prediction);
  })();
}

async function continuation(
  place: string,
  input: string | undefined,
  flags: PredictFlags,
  warn: (message: string) => void,
): Promise<AsyncIterable<string>> {
  const given = (['csv', 'top', 'keep', 'dir', 'images'] as const).find((name) => flags[name] !== undefined);
  if (given || flags.input !== undefined) {
    throw new ConfigError(`--${given ?? 'input'}: ${place} is a model of text`, 'leave it out');
  }
  if ((input === undefined) === (flags.text === undefined)) {
    const problem = input === undefined ? 'no text is given' : 'a file and --text are given';
    throw new ConfigError(problem, 'name a text file after the model, or give --text');
  }
  const text = flags.text ?? readText(input!);
  const options = {
    model: flags.model,
    module: flags.module,
    warn,
    temperature: temperatureOf(flags.temperature),
    length: wholeFlag('--length', flags.length, 1),
    seed: seedOf(flags),
  };
  const { continueText } = await import('../coordinator/inference/continue-text.js');
  const characters = await continueText(place, text, options);
  // A file has what the model gives; on a terminal that is not to do anything.
  const shown = flags.output === undefined && !flags.json ? printableText(characters) : characters;
  return (async function* pieces() {
    let all = '';
    for await (const character of shown) {
      if (flags.json) all += character;
      else yield character;
    }
    yield flags.json ? jsonLine({ text: all }) : '\n';
  })();
}

/** A file, or a file for each input. */
export function inputsOf(file: string | undefined, named: readonly string[] = []): string | Record<string, string> {
  if (named.length === 0) {
    if (file !== undefined) return file;
    throw new ConfigError('no input is named', 'name a file of inputs after the model');
  }
  if (file !== undefined) {
    throw new ConfigError(`${file} and --input ${named[0]}: both name inputs`, 'leave one of them out');
  }
  return namedFiles('--input', named);
}

export function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file === '-' ? 0 : file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT'
        ? 'no such file'
        : error instanceof TypeError
          ? 'is not UTF-8 text'
          : `cannot be read (${code})`;
    throw new DataError(`${file}: ${reason}`, 'name a text file, or give --text');
  }
}

function temperatureOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const temperature = Number(value);
  if (value.trim() !== '' && Number.isFinite(temperature) && temperature >= 0) return temperature;
  throw new ConfigError(`--temperature ${value} is not a number of at least 0`, 'use 0, or something near 1');
}
