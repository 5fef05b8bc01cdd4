/** From the config's list of layers to a tfjs LayersModel, with weights that the seed alone decides. */
import '../tfjs/activations.js';
import '../tfjs/core-gaps.js';

import tfl = require('@tensorflow/tfjs-layers');

import type { LayersConfig } from '../../config/model.js';
import { isPlain } from '../../data/field.js';
import { ModelError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';
import { type HookSlot, installHooks } from '../tfjs/hooks.js';
import { checkKeepsPlaces, documentsIn, documentsName, readsDocuments } from './apart-documents.js';
import { attempt } from './attempt.js';
import { createLayer, wordsFor } from './create-layer.js';
import type { BuiltModel, DataShape } from './data-shape.js';
import { expandedLayers, type LayerOptions } from './expanded-layers.js';
import { seedInitializers } from './seeds.js';

type Layer = tfl.layers.Layer;
type LayerOutput = tfl.SymbolicTensor;

/**
 * Builds and initialises the model of a list of layers.
 * @throws ModelError naming the layer when its name, an option or its shape is wrong
 */
export function buildModel(config: LayersConfig, data: DataShape, seed: number, hooks: HookSlot = {}): BuiltModel {
  const inputs = data.inputs.map(({ name, shape }) => tfl.input({ shape: [...shape], name: inputNameOf(name) }));
  const outputs = new Map<string, LayerOutput>(data.inputs.map(({ name }, i) => [inputNameOf(name), inputs[i]]));
  const documents = data.documentEnd === undefined ? undefined : documentsIn(inputs[0]!, data.documentEnd);
  if (documents) outputs.set(documentsName, documents);
  const read = new Set<LayerOutput>();
  let last: LayerOutput | undefined = inputs.length === 1 ? inputs[0] : undefined;
  expandedLayers(config.layers).forEach(({ entry, index }, place) => {
    const [kind, options] = Object.entries(entry)[0]!;
    const where = `model.layers.${index} (${Object.keys(config.layers[index]!)[0]})`;
    const { from, ...rest } = (options ?? {}) as LayerOptions;
    const name = (rest.name as string | undefined) ?? uniqueName(kind, outputs);
    if (outputs.has(name)) throw new ModelError(`${where}: the name ${name} is taken`, 'give the layer another name');
    if (from === undefined && !last) throw noSource(where, data);
    const sources = from === undefined ? [last!] : [from].flat().map((source) => sourceOf(source, outputs, where));
    for (const source of sources) read.add(source);
    const words = wordsFor(config, data, name, data.inputs[inputs.indexOf(sources[0] as never)]);
    const isApart = documents !== undefined && readsDocuments(kind, rest);
    const layer = createLayer(kind, { ...rest, ...(isApart && { documents: true }), name }, words, where);
    if (documents) checkKeepsPlaces(layer, where);
    seedInitializers(layer, `${seed}/${place}`);
    installHooks(layer, hooks);
    last = connect(layer, isApart ? [...sources, documents] : sources, where);
    outputs.set(name, last);
  });
  const unread = data.inputs.find((_, i) => !read.has(inputs[i]));
  if (unread) {
    throw new ModelError(
      `model.layers: no layer reads the input ${unread.name}`,
      `read it with from: ${unread.name}, or leave it out of data.inputs`,
    );
  }
  const ends = endsOf(config, data, outputs, last!);
  const model = attempt('model', () => tfl.model({ inputs: one(inputs), outputs: one(ends), name: 'model' }));
  const [given, compared] = [data.inputs, data.targets].map((fields) => fields.map(({ name }) => name));
  return { model, hooks, inputs: given, outputs: compared };
}

const one = <T>(list: T[]): T | T[] => (list.length === 1 ? list[0] : list);

/** What layers call an input; that of a config without names is called `input`. */
const inputNameOf = (name: string): string => (isPlain({ name, role: 'input' }) ? 'input' : name);

function noSource(where: string, { inputs }: DataShape): ModelError {
  const names = inputs.map(({ name }) => name);
  return new ModelError(
    `${where}: reads the data, which have the inputs ${names.join(', ')}`,
    `say which: from: ${names[0]}, or several: from: [${names.join(', ')}]`,
  );
}

/** The outputs in the order of the targets. */
function endsOf(
  { outputs: given }: LayersConfig,
  { targets }: DataShape,
  layers: ReadonlyMap<string, LayerOutput>,
  last: LayerOutput,
): LayerOutput[] {
  const names = targets.map(({ name }) => name);
  if (!given) {
    if (targets.length === 1) return [last];
    throw new ModelError(
      `model.outputs: is missing, and the data have the targets ${names.join(', ')}`,
      `say which layer gives each: outputs: { ${names.map((name) => `${name}: <layer>`).join(', ')} }`,
    );
  }
  checkOutputs(given, names);
  return names.map((name) => sourceOf(given[name], layers, `model.outputs.${name}`, 'layer'));
}

/** @throws ModelError unless `model.outputs` names every target, and no other, with an output each */
export function checkOutputs(given: Readonly<Record<string, string>>, targets: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !targets.includes(name));
  if (unknown !== undefined) {
    throw new ModelError(`model.outputs.${unknown}: the data have no such target`, oneOf(unknown, targets));
  }
  const missing = targets.find((name) => !(name in given));
  if (missing !== undefined) {
    throw new ModelError(
      `model.outputs: no layer is named for the target ${missing}`,
      `add ${missing}: <layer>, or leave it out of data.targets`,
    );
  }
  for (const [i, target] of targets.entries()) {
    const other = targets.slice(0, i).find((name) => given[name] === given[target]);
    if (other === undefined) continue;
    throw new ModelError(
      `model.outputs: ${other} and ${target} both name ${given[target]}`,
      `name an output each; in a list of layers, activation: { name: ${target}Output, from: ${given[target]}, activation: linear } hands one on`,
    );
  }
}

/** Applies a layer, and checks what tfjs finds out only when data flows. */
function connect(layer: Layer, sources: readonly LayerOutput[], where: string): LayerOutput {
  const inputs = sources.length === 1 ? sources[0] : [...sources];
  const output = attempt(where, () => layer.apply(inputs));
  if (Array.isArray(output)) throw new ModelError(`${where}: the layer has several outputs`, 'remove returnState');
  const [, ...shape] = (output as LayerOutput).shape;
  if (!shape.every((size) => Number.isInteger(size) && size! > 0)) {
    throw new ModelError(
      `${where}: its output would have the shape [${shape.join(', ')}]`,
      `check its options and its input, which has the shape [${sources[0].shape.slice(1).join(', ')}]`,
    );
  }
  // With a size for the batch: without one, reshape does not compare the number of elements.
  const one = sources.map((source) => [1, ...source.shape.slice(1)]);
  attempt(where, () => layer.computeOutputShape(one.length === 1 ? one[0] : one));
  return output as LayerOutput;
}

function uniqueName(kind: string, taken: ReadonlyMap<string, unknown>): string {
  const stem = kind.replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase();
  let n = 1;
  while (taken.has(`${stem}_${n}`)) n++;
  return `${stem}_${n}`;
}

function sourceOf(
  name: unknown,
  outputs: ReadonlyMap<string, LayerOutput>,
  where: string,
  what: 'earlier layer' | 'layer' = 'earlier layer',
): LayerOutput {
  const output = outputs.get(String(name));
  if (output) return output;
  throw new ModelError(
    `${where}: ${what === 'layer' ? '' : 'from: '}${JSON.stringify(name)} names no ${what}`,
    `use one of ${[...outputs.keys()].join(', ')}`,
  );
}
