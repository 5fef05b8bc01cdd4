/**
 * The calls of layers in a functional model of Keras, as tfjs reads them: tensors in keyword arguments, masks as operations, calls of
 * nested models. Names are those of Keras's sources: models/functional.py, saving/serialization_lib.py.
 */
import { ModelError } from '../../errors.js';

export type Json = Record<string, unknown>;
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** [layer, node, tensor] */
type History = [string, number, number];
interface LayerEntry extends Json {
  readonly name?: string;
  readonly class_name: string;
  readonly config: Json;
  readonly inbound_nodes: unknown[];
}

const recurrent = ['SimpleRNN', 'LSTM', 'GRU', 'Bidirectional', 'RNN'];
/** Operations by which Keras writes how masks are made. */
const maskOperations = ['NotEqual', 'Any', 'LogicalOr', 'ExpandDims', 'ZerosLike', 'OnesLike', 'Concatenate'];
/** Joined masks are a layer too, but one of truth values. */
const isOperation = ({ class_name: name, inbound_nodes: nodes }: LayerEntry): boolean =>
  maskOperations.includes(name) && (name !== 'Concatenate' || JSON.stringify(nodes).includes('"dtype":"bool"'));
/** Keywords that change nothing here. */
const harmless: Readonly<Record<string, unknown>> = { training: false };

const isTensor = (value: unknown): value is { config: { keras_history: History } } =>
  isObject(value) && value.class_name === '__keras_tensor__';
const historyOf = (tensor: { config: { keras_history: History } }): History => tensor.config.keras_history;

function tensorsIn(value: unknown): History[] {
  if (isTensor(value)) return [historyOf(value)];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  return isObject(value) ? Object.values(value).flatMap(tensorsIn) : [];
}

/**
 * The layers of a functional model with their calls as lists of [layer, node, tensor, options].
 * @throws ModelError where a call says what tfjs cannot
 */
export function readableLayers(file: string, layers: readonly Json[], shifts: ReadonlyMap<string, number>): Json[] {
  const entries = layers as unknown as LayerEntry[];
  const masks = maskLayers(file, entries);
  return entries
    .filter((entry) => !masks.has(nameOf(entry)))
    .map((entry) => ({
      ...entry,
      inbound_nodes: entry.inbound_nodes.map((node) => call(file, entry, node, shifts)),
    }));
}

/**
 * What to add to the number of a call of each nested model: tfjs counts from 1, because the model itself is its node 0, and
 * Keras from 0 or 1, as its version has it.
 * @param outputs of the model around them
 */
export function nestedCalls(layers: readonly Json[], outputs: readonly History[]): Map<string, number> {
  const entries = layers as unknown as LayerEntry[];
  const read = [...outputs, ...entries.flatMap(({ inbound_nodes: nodes }) => tensorsIn(nodes))];
  const nested = entries.filter(({ config }) => Array.isArray(config.layers)).map(nameOf);
  return new Map(
    nested.map((name) => [name, 1 - Math.min(1, ...read.filter(([of]) => of === name).map(([, node]) => node))]),
  );
}

const nameOf = ({ name, config }: LayerEntry): string => String(name ?? config.name);

/** Names of the operations that make nothing but masks. */
function maskLayers(file: string, entries: readonly LayerEntry[]): Set<string> {
  const byName = new Map(entries.map((entry) => [nameOf(entry), entry]));
  const found = new Set<string>();
  const visit = (name: string, reader: LayerEntry): void => {
    const entry = byName.get(name)!;
    // What the operation is told of shapes comes from the model's own layers.
    if (found.has(name) || !isOperation(entry)) return;
    found.add(name);
    if (entry.class_name === 'NotEqual' && !isMaskOf(entry, entries)) throw foreignMask(file, reader);
    for (const [source] of tensorsIn(entry.inbound_nodes)) visit(source, reader);
  };
  for (const entry of entries) {
    for (const node of entry.inbound_nodes) {
      const mask = isObject(node) && isObject(node.kwargs) ? node.kwargs.mask : undefined;
      for (const [source] of tensorsIn(mask)) {
        if (!isOperation(byName.get(source)!)) throw foreignMask(file, entry);
        visit(source, entry);
      }
    }
  }
  return found;
}

const foreignMask = (file: string, entry: LayerEntry) =>
  new ModelError(
    `${file}: layer ${nameOf(entry)} (${entry.class_name}) is given a mask that no masking layer or embedding makes`,
    'use an embedding with mask_zero, or a masking layer, in front of it',
  );

/** Whether the comparison is that of a masking layer or of an embedding with the same input. */
function isMaskOf(entry: LayerEntry, entries: readonly LayerEntry[]): boolean {
  const [input] = tensorsIn(entry.inbound_nodes);
  return entries.some(
    ({ class_name: name, config, inbound_nodes: nodes }) =>
      (name === 'Masking' || (name === 'Embedding' && config.mask_zero === true)) &&
      nodes.some((node) => tensorsIn(node)[0]?.join() === input.join()),
  );
}

/** Keras 3 writes a call's arguments, Keras 2 and tfjs the tensors among them. */
function call(file: string, entry: LayerEntry, node: unknown, shifts: ReadonlyMap<string, number>): unknown {
  if (!isObject(node)) return node;
  const { class_name: name } = entry;
  const { args, kwargs } = node as { args: unknown[]; kwargs: Json };
  const refuse = (what: string) => {
    throw new ModelError(
      `${file}: layer ${nameOf(entry)} (${name}) is called with ${what}, which tfjs does not take`,
      'use another layer for it, or build the model in model.module',
    );
  };
  const [first, ...more] = args;
  const tensors = tensorsIn(first);
  for (const argument of more) {
    if (tensorsIn(argument).length > 0 && !recurrent.includes(name)) refuse('several arguments');
    if (tensorsIn(argument).length === 0 && argument !== null) refuse(`the argument ${JSON.stringify(argument)}`);
    tensors.push(...tensorsIn(argument));
  }
  for (const [key, value] of Object.entries(kwargs)) {
    const isMask = key === 'mask' && tensorsIn(value).length > 0;
    if (value === null || isMask || harmless[key] === value) continue;
    if (key === 'initial_state' && recurrent.includes(name) && tensorsIn(value).length > 0)
      tensors.push(...tensorsIn(value));
    else refuse(`${key}: ${tensorsIn(value).length > 0 ? 'a tensor' : JSON.stringify(value)}`);
  }
  // tfjs keeps the states of stacked cells the other way round.
  const cell = entry.config.cell as Json | undefined;
  if (tensors.length > 1 && name === 'RNN' && cell?.class_name === 'StackedRNNCells')
    refuse('initial states of several cells');
  return tensors.map((history) => [...shifted(history, shifts), {}]);
}

/** Where tfjs has the call. @param shifts as `nestedCalls` gives them */
export function shifted([name, node, tensor]: History, shifts: ReadonlyMap<string, number>): History {
  return [name, node + (shifts.get(name) ?? 0), tensor];
}
