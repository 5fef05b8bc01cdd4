/** Why a saved model says what it says of an example: how much each of its parts adds to a number that the model gives. */
import { isFolder, isImageName } from '../../src/data/images/files.js';
import { textInputs } from '../../src/data/text/inputs.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { findLookups } from '../../src/explain/lookups.js';
import { createSlopes, type Explained } from '../../src/explain/slopes.js';
import { statusOf } from '../../src/ground/status.js';
import { suggest } from '../../src/ground/suggest.js';
import { predicted } from '../../src/model/forward.js';
import { baselineNames, isNamedBaseline } from './baselines.js';
import { type InputParts, partsOfInputs } from './explained-inputs.js';
import { explainedOutput } from './explained-target.js';
import { Explainer } from './explainer.js';
import type { ExplainOptions, Explanations } from './explanation.js';
import { type GivenInputs, type InputBatch, nameOfInput, openInputs } from './input-batches.js';
import { locateModel } from './locate.js';
import { withIds } from './predict.js';
import { openModel, type SavedModel } from './saved-model.js';

/**
 * @param place a run's folder or a model's
 * @param input as `predict` takes it; for a model of text, the text
 * @throws LockstepError when there is no such model, class or baseline, the method does not fit, or an input cannot be read
 */
export async function explain(place: string, input: GivenInputs, options: ExplainOptions = {}): Promise<Explanations> {
  const { method = 'integratedGradients', baseline = 'zeros', warn = () => {} } = options;
  const located = locateModel(place, options.model);
  const saved = await openModel(located, options.module, warn);
  const parts = partsOfInputs(saved);
  const given = saved.encoding?.input;
  const text = given?.kind === 'text' ? await textInputs(String(input), given) : undefined;
  // What the text goes on with, where the model says something after every place.
  const explainer = await explainerOf(saved, parts, {
    ...options,
    place: options.place ?? (given?.kind === 'text' && given.targets === 'all' ? text?.place : undefined),
  });
  if (!isNamedBaseline(baseline)) {
    explainer.compareWith(await onlyExample(await batchesOf(saved, baseline, options, []), baseline));
  }
  const batches = text ? only(text.row) : await batchesOf(saved, input, options, namesOf(parts));
  return { model: located.path, method, baseline, rows: explainer.rows(batches) };
}

/** What explains examples that come as the model reads them. */
export async function explainerOf(
  saved: SavedModel,
  parts: readonly InputParts[],
  options: ExplainOptions,
): Promise<Explainer> {
  const { method = 'integratedGradients', baseline = 'zeros', warn = () => {} } = options;
  const output = explainedOutput(saved, options);
  const shapes = saved.inputs.map(({ shape }) => shape);
  const lookups = findLookups(saved.model, shapes, (inputs) => predicted(saved.model, inputs, [], saved.hooks));
  const target: Explained = { ...saved, lookups, output: output.index, outputShape: saved.outputs[output.index].shape };
  checkOptions(options, target, parts);
  checkBaseline(baseline, saved);
  const slopes = await createSlopes(target, method !== 'occlusion', warn);
  return new Explainer({ saved, target, output, parts, slopes, method, options });
}

async function* only(row: Float32Array): AsyncGenerator<InputBatch> {
  yield { count: 1, inputs: [row] };
}

/** What is given, as the model reads it. */
async function batchesOf(
  saved: SavedModel,
  input: GivenInputs,
  { warn, dir }: ExplainOptions,
  columns: readonly string[],
): Promise<AsyncIterable<InputBatch>> {
  const { encoding } = saved;
  const isPicture = typeof input === 'string' && (isImageName(input) || isFolder(input) === true);
  const keep = columns.length > 0 && !isPicture ? columns : undefined;
  const data = saved.config?.data;
  const moduleOptions = data?.source === 'module' ? data.options : undefined;
  const { batches } = await openInputs(input, saved.inputs, encoding, { warn, keep, dir, moduleOptions });
  return withIds(nameOfInput(input), saved, batches);
}

/** The columns whose texts are shown. */
const namesOf = (parts: readonly InputParts[]): string[] =>
  parts.flatMap((own) => (own.kind === 'columns' ? own.columns.map(({ name }) => name) : []));

/** @throws ConfigError where the method does not fit, or an option does not fit the method */
function checkOptions(
  { method = 'integratedGradients', steps, window, images }: ExplainOptions,
  { lookups }: Explained,
  parts: readonly InputParts[],
): void {
  const hasPictures = parts.some(({ kind }) => kind === 'picture');
  const refuse = (problem: string, remedy: string) => {
    throw new ConfigError(problem, remedy);
  };
  if (method === 'gradient' && lookups.length > 0) {
    refuse('--method gradient: ids have no slope', 'use --method integratedGradients or occlusion');
  }
  if (steps !== undefined && method !== 'integratedGradients') {
    refuse(`--steps ${steps}: ${method} takes no steps`, 'leave --steps out');
  }
  if (window !== undefined && method !== 'occlusion') {
    refuse(`--window ${window}: ${method} moves no window`, 'leave --window out, or use --method occlusion');
  }
  if (window !== undefined && !hasPictures)
    refuse(`--window ${window}: the model reads no pictures`, 'leave --window out');
  if (images !== undefined && !hasPictures)
    refuse(`--images ${images}: the model reads no pictures`, 'leave --images out');
}

/** A name that is misspelt is no file. @throws ConfigError */
function checkBaseline(baseline: string, { encoding }: SavedModel): void {
  if (isNamedBaseline(baseline)) return;
  const isText = encoding?.input.kind === 'text';
  const names = isText ? ['zeros', 'mean'] : baselineNames;
  const near = suggest(baseline, names);
  if (!isText && (near === undefined || statusOf(baseline))) return;
  throw new ConfigError(
    `--baseline ${baseline}: is none of ${names.join(', ')}${isText ? '' : ', and no such file'}`,
    near === undefined ? `use --baseline ${names[0]}` : `did you mean ${near}?`,
  );
}

async function onlyExample(batches: AsyncIterable<InputBatch>, file: string): Promise<Float32Array[]> {
  let found: Float32Array[] | undefined;
  for await (const { count, inputs } of batches) {
    if (count === 1 && !found) found = [...inputs];
    else throw new DataError(`--baseline ${file}: holds several examples`, 'name a file with one');
  }
  if (!found) throw new DataError(`--baseline ${file}: holds no example`, 'name a file with one');
  return found;
}
