/** What goes into a saved model and what comes out of it, by name. */

import { join } from 'node:path';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { plainNames } from '../../src/config/plain-names.js';
import {
  type Encoding,
  type FieldEncoding,
  fieldsOfTable,
  type InputEncoding,
  inputNames,
  type TableEncoding,
  type TargetEncoding,
  targetEncoding,
} from '../../src/data/encoding.js';
import { tableWidth } from '../../src/data/table/rows.js';
import { tokenCount } from '../../src/data/text/tokenizer-json.js';
import { ModelError } from '../../src/errors.js';
import type { MaskPort, Port } from '../../src/export/inference.js';
import { elements } from '../../src/ground/elements.js';
import { plural } from '../../src/ground/units.js';
import { type DataShape, outputShape, plainShape } from '../../src/model/build/data-shape.js';
import { encodingFile } from '../../src/model/files/save.js';
import type { ArrayEncoding } from './given-rows.js';

/** Called `input` outside where it has no name. */
export interface SavedInput extends Port {
  /** Whether it goes by its name: its config gave it one, or the model has several. */
  readonly isNamed: boolean;
  /** Of sequences of unequal length: places that they are filled up to. */
  readonly places?: number;
  /** What its arrays were called in the .npz file that it was trained on. */
  readonly members?: FieldEncoding['members'];
}

/** Called `output` outside where it has no name. */
export interface SavedOutput extends Port {
  readonly isNamed: boolean;
  /** How it is read, as far as that was kept. */
  readonly encoding: TargetEncoding;
}

export interface Signature {
  readonly inputs: readonly SavedInput[];
  readonly outputs: readonly SavedOutput[];
  /** Of inputs that are sequences of unequal length. */
  readonly masks: readonly MaskPort[];
}

/** @throws ModelError when a size of an input is open, or encoding.json describes inputs or classes that are not the model's */
export function signatureOf(path: string, model: LayersModel, encoding: Encoding | undefined): Signature {
  const named = encoding && inputNames(encoding);
  const isNamed = named !== undefined || model.inputs.length > 1;
  const taken = new Set<string>();
  const inputs = model.inputs.map(({ shape }, i) => {
    const name = model.inputs.length > 1 ? model.inputNames[i] : (named?.[0] ?? 'input');
    const own = encoding && encodingOf(encoding, name);
    const sizes = closedShape(path, shape.slice(1), own);
    return {
      name: free(name, taken),
      isNamed,
      shape: sizes,
      ...(own && 'length' in own && { places: own.length }),
      ...(own && 'members' in own && { members: own.members }),
    };
  });
  const shapes = inputs.map(({ shape }) => shape);
  const outputs = model.outputs.map((_, i) => {
    const target = targetOf(model, i, encoding);
    const name = target ?? (model.outputs.length > 1 ? model.outputNames[i] : 'output');
    const own = encoding && (target !== undefined || model.outputs.length === 1) ? encodingFor(encoding, target) : {};
    const port = { name: free(name, taken), shape: outputShape(model, shapes, i) };
    return { ...port, isNamed: target !== undefined || model.outputs.length > 1, encoding: own };
  });
  const masks = inputs.flatMap(({ name, places }, of): MaskPort[] =>
    places === undefined ? [] : [{ name: free(`${name}_mask`, taken), shape: [places], of }],
  );
  const signature = { inputs, outputs, masks };
  checkEncoding(path, signature, encoding);
  return signature;
}

/** One layer may give several outputs, and an input may be an output too. */
function free(name: string, taken: Set<string>): string {
  let found = name;
  for (let i = 1; taken.has(found); i++) found = `${name}_${i}`;
  taken.add(found);
  return found;
}

/** The target that an output belongs to, where targets have names. */
function targetOf(model: LayersModel, index: number, encoding: Encoding | undefined): string | undefined {
  const named = Object.entries(encoding?.named ?? {});
  if (named.length !== model.outputs.length) return undefined;
  const found = named.find(([, { outputs }], place) => (outputs?.index ?? place) === index);
  return found?.[0];
}

const encodingFor = (encoding: Encoding, target: string | undefined): TargetEncoding =>
  targetEncoding(encoding, { name: target ?? plainNames.target, role: 'target' });

/** The text of a table that is an input. */
function textEncoding(input: TableEncoding, name: string): FieldEncoding | undefined {
  const [column] = fieldsOfTable(input).find((field) => field.name === name)?.columns ?? [];
  if (!column || !('tokenizer' in column)) return undefined;
  return { scale: 1, length: column.length, categories: tokenCount(column.tokenizer) };
}

/** How one input is read; undefined for columns of a table, but a text. */
export function encodingOf(
  { input }: Encoding,
  name: string,
): ArrayEncoding | Extract<InputEncoding, { kind: 'text' }> | undefined {
  if (input.kind === 'table') return input.images?.[name] ?? textEncoding(input, name);
  return input.kind === 'fields' ? input.fields[name] : input;
}

/** A model's input may be open in size; then the encoding says what it was trained on. */
function closedShape(
  path: string,
  shape: readonly (number | null)[],
  encoding: ReturnType<typeof encodingOf> = { scale: 1 },
): number[] {
  const trained =
    'channels' in encoding
      ? [encoding.height, encoding.width, encoding.channels]
      : 'window' in encoding
        ? [encoding.window]
        : [encoding.length];
  const sizes = shape.map((size, i) => size ?? trained[i]);
  if (sizes.every((size) => size !== undefined)) return sizes;
  const known = sizes.map((size) => size ?? 'any').join(', ');
  throw new ModelError(`${path}: takes inputs of shape [${known}]`, 'save it with an input of fixed size');
}

