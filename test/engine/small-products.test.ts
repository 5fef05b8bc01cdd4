/** Small products of a graph for a device: they come to what tfjs makes of them, and a worker that is sent them knows that their factors fit. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { halfProducts } from '../../src/engine/onnx/half-products.js';
import { inspectModel } from '../../src/engine/onnx/inspect.js';
import { encodeModel, type OnnxGraph, type OnnxNode } from '../../src/engine/onnx/proto.js';
import { deviceRules } from '../../src/engine/onnx/rewrites/device-rules.js';
import { rewritten } from '../../src/engine/onnx/rewrites/rewrite.js';
import { smallProducts } from '../../src/engine/onnx/rewrites/small-products.js';
import { cutGraph } from '../../src/engine/onnx/subgraphs.js';
import { trace } from '../../src/engine/onnx/tracer.js';
import { compare, floats } from '../support/lowered.js';
import { eager, ran } from '../support/traced.js';

beforeAll(() => loadBackend('cpu'));

type Body = (...inputs: tf.Tensor[]) => tf.Tensor;
const product =
  (transA: boolean, transB: boolean): Body =>
  (a, b) =>
    tf.matMul(a!, b!, transA, transB);
const dense: Body = (a, b, bias) =>
  tf.fused.matMul({ a: a!, b: b!, bias: bias! } as Parameters<typeof tf.fused.matMul>[0]);

/** By shapes of what is given, and the equations that stand for it. */
const small: Record<string, [shapes: number[][], body: Body, equation: string]> = {
  'as they are': [
    [
      [3, 5],
      [5, 2],
    ],
    product(false, false),
    'ab,bc->ac',
  ],
  'the first turned': [
    [
      [5, 3],
      [5, 2],
    ],
    product(true, false),
    'ba,bc->ac',
  ],
  'the second turned': [
    [
      [3, 5],
      [2, 5],
    ],
    product(false, true),
    'ab,cb->ac',
  ],
  'both turned': [
    [
      [5, 3],
      [2, 5],
    ],
    product(true, true),
    'ba,cb->ac',
  ],
  'with a bias': [[[3, 5], [5, 2], [2]], dense, 'ab,bc->ac'],
  'a batch, both turned': [
    [
      [4, 5, 3],
      [4, 2, 5],
    ],
    product(true, true),
    'dba,dcb->dac',
  ],
  'two axes of a batch': [
    [
      [2, 4, 3, 5],
      [2, 4, 5, 2],
    ],
    product(false, false),
    'deab,debc->deac',
  ],
  'one matrix for a batch': [
    [
      [3, 5],
      [4, 5, 2],
    ],
    product(false, false),
    'ab,dbc->dac',
  ],
  'the largest': [
    [
      [64, 256],
      [256, 128],
    ],
    product(false, false),
    'ab,bc->ac',
  ],
};
/** Shapes of products that stay what they are. */
const other: Record<string, number[][]> = {
  'larger by a row': [
    [65, 256],
    [256, 128],
  ],
  'of more steps than a loop should take': [
    [2, 513],
    [513, 2],
  ],
  'of a batch that is repeated': [
    [1, 3, 5],
    [4, 5, 2],
  ],
};

/** The graph of a function for a device. */
function graphOf(shapes: number[][], body: Body) {
  const graph = trace(({ input, output }) => {
    output('y', body(...shapes.map((shape, i) => input(`x${i}`, shape, 'float32'))), true);
  }, true);
  return rewritten(graph, deviceRules);
}
const equations = (nodes: readonly OnnxNode[]) =>
  nodes.flatMap(({ op, attributes }) => (op === 'Einsum' ? [attributes.equation] : []));

it.each(Object.entries(small))('%s', (_, [shapes, body, equation]) => {
  const graph = rewritten(graphOf(shapes, body), [smallProducts]);
  expect(equations(graph.nodes)).toEqual([equation]);
  expect(graph.nodes.map(({ op }) => op).filter((op) => /^(Gemm|MatMul|FusedMatMul|Transpose)$/.test(op))).toEqual([]);
  const given = shapes.map((shape) => floats(shape));
  const [numbers] = ran(cutGraph(graph), given, graph.outputs);
  compare(
    [{ shape: graph.outputs[0]!.shape as number[], type: 'float32', data: numbers! }],
    eager((...inputs) => [body(...inputs)], given),
  );
});

it.each(Object.entries(other))('is not one %s', (_, shapes) => {
  expect(equations(rewritten(graphOf(shapes, product(false, false)), [smallProducts]).nodes)).toEqual([]);
});

it('leaves products in float16, which the provider has no Einsum for', () => {
  const half = halfProducts(graphOf(small['with a bias']![0], dense), true);
  expect(equations(rewritten(half, [smallProducts]).nodes)).toEqual([]);
});

describe('from elsewhere', () => {
  interface Changes {
    readonly a?: number[];
    readonly b?: number[];
    readonly inputs?: readonly string[];
    readonly attributes?: OnnxNode['attributes'];
    readonly op?: string;
    readonly given?: string;
  }
  const float = (name: string, shape: number[]) => ({ name, type: 'float32' as const, shape });
  const sizes = (name: string, list: number[]) => ({
    name,
    type: 'int64' as const,
    shape: [list.length],
    data: BigInt64Array.from(list, BigInt),
  });
  const sent = ({
    a = [2, 3],
    b = [3, 4],
    inputs = ['c', 'd'],
    attributes = { equation: 'ab,bc->ac' },
    op = 'Einsum',
    given,
  }: Changes) => {
    const reshape = (from: string, to: string): OnnxNode => ({
      op: 'Reshape',
      inputs: [from, `${from}Sizes`],
      outputs: [to],
      attributes: {},
    });
    const graph: OnnxGraph = {
      nodes: [reshape('a', 'c'), reshape('b', 'd'), { op, inputs, outputs: ['y'], attributes }],
      inputs: [float('a', [6]), float('b', [12]), ...(given ? [float(given, [2])] : [])],
      outputs: [float('y', [2, 4])],
      constants: [sizes('aSizes', a), sizes('bSizes', b)],
    };
    return () => inspectModel(encodeModel(graph));
  };

  it('passes where its sizes are known to fit', () => {
    expect(sent({})().outputs).toHaveLength(1);
    expect(sent({ a: [3, 2], b: [4, 3], attributes: { equation: 'ba,cb->ac' } })().outputs).toHaveLength(1);
  });

  const wrong: Record<string, Changes> = {
    'factors that do not fit': { b: [4, 3] },
    'axes of other lengths': { a: [1, 2, 3], b: [2, 3, 2], attributes: { equation: 'dab,dbc->dac' } },
    'more axes than it says': { a: [1, 2, 3] },
    'sizes that are left to be found': { a: [2, -1] },
    'a factor that nothing has given a shape': { inputs: ['c', 'b'] },
    'sizes that may be given': { given: 'bSizes' },
    'a third factor': { inputs: ['c', 'd', 'd'] },
    'one factor': { inputs: ['c'] },
    'a sum over other axes': { attributes: { equation: 'ab,bc->ab' } },
    'no equation': { attributes: {} },
    'another attribute': { attributes: { equation: 'ab,bc->ac', axis: 1 } },
  };
  it.each(Object.entries(wrong))('is refused with %s', (_, changes) => {
    expect(sent(changes)).toThrow(/an Einsum has inputs that are not known to fit/);
  });

  it('has what only an Einsum says nowhere else', () => {
    expect(sent({ op: 'Conv' })).toThrow(/a node says "ab,bc->ac"/);
  });
});
