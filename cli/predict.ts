/** `lockstep predict`: what a trained model makes of new inputs, or how it continues a text. */
import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import { ConfigError, OutputError } from '../src/errors.js';
import { terminalColumns } from '../src/report/wrap.js';
import { type ContinuationFlags, continuation, givenForText, withContinuation } from './continuation.js';
import { wholeFlag } from './flag-numbers.js';
import { namedFiles } from './named-files.js';
import { reportMistakes } from './outcome.js';
import { type PredictionFormat, predictionLines } from './prediction-text.js';
import { type SharedFlags, withModel, withShared } from './shared-options.js';
import { writeLines } from './sink.js';
import { isTerminal } from './streams.js';

const ofAll = ['model', 'module', 'device', 'force', 'json'] as const;
const ofInputs = ['input', 'dir', 'images'] as const;

interface PredictFlags extends Pick<SharedFlags, (typeof ofAll | typeof ofInputs)[number]>, ContinuationFlags {
  readonly csv?: boolean;
  readonly output?: string;
  readonly keep?: string;
  readonly top?: string;
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
  withShared(command, ...ofInputs).optionsGroup('Options for models of text:');
  return withContinuation(command)
    .addHelpText(
      'after',
      `
Inputs are read as those of the training were: images are scaled to the model's size, columns are found by their names and
standardized as then. A .json file holds a list of examples, a .npy file an array of them; for a model of images, bytes.
Of several inputs a .json file gives each by its name: { "user": [3, 1], "film": [5, 2] }, or [{ "user": 3, "film": 5 }, ...]; so does a
.npz file. Sequences of unequal length lie one behind the other there, and <input>_lengths says how long each is.
A module makes inputs as for training, { features } or { inputs: {...} }; naming one runs it.

Examples:
  npx lockstep predict runs/digits-1 ./scans --top 3
  npx lockstep predict runs/iris-1 flowers.csv --csv --keep id --output predictions.csv
  npx lockstep predict runs/cells-1 ./scans --images ./masks
  zcat flowers.csv.gz | npx lockstep predict runs/iris-1 - --csv
  npx lockstep predict runs/shakespeare-1 --text "ROMEO:" --length 500 --temperature 0.7
  npx lockstep predict runs/gpt-1 --text "ROMEO:" --top-k 40 --top-p 0.95 --samples 3 --seed 7

Exit codes: 0 done, 2 bad input.`,
    )
    .action(runPredict);
}

function runPredict(place: string, input: string | undefined, flags: PredictFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    checkOutput(flags);
    const { isTextModel } = await import('../coordinator/inference/predict.js');
    const lines = (await isTextModel(place, flags.model))
      ? await textContinuation(place, input, flags, warn)
      : await predictions(place, input, flags, warn);
    await writeLines(lines, flags.output);
  });
}

/** @throws OutputError where a file would be lost */
function checkOutput({ output, force }: PredictFlags): void {
  if (output === undefined || force || !existsSync(output)) return;
  throw new OutputError(`--output ${output}: is there already`, 'choose another name, or give --force to replace it');
}

/** @throws ConfigError for what a text has no use for */
async function textContinuation(
  place: string,
  input: string | undefined,
  flags: PredictFlags,
  warn: (message: string) => void,
): Promise<AsyncIterable<string>> {
  const given = (['csv', 'top', 'keep', 'dir', 'images'] as const).find((name) => flags[name] !== undefined);
  if (given || flags.input !== undefined) {
    throw new ConfigError(`--${given ?? 'input'}: ${place} is a model of text`, 'leave it out');
  }
  return continuation(place, input, flags, warn);
}

async function predictions(
  place: string,
  input: string | undefined,
  flags: PredictFlags,
  warn: (message: string) => void,
): Promise<AsyncIterable<string>> {
  const given = givenForText(flags);
  if (given) throw new ConfigError(`${given}: ${place} is no model of text`, 'leave it out, and name a file of inputs');
  const inputs = inputsOf(input, flags.input);
  const { json, csv, model, module, dir, images, force } = flags;
  const top = wholeFlag('--top', flags.top, 1);
  // Late, because tfjs takes most of the time that the command needs to start.
  const { predict } = await import('../coordinator/inference/predict.js');
  const keep = flags.keep?.split(',');
  const every = csv && top === undefined;
  const found = await predict(place, inputs, { model, module, top, every, keep, dir, images, force, warn });
  const format: PredictionFormat = json ? 'json' : csv ? 'csv' : 'plain';
  // Whatever reads them from a pipe is to have names whole.
  const isShown = flags.output === undefined && isTerminal(process.stdout);
  const columns = isShown ? terminalColumns(process.stdout) : undefined;
  const { header, line } = predictionLines(format, { ...found, kept: keep }, top, columns);
  return (async function* lines() {
    if (header !== '') yield header;
    for await (const prediction of found.rows) yield line(prediction);
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
