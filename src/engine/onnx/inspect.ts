/**
 * Reads an ONNX model that somebody else sent, and refuses whatever our compiler does not write: workers run data, not code.
 * ONNX can name files to read tensors from, operators of loaded libraries, and subgraphs; none of them passes here.
 */
import { WireType } from '@bufbuild/protobuf/wire';
import { WireError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { checkBlocks, type InspectedNode } from './block-check.js';
import { blockDomain } from './blocks.js';
import { checkGrowth } from './growth.js';
import { type InspectedAttribute, readAttribute } from './inspected-attribute.js';
import { blockOperators, runtimeOperators, standardOperators } from './operators.js';
import { checkProducts } from './product-check.js';
import type { ElementType, OnnxValue } from './proto.js';
import {
  bytesField,
  intField,
  type MessageField,
  many,
  nameField,
  push,
  readMessage,
  refusedModel,
} from './protobuf.js';

/** What a model takes and gives. */
export interface ModelPorts {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

const limits = { nodes: 1_000_000, names: 4096, rank: 12, elements: 2 ** 31 };

const elementTypes: Readonly<Record<number, ElementType>> = {
  1: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
};
const elementBytes: Readonly<Record<ElementType, number>> = { float32: 4, uint8: 1, int32: 4, int64: 8, bool: 1 };

function elementType(where: string, code: number): ElementType {
  const type = elementTypes[code];
  if (!type) throw refusedModel(where, `has element type ${code}`);
  return type;
}

function checkShape(where: string, shape: readonly number[]): void {
  const whole = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (whole && shape.length <= limits.rank && elements(shape) <= limits.elements) return;
  throw refusedModel(where, `has the shape [${shape.join(', ')}]`);
}

/** By their domains. */
const operators: Readonly<Record<string, ReadonlySet<string>>> = {
  '': standardOperators,
  'com.microsoft': runtimeOperators,
  [blockDomain]: blockOperators,
};

/** NodeProto. */
function readNode(bytes: Uint8Array): InspectedNode {
  const where = 'a node';
  const [inputs, outputs]: [string[], string[]] = [[], []];
  let [op, domain] = ['', ''];
  const attributes: InspectedAttribute[] = [];
  readMessage(bytes, where, {
    1: many(nameField(where, push(inputs, limits.names, where))),
    2: many(nameField(where, push(outputs, limits.names, where))),
    // Its own name, by which messages tell of it.
    3: nameField(where, () => {}),
    4: nameField(where, (name) => {
      op = name;
    }),
    5: many(
      bytesField((attribute) => {
        if (attributes.length === 32) throw refusedModel(where, 'has more than 32 attributes');
        attributes.push(readAttribute(attribute));
      }),
    ),
    7: nameField(
      where,
      (name) => {
        domain = name;
      },
      /^[\w.]{1,64}$/,
    ),
  });
  const lists = new Map(attributes.map(({ name, list }) => [name, list]));
  if (lists.size !== attributes.length) throw refusedModel(where, 'has an attribute twice');
  const texts = attributes.flatMap(({ text }) => (text === undefined ? [] : [text]));
  const other = op === 'Einsum' ? undefined : texts.find((text) => /\W/.test(text));
  if (other !== undefined) throw refusedModel(where, `says ${JSON.stringify(other)}`);
  if (operators[domain]?.has(op)) return { op, domain, inputs, outputs, lists, texts };
  throw refusedModel(
    where,
    `uses the operator ${JSON.stringify(domain === '' ? op : `${domain}.${op}`)}, which no layer needs`,
  );
}

/** TensorProto: a constant whose bytes are here. @returns its numbers where it can be a list of sizes */
function readConstant(bytes: Uint8Array): { readonly name: string; readonly sizes: readonly number[] } {
  const where = 'a constant';
  const shape: number[] = [];
  let name = '';
  let type = 0;
  let data: Uint8Array | undefined;
  const outside: MessageField = {
    wire: WireType.LengthDelimited,
    read: () => {
      throw refusedModel(where, 'is in a file, which workers do not read');
    },
  };
  readMessage(bytes, where, {
    1: many(intField(push(shape, limits.rank, where))),
    2: intField((code) => {
      type = code;
    }),
    8: nameField(where, (value) => {
      name = value;
    }),
    9: bytesField((value) => {
      data = value;
    }),
    13: outside,
    14: { ...outside, wire: WireType.Varint },
  });
  checkShape(where, shape);
  const kind = elementType(where, type);
  const expected = elements(shape) * elementBytes[kind];
  if (data?.length !== expected)
    throw refusedModel(where, `has ${data?.length} bytes where its shape needs ${expected}`);
  const areSizes = kind === 'int64' && shape.length === 1 && shape[0] <= 2 * limits.rank;
  if (!areSizes) return { name, sizes: [] };
  return { name, sizes: Array.from(new BigInt64Array(data.slice().buffer), Number) };
}

/** ValueInfoProto, whose tensor type and shape are messages in messages. */
function readPort(bytes: Uint8Array): OnnxValue {
  const where = 'an input or output';
  const shape: number[] = [];
  let name = '';
  let code = 0;
  let sizes = 0;
  const nested = (fields: Readonly<Record<number, MessageField>>): MessageField =>
    bytesField((part) => readMessage(part, where, fields));
  const size = many(
    bytesField((part) => {
      sizes++;
      readMessage(part, where, { 1: intField(push(shape, limits.rank, where)) });
    }),
  );
  const tensor = {
    1: intField((value) => {
      code = value;
    }),
    2: nested({ 1: size }),
  };
  readMessage(bytes, where, {
    1: nameField(where, (value) => {
      name = value;
    }),
    2: nested({ 1: nested(tensor) }),
  });
  checkShape(where, shape);
  if (name === '' || shape.length !== sizes) throw refusedModel(where, 'has no name, or a size that is not known');
  return { name, type: elementType(where, code), shape };
}

/** GraphProto. */
function readGraph(bytes: Uint8Array): ModelPorts {
  const [inputs, outputs]: [OnnxValue[], OnnxValue[]] = [[], []];
  const nodes: InspectedNode[] = [];
  const constants = new Map<string, readonly number[]>();
  const where = 'the graph';
  const port = (list: OnnxValue[]) => many(bytesField((part) => push(list, limits.nodes, where)(readPort(part))));
  readMessage(bytes, where, {
    1: many(
      bytesField((node) => {
        if (nodes.length === limits.nodes) throw refusedModel(where, `has more than ${limits.nodes} nodes`);
        nodes.push(readNode(node));
      }),
    ),
    2: nameField(where, () => {}),
    5: many(
      bytesField((bytes) => {
        const { name, sizes } = readConstant(bytes);
        if (sizes.length > 0) constants.set(name, sizes);
      }),
    ),
    11: port(inputs),
    12: port(outputs),
  });
  checkGrowth(nodes, constants);
  // A constant that is an input as well may be given another value.
  for (const { name } of inputs) constants.delete(name);
  checkBlocks(nodes, constants);
  checkProducts(nodes, constants);
  return { inputs, outputs };
}

/** OperatorSetIdProto, as text. */
function readOperatorSet(bytes: Uint8Array): string {
  let [domain, version] = ['', 0];
  readMessage(bytes, 'an operator set', {
    1: nameField(
      'an operator set',
      (name) => {
        domain = name;
      },
      /^[\w.]{0,64}$/,
    ),
    2: intField((value) => {
      version = value;
    }),
  });
  return `${domain} ${version}`;
}

/**
 * @param bytes a ModelProto
 * @returns what it takes and gives
 * @throws WireError unless it is what `encodeModel` writes for a compiled step: static shapes, operators that lowerings use,
 *   constants inline
 * @throws WireError also when a number in it asks for more memory than there is
 */
export function inspectModel(bytes: Uint8Array): ModelPorts {
  try {
    return readModel(bytes);
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw refusedModel('the bytes', `are no protocol buffer (${(error as Error).message})`);
  }
}

function readModel(bytes: Uint8Array): ModelPorts {
  const where = 'the file';
  const sets: string[] = [];
  let version = 0;
  let ports: ModelPorts | undefined;
  readMessage(bytes, where, {
    1: intField((value) => {
      version = value;
    }),
    2: nameField(where, () => {}),
    7: bytesField((graph) => {
      ports = readGraph(graph);
    }),
    8: many(bytesField((set) => push(sets, 2, where)(readOperatorSet(set)))),
  });
  if (version !== 9 || sets.join() !== ' 17,com.microsoft 1') {
    throw refusedModel(where, `is of IR version ${version} with operator sets ${JSON.stringify(sets.join())}`);
  }
  if (!ports) throw refusedModel(where, 'has no graph');
  return ports;
}
