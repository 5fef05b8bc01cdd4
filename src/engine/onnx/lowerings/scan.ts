/** Lowerings of running sums and products, of what is found in a sorted or any list, and of quantifiers. */
import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { ElementType } from '../proto.js';
import type { StoredValue } from '../storage.js';
import { type Lowering, type Lowerings, normalAxes } from './lowering.js';
import { castRows, isEmpty, seenAs, typeCode } from './pieces.js';

/** tfjs counts booleans as integers. */
const counted = (value: StoredValue): ElementType => (value.storage.type === 'float32' ? 'float32' : 'int32');

interface CumulativeScan {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

const scan =
  (
    emit: (graph: GraphBuilder, name: string, scan: CumulativeScan, x: StoredValue, type: ElementType) => string,
  ): Lowering =>
  (graph, call) => {
    const x = call.input('x');
    const type = counted(x);
    const [axis] = normalAxes(call.attribute<number | undefined>('axis') ?? 0, x.shape.length);
    const attributes = {
      axis: axis!,
      exclusive: call.attribute<boolean | undefined>('exclusive') ?? false,
      reverse: call.attribute<boolean | undefined>('reverse') ?? false,
    };
    if (x.shape.length === 0 || isEmpty(x)) return x;
    return graph.value(emit(graph, castRows(graph, x, type), attributes, x, type), x.shape, type);
  };

const cumsum = scan((graph, name, { axis, exclusive, reverse }) =>
  graph.node('CumSum', [name, graph.int64([axis], [])], { exclusive: Number(exclusive), reverse: Number(reverse) }),
);

/** The values moved along an axis by so many places, with ones where nothing comes. */
function shifted(
  graph: GraphBuilder,
  name: string,
  by: number,
  { axis, reverse }: CumulativeScan,
  x: StoredValue,
  type: ElementType,
) {
  const [start, end] = reverse ? [by, x.shape[axis]!] : [0, x.shape[axis]! - by];
  const kept = graph.node('Slice', [name, graph.int64([start]), graph.int64([end]), graph.int64([axis])]);
  const pads = Array<number>(2 * x.shape.length).fill(0);
  pads[reverse ? axis + x.shape.length : axis] = by;
  return graph.node('Pad', [kept, graph.int64(pads), graph.scalar(1, type)]);
}

/** Running products by doubling: after k rounds each element holds the product of the 2^k elements that end there. */
const cumprod = scan((graph, name, how, x, type) => {
  const length = x.shape[how.axis]!;
  let product = how.exclusive ? shifted(graph, name, 1, how, x, type) : name;
  for (let by = 1; by < length; by *= 2) {
    product = graph.node('Mul', [product, shifted(graph, product, by, how, x, type)]);
  }
  return product;
});

/** Whether all, or any, of the values along axes are true. */
const quantifier =
  (op: 'ReduceMin' | 'ReduceMax'): Lowering =>
  (graph, call) => {
    const x = call.input('x');
    const axes = normalAxes(call.attribute<number | number[] | undefined>('axis'), x.shape.length);
    const kept = x.shape.filter((_, i) => !axes.includes(i));
    const shape = call.attribute<boolean>('keepDims') ? x.shape.map((n, i) => (axes.includes(i) ? 1 : n)) : kept;
    if (axes.every((axis) => x.shape[axis] === 1)) return seenAs(x, shape);
    // Of nothing, tfjs says no either way.
    if (isEmpty(x)) return graph.splat(0, shape, 'bool');
    const reduced = graph.node(op, [castRows(graph, x, 'int32')], { axes, keepdims: 0 });
    return seenAs(graph.value(graph.node('Cast', [reduced], { to: typeCode.bool }), kept, 'bool'), shape);
  };
/** How many of a sorted row are less than each value, or not greater: where the value would go. */
const searchSorted: Lowering = (graph, call) => {
  const [sorted, values] = [call.input('sortedSequence'), call.input('values')];
  const [rows, length] = sorted.shape as [number, number];
  const [, count] = values.shape as [number, number];
  const inputs = [
    castRows(graph, sorted, 'float32', [rows, 1, length]),
    castRows(graph, values, 'float32', [rows, count, 1]),
  ];
  const before = graph.node(call.attribute<string>('side') === 'left' ? 'Less' : 'LessOrEqual', inputs);
  const counts = graph.node('Cast', [before], { to: typeCode.int32 });
  return graph.value(graph.node('ReduceSum', [counts, graph.int64([2])], { keepdims: 0 }), values.shape, 'int32');
};

/** The k greatest along the last axis, and where they are; of equal ones the first. */
const topK: Lowering = (graph, call) => {
  const x = call.input('x');
  const k = call.attribute<number>('k');
  const shape = [...x.shape.slice(0, -1), k];
  const { type } = x.storage;
  if (elements(shape) === 0) return [graph.splat(0, shape, type), graph.splat(0, shape, 'int32')];
  // Unless they shall be sorted, all of them are in their order.
  if (k === x.shape.at(-1) && call.attribute<boolean | undefined>('sorted') === false) {
    const order = Int32Array.from({ length: elements(shape) }, (_, i) => i % k);
    return [x, graph.constant(order, shape, 'int32')];
  }
  const name = type === 'bool' ? castRows(graph, x, 'int32') : graph.rows(x);
  const [values, places] = graph.nodes('TopK', [name, graph.int64([k])], 2, { axis: -1, largest: 1, sorted: 1 });
  const found = type === 'bool' ? graph.node('Cast', [values!], { to: typeCode.bool }) : values!;
  const indices = graph.node('Cast', [places!], { to: typeCode.int32 });
  return [graph.value(found, shape, type), graph.value(indices, shape, 'int32')];
};

/** How often each number below `size` comes, or the sum of its weights; of a matrix, row by row. */
const bincount: Lowering = (graph, call) => {
  const [x, weights] = [call.input('x'), call.input('weights')];
  const size = call.attribute<number>('size');
  const binary = call.attribute<boolean | undefined>('binaryOutput') ?? false;
  const [rows, count] = x.shape.length === 2 ? (x.shape as [number, number]) : [1, elements(x.shape)];
  const shape = x.shape.length === 2 ? [rows, size] : [size];
  const { type } = weights.storage;
  if (isEmpty(x)) return graph.splat(0, shape, type);
  const numbers = Int32Array.from({ length: size }, (_, i) => i);
  const bins = graph.tensor(numbers, [size], 'int32');
  const isIn = graph.node('Equal', [castRows(graph, x, 'int32', [rows, count, 1]), bins]);
  const hits = graph.node('Cast', [isIn], { to: typeCode[type] });
  if (binary && x.shape.length === 2)
    return graph.value(graph.node('ReduceMax', [hits], { axes: [1], keepdims: 0 }), shape, type);
  const weighed = isEmpty(weights)
    ? hits
    : graph.node('Where', [isIn, graph.rows(weights, [rows, count, 1]), graph.scalar(0, type)]);
  const name = graph.node('ReduceSum', [weighed, graph.int64([1])], { keepdims: 0 });
  return seenAs(graph.value(name, [rows, size], type), shape);
};

export const scanLowerings: Lowerings = {
  All: quantifier('ReduceMin'),
  Any: quantifier('ReduceMax'),
  Bincount: bincount,
  Cumprod: cumprod,
  Cumsum: cumsum,
  DenseBincount: bincount,
  SearchSorted: searchSorted,
  TopK: topK,
};
