/** `lockstep export`: a trained model in the format of another program. */
import { Command, Option } from 'commander';
import type { ExportFormat, Shapes } from '../coordinator/inference/export.js';
import { ConfigError } from '../src/errors.js';
import { printable } from '../src/ground/printable.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import { reportMistakes } from './outcome.js';
import { untilKilled } from './running.js';
import { type SharedFlags, withModel, withShared } from './shared-options.js';

const shared = ['model', 'module', 'force', 'json'] as const;

interface ExportFlags extends Pick<SharedFlags, (typeof shared)[number]> {
  readonly format: ExportFormat;
  readonly output: string;
  readonly batch?: string;
}

export function exportCommand(): Command {
  const formats: ExportFormat[] = ['tfjs', 'onnx', 'safetensors'];
  const command = withModel(new Command('export'))
    .description('Write a trained model in another format.')
    .addOption(new Option('--format <name>', 'format to write').choices(formats).makeOptionMandatory())
    .requiredOption('--output <path>', 'the file to write; for tfjs the folder')
    .option('--batch <n|dynamic>', 'onnx: examples of a batch (default: dynamic, any number)');
  return withShared(command, ...shared)
    .addHelpText(
      'after',
      `
Formats:
  tfjs         a folder for tf.loadLayersModel: model.json, weights.bin, and encoding.json on how to read its inputs
  onnx         one file, opset 17; input "input" and output "output" are float32, the input in the model's own units:
               for images pixels / 255 as [batch, height, width, channels]; metadata: encoding, classes.
               several inputs and outputs have the names of the config's; of sequences of unequal length there is a
               second input NAME_mask, 1 for each place that is there and 0 for what fills them up.
               where targets were standardized, outputs are; encoding holds targetScaling: output * deviation + mean.
               where a threshold or a calibration was fitted, also "probabilities", float32, and "label", the index as int64.
  safetensors  the weights by their names, in the shapes that tfjs has

Examples:
  npx lockstep export runs/digits-1 --format onnx --output digits.onnx
  npx lockstep export runs/digits-1 --format tfjs --output public/model --model final --force
  npx lockstep export runs/digits-1/best --format safetensors --output digits.safetensors

Exit codes: 0 done, 2 bad input, or an output that cannot be written.`,
    )
    .action(runExport);
}

function runExport(place: string, { batch, json, ...options }: ExportFlags): Promise<void> {
  const work = async (warn: (message: string) => void) => {
    const given = { ...options, batch: batchSize(batch), warn };
    // Late, because tfjs takes most of the time that the command needs to start.
    const { exportModel } = await import('../coordinator/inference/export.js');
    const result = await exportModel(place, given);
    const { model, output, input, outputs } = result;
    const shapes = `${shapesText(input)} to ${shapesText(outputs)} an example`;
    process.stdout.write(
      json
        ? jsonLine({ event: 'export', ...result })
        : wrapLines(`${printable(`${model} -> ${output} (${shapes})`)}\n`, terminalColumns(process.stdout)),
    );
  };
  // A signal waits for the write that is under way.
  return untilKilled(() => reportMistakes(json, work));
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

const shapesText = (shapes: Shapes): string =>
  isOne(shapes)
    ? shapeText(shapes)
    : Object.entries(shapes)
        .map(([name, shape]) => `${name} ${shapeText(shape)}`)
        .join(', ');

const isOne = (shapes: Shapes): shapes is readonly number[] => Array.isArray(shapes);

function batchSize(value: string | undefined): number | 'dynamic' | undefined {
  if (value === undefined || value === 'dynamic') return value;
  const size = Number(value);
  if (Number.isInteger(size) && size >= 1) return size;
  throw new ConfigError(`--batch ${value} is not a whole number of at least 1`, 'give one, or dynamic');
}
