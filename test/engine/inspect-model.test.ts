/** Models from elsewhere: what the compiler writes passes, whatever else ONNX can express does not. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '../../src/engine/onnx/inspect.js';
import { blockOperators, runtimeOperators, standardOperators } from '../../src/engine/onnx/operators.js';
import { encodeModel, type OnnxGraph, type OnnxNode } from '../../src/engine/onnx/proto.js';
import { WireError } from '../../src/errors.js';
import { lcg } from '../support/engines.js';
import { packageRoot } from '../support/package.js';

const port = (name: string, shape: readonly (number | string)[] = [2, 3]) => ({
  name,
  shape,
  type: 'float32' as const,
});
const node = (op: string, more: Partial<OnnxNode> = {}): OnnxNode => ({
  op,
  inputs: ['x', 'c'],
  outputs: ['y'],
  attributes: {},
  ...more,
});
const graph: OnnxGraph = {
  nodes: [
    node('Add'),
    node('FusedMatMul', { domain: 'com.microsoft', attributes: { transA: 1 } }),
    node('Resize', { attributes: { mode: 'nearest', pads: [0, 1], none: [], alpha: { float: 0.5 } } }),
  ],
  inputs: [port('x')],
  outputs: [port('y', [])],
  constants: [{ ...port('c'), shape: [2, 3], data: new Float32Array(6) }],
};
const good = encodeModel(graph);

/** A tag of a length-delimited field with these bytes. */
const field = (number: number, bytes: Uint8Array) => new BinaryWriter().tag(number, 2).bytes(bytes).finish();
const number = (tag: number, value: number) => new BinaryWriter().tag(tag, 0).int64(value).finish();
const text = (value: string) => new TextEncoder().encode(value);

/** The model with fields appended to the first message that `path` leads to. */
function appended(bytes: Uint8Array, path: readonly number[], extra: Uint8Array): Uint8Array {
  if (path.length === 0) return Buffer.concat([bytes, extra]);
  const [first, ...rest] = path;
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [tag, wire] = reader.tag();
    if (tag !== first) {
      reader.skip(wire);
      continue;
    }
    const inner = reader.bytes();
    return Buffer.concat([
      bytes.subarray(0, start),
      field(first, appended(inner, rest, extra)),
      bytes.subarray(reader.pos),
    ]);
  }
  throw new Error(`no field ${first}`);
}

it('what encodeModel writes passes, and its inputs and outputs are told', () => {
  expect(inspectModel(good)).toEqual({ inputs: graph.inputs, outputs: graph.outputs });
});

