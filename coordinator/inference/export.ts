/** Gives a trained model to other programs: as a tfjs model, an ONNX file or a safetensors file. */
import { readdirSync, statSync } from 'node:fs';
import { ConfigError, OutputError } from '../../src/errors.js';
import { type DecidedOutput, withDecisions } from '../../src/export/decided-graph.js';
import { onnxFile } from '../../src/export/onnx.js';
import { replaceFolder, writeFileAtomically, writeFolderAtomically } from '../../src/ground/atomic-file.js';
import { statusOf } from '../../src/ground/status.js';
import { encodeSafetensors } from '../../src/model/files/safetensors.js';
import { encodingFile, layersModelFiles, tokenizerFile } from '../../src/model/files/save.js';
import { addedActivations } from '../../src/model/tfjs/activations.js';
import type { OnnxModel } from '../../src/track/mlflow/onnx-model.js';
import { locateModel, type ModelChoice } from './locate.js';
import { outputsOfSaved } from './output-meaning.js';
import { openModel, type SavedModel } from './saved-model.js';
import type { SavedInput, SavedOutput } from './signature.js';

export type ExportFormat = 'tfjs' | 'onnx' | 'safetensors';

/** Which model to export, in which format, and where to. */
export interface ExportOptions {
  /** tfjs, onnx or safetensors: see exportModel. */
  readonly format: ExportFormat;
  /** The file to write; the folder for `tfjs`. */
  readonly output: string;
  /** Which model of the run: `best` by validation, `final`, or one at a path; default: the best, where there is one. */
  readonly model?: ModelChoice;
  /** Module whose default export makes the model; default: that of the run's config. */
  readonly module?: string;
  /** Of `onnx`: examples of a batch; default `dynamic`, any number. */
  readonly batch?: number | 'dynamic';
  /** Replace what is there. */
  readonly force?: boolean;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
}

/** What was written. */
export interface ExportResult {
  /** The model that was read. */
  readonly model: string;
  /** The format that it was written in. */
  readonly format: ExportFormat;
  /** The file or folder that was written. */
  readonly output: string;
  /** Shape of one example; by input where inputs have names. */
  readonly input: Shapes;
  /** Shape of what the model makes of one example; by output where outputs have names. */
  readonly outputs: Shapes;
}

export type Shapes = readonly number[] | Readonly<Record<string, readonly number[]>>;

/**
 * Writes a saved model in another format. The output appears complete or not at all.
 *
 * - `tfjs`: a folder of model.json, weights.bin and encoding.json, for `tf.loadLayersModel`.
 * - `onnx`: one file with the weights inside. Inputs and outputs, [batch, ...] and float32, have the names of the config's; `input`
 *   and `output` where there is one without a name. Of sequences of unequal length there is an input `<name>_mask` [batch, places],
 *   1 for each place that is there. Inputs are in the model's own units, which for images means pixels / 255,
 *   channels last. The metadata hold `encoding`, and `classes` of an output without a name, as JSON. Where targets were
 *   standardized, outputs are: `targetScaling` in the encoding says how to undo it. Where a threshold or a calibration was fitted,
 *   `probabilities`, [batch, classes], and `label`, the index of the class as int64, [batch], stand beside `output`; of an output
 *   with a name they are `<name>_probabilities` and `<name>_label`.
 * - `safetensors`: the weights by their names, in tfjs's shapes; the metadata hold `format` (tf), `name` and `encoding`.
 *
 * @param place a run's folder or a model's
 * @throws ModelError when there is no such model, UnsupportedModelError when ONNX cannot express it, OutputError when the
 *   output is there already or cannot be written
 */
