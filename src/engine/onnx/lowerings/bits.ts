/** Lowerings of kernels on the bits of whole numbers, and on shapes as numbers. */
import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { broadcast, type Lowering, type Lowerings } from './lowering.js';
import { castRows, typeCode } from './pieces.js';

const powers = Array.from({ length: 32 }, (_, bit) => 2 ** bit);

/** The 32 bits of whole numbers, one axis more, as 0 and 1: the bits of a negative one are those of it plus 2^32. */
function bitsOf(graph: GraphBuilder, x: StoredValue): string {
  const unsigned = graph.node('Cast', [graph.rows(x, [...x.shape, 1])], { to: 12 });
  const shifted = graph.node('Div', [graph.node('Cast', [unsigned], { to: typeCode.int64 }), graph.int64(powers)]);
  return graph.node('Mod', [shifted, graph.int64([2])]);
}

const bitwiseAnd: Lowering = (graph, call) => {
  const [a, b] = [call.input('a'), call.input('b')];
  const shape = broadcast(a.shape, b.shape);
  if (elements(shape) === 0) return graph.splat(0, shape, 'int32');
  const both = graph.node('Mul', [bitsOf(graph, a), bitsOf(graph, b)]);
  const terms = graph.node('Mul', [both, graph.int64(powers)]);
  const sum = graph.node('ReduceSum', [terms, graph.int64([-1])], { keepdims: 0 });
  const isNegative = graph.node('GreaterOrEqual', [sum, graph.int64([2 ** 31], [])]);
  const signed = graph.node('Where', [isNegative, graph.node('Sub', [sum, graph.int64([2 ** 32], [])]), sum]);
  return graph.value(graph.node('Cast', [signed], { to: typeCode.int32 }), shape, 'int32');
};

/** The shape that two shapes come to, where they fit together. */
const broadcastArgs: Lowering = (graph, call) => {
  const [a, b] = [call.input('s0'), call.input('s1')];
  const rank = Math.max(a.shape[0]!, b.shape[0]!);
  if (rank === 0) return graph.splat(0, [0], 'int32');
  const padded = (x: StoredValue) => {
    const ones = rank - x.shape[0]!;
    const sizes = castRows(graph, x, 'int32');
    if (ones === 0) return sizes;
    return graph.node('Concat', [graph.tensor(new Int32Array(ones).fill(1), [ones], 'int32'), sizes], { axis: 0 });
  };
  const [left, right] = [padded(a), padded(b)];
  const isOne = graph.node('Equal', [left, graph.scalar(1, 'int32')]);
  return graph.value(graph.node('Where', [isOne, right, left]), [rank], 'int32');
};

export const bitLowerings: Lowerings = { BitwiseAnd: bitwiseAnd, BroadcastArgs: broadcastArgs };