it('the operators are those that the lowerings name, no more and no fewer', () => {
  const folder = join(packageRoot, 'src/engine/onnx');
  const sources = (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  const emitted =
    /\b(?:node|nodes|operator|compare|reduce|argument|softmax|floats|numbers|rounding|quantifier)\(\s*'(\w+)'|op: '(\w+)'/g;
  const found = [...sources.matchAll(emitted)].map(([, called, written]) => called ?? written);
  // Those of recurrent layers are in files and predictors only, which nobody is sent.
  const unsent = ['GRU', 'LSTM', 'RNN'];
  const allowed = [...new Set([...standardOperators, ...runtimeOperators, ...blockOperators, ...unsent])];
  expect([...new Set(found)].sort()).toEqual(allowed.sort());
  expect([...standardOperators].filter((op) => runtimeOperators.has(op))).toEqual([]);
});

const sizes = (...list: number[]) => ({
  name: 'c',
  type: 'int64' as const,
  shape: [list.length],
  data: BigInt64Array.from(list, BigInt),
});
/** What asks for 2^50 numbers, by operators that make as many as they are told. */
const giants: Record<string, Partial<OnnxGraph>> = {
  Expand: { nodes: [node('Expand')], constants: [sizes(2 ** 25, 2 ** 25)] },
  Tile: { nodes: [node('Tile')], constants: [sizes(2 ** 50, 1)] },
  Resize: { nodes: [node('Resize', { inputs: ['x', '', '', 'c'] })], constants: [sizes(2 ** 25, 2 ** 25)] },
  Pad: { nodes: [node('Pad')], constants: [sizes(0, 2 ** 24, 2 ** 25, 2 ** 24)] },
  'Conv with padding': { nodes: [node('Conv', { attributes: { pads: [2 ** 24, 0, 2 ** 24, 2 ** 25] } })] },
  'AveragePool with padding': { nodes: [node('AveragePool', { attributes: { pads: [0, 0, 2 ** 25, 2 ** 25] } })] },
  'ConvTranspose with strides': { nodes: [node('ConvTranspose', { attributes: { strides: [2 ** 25, 2 ** 25] } })] },
};
it.each(Object.entries(giants))('%s is refused where it makes more than memory holds', (_, more) => {
  expect(() => inspectModel(encodeModel({ ...graph, ...more }))).toThrow(
    /makes 1125899906842624 numbers at least, which takes 4500 TB of memory, and there are/,
  );
  const small = encodeModel({ ...graph, nodes: more.nodes!.map((one) => ({ ...one, attributes: {} })) });
  expect(inspectModel(small).outputs).toHaveLength(1);
});

describe('is refused', () => {
  const [theGraph, theNode, theConstant] = [[7], [7, 1], [7, 5]];
  const file = Buffer.concat([field(1, text('location')), field(2, text('/etc/passwd'))]);
  const hostile: Record<string, Uint8Array> = {
    'a constant in a file': appended(good, theConstant, Buffer.concat([field(13, file), number(14, 1)])),
    'a constant said to be in a file': appended(good, theConstant, number(14, 1)),
    'a constant said to be here': appended(good, theConstant, number(14, 0)),
    'a constant of text': appended(good, theConstant, field(6, text('a'))),
    'a constant with two data': appended(good, theConstant, field(9, new Uint8Array(24))),
    'a constant of another size': appended(good, theConstant, number(1, 2)),
    'a constant of negative size': appended(good, theConstant, Buffer.concat([number(1, -1), number(1, -1)])),
    'a local function': appended(good, [], field(25, field(1, text('f')))),
    'a training graph': appended(good, [], field(20, new Uint8Array())),
    metadata: appended(good, [], field(14, field(1, text('key')))),
    'a second graph': appended(good, [], field(7, new Uint8Array())),
    'a third operator set': appended(good, [], field(8, Buffer.concat([field(1, text('custom')), number(2, 1)]))),
    'a sparse constant': appended(good, theGraph, field(15, new Uint8Array())),
    'a subgraph': appended(
      good,
      [7, 1],
      field(5, Buffer.concat([field(1, text('body')), field(6, new Uint8Array()), number(20, 5)])),
    ),
    'a tensor as attribute': appended(
      good,
      theNode,
      field(5, Buffer.concat([field(1, text('value')), field(5, file), number(20, 4)])),
    ),
    'an attribute of two values': appended(
      good,
      theNode,
      field(5, Buffer.concat([field(1, text('a')), number(3, 1), field(4, text('b')), number(20, 2)])),
    ),
    'an attribute that is given twice': appended(
      good,
      theNode,
      Buffer.concat(
        [1, 2].map((value) => field(5, Buffer.concat([field(1, text('a')), number(3, value), number(20, 2)]))),
      ),
    ),
    'an attribute of another type': appended(
      good,
      theNode,
      field(5, Buffer.concat([field(1, text('a')), number(3, 1), number(20, 7)])),
    ),
    'a second domain': appended(good, theNode, Buffer.concat([field(7, text('com.microsoft')), field(7, text('x'))])),
    'an overload': appended(good, theNode, field(8, text('x'))),
    'a size that is a name': encodeModel({ ...graph, inputs: [port('x', ['batch', 3])] }),
    'a size without a value': appended(good, [7, 11, 2, 1, 2], field(1, new Uint8Array())),
    'a huge size': encodeModel({ ...graph, inputs: [port('x', [2 ** 31, 2 ** 31])] }),
    'a sequence as input': appended(good, [7, 11, 2], field(4, new Uint8Array())),
    'an operator of another domain': encodeModel({ ...graph, nodes: [node('Add', { domain: 'ai.onnx.ml' })] }),
    'an operator of ours': encodeModel({ ...graph, nodes: [node('maxPoolGradient', { domain: 'lockstep' })] }),
    'an operator that no layer needs': encodeModel({ ...graph, nodes: [node('StringNormalizer')] }),
    'a loop': encodeModel({ ...graph, nodes: [node('Loop')] }),
    'an operator of the runtime without its domain': encodeModel({ ...graph, nodes: [node('FusedMatMul')] }),
    'an operator in the wrong domain': encodeModel({ ...graph, nodes: [node('Add', { domain: 'com.microsoft' })] }),
    'a name of a path': encodeModel({ ...graph, nodes: [node('Add', { inputs: ['../x', 'c'] })] }),
    'a long name': encodeModel({ ...graph, nodes: [node('Add', { inputs: ['x'.repeat(65), 'c'] })] }),
    'another IR version': Buffer.concat([number(1, 10), good.subarray(2)]),
    nothing: new Uint8Array(),
    'no graph': Buffer.concat([good.subarray(0, 2)]),
  };

  it.each(Object.keys(hostile))('%s', (name) => {
    expect(() => inspectModel(hostile[name])).toThrow(WireError);
  });

  it('by name, where it would read a file', () => {
    expect(() => inspectModel(hostile['a constant in a file'])).toThrow(/in a file, which workers do not read/);
  });

  it('every model that is cut off', () => {
    for (let end = 0; end < good.length; end++) expect(() => inspectModel(good.subarray(0, end))).toThrow(WireError);
  });

  it('damage, and nothing else is thrown', () => {
    const random = lcg(9);
    let refused = 0;
    const tries = 5000;
    for (let i = 0; i < tries; i++) {
      const bytes = Uint8Array.from(good);
      for (let flips = 0; flips <= i % 3; flips++) bytes[Math.floor(random() * bytes.length)] = random() * 256;
      try {
        inspectModel(bytes);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(tries / 2);
  });
});