export async function exportModel(place: string, options: ExportOptions): Promise<ExportResult> {
  const { format, output, batch, force = false, warn = () => {} } = options;
  if (batch !== undefined && format !== 'onnx') {
    throw new ConfigError(`--batch ${batch}: a ${format} model takes batches of any size`, 'leave --batch out');
  }
  const located = locateModel(place, options.model);
  const isThere = statusOf(output);
  if (isThere && !force) {
    throw new OutputError(`${output}: is there already`, 'choose another --output, or replace it with --force');
  }
  const saved = await openModel(located, options.module, warn);
  const scaled = saved.outputs.filter(({ encoding }) => encoding.targetScaling);
  if (scaled.length > 0) {
    const named = scaled.flatMap(({ name, isNamed }) => (isNamed ? name : []));
    warn(
      `the outputs ${named.length > 0 ? `${named.join(', ')} ` : ''}are standardized, as the run's targets were: times deviation plus mean, which targetScaling in the encoding holds, ` +
        'they are in the units of the targets',
    );
  }
  const foreign = format === 'tfjs' ? addedActivations(saved.model) : [];
  if (foreign.length > 0) {
    warn(
      `plain tfjs cannot load this model, because it lacks the activation ${foreign.join(', ')} of Keras 3: ` +
        'load it by lockstep, or export it as onnx',
    );
  }
  if (format === 'tfjs') {
    const files = await layersModelFiles(saved.model, saved.encoding);
    if (isThere) replaceModel(output, files);
    else writeFolderAtomically(output, files);
  } else {
    if (isThere?.isDirectory()) throw new OutputError(`${output}: is a folder`, `name a file, such as model.${format}`);
    const bytes = format === 'onnx' ? [onnxOf(saved, located.name, batch, warn)] : safetensorsOf(saved, located.name);
    writeFileAtomically(output, bytes);
  }
  return { model: located.path, format, output, input: shapesOf(saved.inputs), outputs: shapesOf(saved.outputs) };
}

/**
 * A run's model as ONNX, the best where there is one, with what goes in and comes out.
 * @throws LockstepError as `exportModel` does
 */
export async function exportOnnx(folder: string): Promise<OnnxModel> {
  const located = locateModel(folder, undefined);
  const saved = await openModel(located);
  let batch: number | undefined;
  const bytes = onnxOf(saved, located.name, 'dynamic', () => {
    batch = 1;
  });
  const { inputs, masks, outputs } = saved;
  return {
    bytes,
    batch,
    inputs: [...inputs, ...masks],
    outputs: decidedOutputs(saved).length > 0 ? undefined : outputs,
  };
}

const shapesOf = (ports: readonly (SavedInput | SavedOutput)[]): Shapes =>
  ports[0].isNamed ? Object.fromEntries(ports.map(({ name, shape }) => [name, shape])) : ports[0].shape;

/** Outputs whose classes are read as it was fitted. */
function decidedOutputs(saved: SavedModel): DecidedOutput[] {
  return saved.outputs.flatMap(({ name, shape, encoding: { decision }, isNamed }, i) => {
    const { kind, loss } = outputsOfSaved(saved, i);
    if (!decision || loss === 'hinge') return [];
    return [{ name, isNamed, outputs: shape.at(-1) ?? 1, binary: loss === 'binaryCrossentropy', kind, decision }];
  });
}

function onnxOf(
  saved: SavedModel,
  name: string,
  batch: number | 'dynamic' = 'dynamic',
  warn: (message: string) => void,
) {
  const { encoding } = saved;
  const metadata: Record<string, string> = {};
  if (encoding) metadata.encoding = JSON.stringify(encoding);
  if (encoding?.classes) metadata.classes = JSON.stringify(encoding.classes);
  return onnxFile(saved, batch, { name, metadata }, warn, (graph) => withDecisions(graph, decidedOutputs(saved)));
}

function safetensorsOf({ weights, encoding }: SavedModel, name: string): Uint8Array[] {
  const tensors = weights.map(({ originalName, shape, val }) => ({
    name: originalName,
    shape,
    values: Float32Array.from(val.dataSync()),
  }));
  return encodeSafetensors(tensors, { format: 'tf', name, ...(encoding && { encoding: JSON.stringify(encoding) }) });
}

/** What a model's folder may hold beside the files of every model. */
const besides: readonly string[] = [encodingFile, tokenizerFile];

/** Replaces a model's folder, and nothing that is more than that. */
function replaceModel(folder: string, files: Parameters<typeof replaceFolder>[1]): void {
  const isFolder = statSync(folder).isDirectory();
  const other = isFolder ? readdirSync(folder).find((name) => !(name in files) && !besides.includes(name)) : folder;
  if (other !== undefined) {
    const what = isFolder ? `a folder that also holds ${other}` : 'a file';
    throw new OutputError(`${folder}: is ${what}, which --force does not replace`, 'choose another --output');
  }
  replaceFolder(folder, files);
}