function checkEncoding(path: string, { inputs, outputs }: Signature, encoding: Encoding | undefined): void {
  if (!encoding) return;
  const differ = (says: string, has: string) => {
    throw new ModelError(
      `${join(path, encodingFile)}: describes ${says}, and the model has ${has}`,
      'put back the encoding.json that was saved with the model',
    );
  };
  const list = (names: readonly string[]) => `the inputs ${names.join(', ')}`;
  const [described, own] = [inputNames(encoding), inputs.map(({ name }) => name)];
  if (described && described.toSorted().join() !== own.toSorted().join()) differ(list(described), list(own));
  for (const { name, shape, isNamed } of inputs) {
    const features = widthInTable(encoding, name);
    const taken = elements(shape);
    if (features !== undefined && features !== taken)
      differ(`${features} features${isNamed ? ` of ${name}` : ''}`, `${taken}`);
  }
  const targets = Object.keys(encoding.named ?? {});
  if (targets.length > 0 && targets.length !== outputs.length) {
    differ(`the targets ${targets.join(', ')}`, plural(outputs.length, 'output'));
  }
  for (const { name, shape, isNamed, encoding: own } of outputs) {
    const units = shape.at(-1) ?? 1;
    // What a function of the user's makes of the outputs is its own affair.
    const classes = own.outputs === undefined || own.outputs.loss === 'custom' ? undefined : own.classes?.length;
    if (classes !== undefined && units !== classes && !(units === 1 && classes === 2)) {
      differ(`${plural(classes, 'class', 'classes')}${isNamed ? ` of ${name}` : ''}`, `${plural(units, 'output')}`);
    }
    const { threshold, calibration } = own.decision ?? {};
    const of = isNamed ? ` of ${name}` : '';
    if (threshold !== undefined && units > 2)
      differ(`a threshold between two classes${of}`, `${plural(units, 'output')}`);
    const curves = calibration?.method === 'isotonic' ? calibration.curves.length : undefined;
    if (curves !== undefined && curves !== (units > 2 ? units : 1))
      differ(`${curves} isotonic curves${of}`, `${plural(units, 'output')}`);
  }
}

/** Features of an input that columns of a table make. */
function widthInTable({ input }: Encoding, name: string): number | undefined {
  if (input.kind !== 'table') return undefined;
  let next = 0;
  for (const { name: own, columns } of input.inputs ?? [{ name, columns: input.columns.length }]) {
    next += columns;
    if (own === name) return tableWidth(input.columns.slice(next - columns, next));
  }
  return undefined;
}

/** Where a topology names an input or output: [layer, node, tensor]. */
type TensorPlace = readonly [string, number, number];
interface Functional {
  readonly input_layers?: readonly TensorPlace[];
  readonly output_layers?: readonly TensorPlace[];
  readonly layers?: readonly { readonly name: string; readonly config: { batch_input_shape?: (number | null)[] } }[];
}

/** What the data decided about a model of which only the topology and the encoding are left. */
export function trainedShape(
  path: string,
  topology: object,
  encoding: Encoding | undefined,
): { readonly data: DataShape; readonly outputs?: Readonly<Record<string, string>> } {
  const { config } = topology as { config?: Functional };
  const [ins, outs] = [placesIn(config?.input_layers), placesIn(config?.output_layers)];
  const named = encoding && inputNames(encoding);
  const plain = plainShape([], encoding?.classes?.length);
  const names = ins.length > 1 ? ins : (named ?? [plain.inputs[0].name]);
  const inputs = names.map((name) => {
    const found = ins.length > 1 ? config?.layers?.find((layer) => layer.name === name) : undefined;
    const shape = found?.config.batch_input_shape?.slice(1) ?? inputShapeIn(topology) ?? [null];
    const own = encoding && encodingOf(encoding, name);
    const categories = encoding && categoriesOf(encoding, name);
    return { name, shape: closedShape(path, shape, own), ...(categories !== undefined && { categories }) };
  });
  const targets = Object.entries(encoding?.named ?? {});
  if (targets.length > 0) {
    const outputs = targets.map(([name, target], i) => [name, outs[target.outputs?.index ?? i]] as const);
    const shapes = targets.map(([name, { classes }]) => ({ name, categories: classes?.length }));
    return { data: { inputs, targets: shapes }, ...(outs.length > 1 && { outputs: Object.fromEntries(outputs) }) };
  }
  return { data: { inputs, targets: outs.length > 1 ? outs.map((name) => ({ name })) : plain.targets } };
}

const placesIn = (places: readonly TensorPlace[] | undefined): string[] =>
  Array.isArray(places) && places.every(Array.isArray) ? places.map(([name]) => name) : [];

/** What `categories` stood for in a layer that reads the input. */
function categoriesOf({ input }: Encoding, name: string): number | undefined {
  if (input.kind === 'fields') {
    const own = input.fields[name];
    return own && 'scale' in own ? own.categories : undefined;
  }
  if (input.kind !== 'table' || !input.inputs) return undefined;
  const place = input.inputs.findIndex((entry) => entry.name === name);
  const first = input.inputs.slice(0, place).reduce((sum, { columns }) => sum + columns, 0);
  const column = input.columns[first];
  if (place >= 0 && 'tokenizer' in column) return tokenCount(column.tokenizer);
  return place >= 0 && 'codes' in column ? column.codes.length + 1 : undefined;
}

/** The first input shape that a topology gives. */
function inputShapeIn(json: unknown): (number | null)[] | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { batch_input_shape: shape } = json as { batch_input_shape?: (number | null)[] };
  if (Array.isArray(shape)) return shape.slice(1);
  for (const inner of Object.values(json)) {
    const found = inputShapeIn(inner);
    if (found) return found;
  }
  return undefined;
}
