/** Lowerings of kernels that pick elements out by index, or put them at indices. */
import tf = require('@tensorflow/tfjs-core');

import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import type { Lowering, Lowerings } from './lowering.js';
import { castRows, filled, isEmpty, permuted, seenAs, typeCode } from './pieces.js';

const { slice_util } = tf;

/** Slices with steps, also backwards, as TensorFlow's masks describe them. */
const stridedSlice: Lowering = (graph, call) => {
  const x = call.input('x');
  const list = (name: string) => call.attribute<number[]>(name);
  const mask = (name: string) => call.attribute<number | undefined>(name) ?? 0;
  const info = slice_util.sliceInfo(
    [...x.shape],
    list('begin'),
    list('end'),
    list('strides'),
    mask('beginMask'),
    mask('endMask'),
    mask('ellipsisMask'),
    mask('newAxisMask'),
    mask('shrinkAxisMask'),
  );
  const { begin, end, strides, finalShape } = info;
  if (info.isIdentity) return seenAs(x, finalShape);
  if (elements(finalShape) === 0) return graph.splat(0, finalShape, x.storage.type);
  // Backwards, an end of -1 is before the first element, which ONNX would take for the last.
  const ends = end.map((at, i) => (at < 0 ? at - x.shape[i]! : at));
  const axes = begin.map((_, i) => i);
  const name = graph.node('Slice', [
    graph.rows(x),
    ...[begin, ends, axes, strides].map((values) => graph.int64(values)),
  ]);
  return seenAs(graph.value(name, slice_util.computeOutShape(begin, end, strides), x.storage.type), finalShape);
};

/** Elements, or slices, at indices of one or more axes. */
const gatherNd: Lowering = (graph, call) => {
  const [x, indices] = [call.input('params'), call.input('indices')];
  const depth = indices.shape.at(-1)!;
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
  if (elements(shape) === 0) return graph.splat(0, shape, x.storage.type);
  return graph.value(graph.node('GatherND', [graph.rows(x), castRows(graph, indices, 'int64')]), shape, x.storage.type);
};

/** For each example of a batch, elements at its own indices: x [batch, outer, size, inner], indices [batch, count]. */
export function batchGather(
  graph: GraphBuilder,
  x: StoredValue,
  indices: StoredValue,
  axis: number,
  batchDims: number,
): StoredValue {
  const { type } = x.storage;
  const [batch, outer, inner] = [
    x.shape.slice(0, batchDims),
    x.shape.slice(batchDims, axis),
    x.shape.slice(axis + 1),
  ].map(elements) as [number, number, number];
  const shape = [...x.shape.slice(0, axis), ...indices.shape.slice(batchDims), ...x.shape.slice(axis + 1)];
  if (elements(shape) === 0) return graph.splat(0, shape, type);
  const count = elements(indices.shape) / batch;
  const outermost = permuted(graph, seenAs(x, [batch, outer, x.shape[axis]!, inner]), [0, 2, 1, 3]);
  const name = graph.node('GatherND', [graph.rows(outermost), castRows(graph, indices, 'int64', [batch, count, 1])], {
    batch_dims: 1,
  });
  return seenAs(permuted(graph, graph.value(name, [batch, count, outer, inner], type), [0, 2, 1, 3]), shape);
}

/** Places for ScatterND: one slice of the result each. */
const places = (graph: GraphBuilder, indices: StoredValue) => {
  const depth = indices.shape.length < 2 ? 1 : indices.shape.at(-1)!;
  return { depth, name: castRows(graph, indices, 'int64', [elements(indices.shape) / depth, depth]) };
};

/** Zeros with updates added at indices. */
const scatterNd: Lowering = (graph, call) => {
  const [indices, updates] = [call.input('indices'), call.input('updates')];
  const shape = call.attribute<number[]>('shape');
  const { type } = updates.storage;
  if (elements(shape) === 0 || isEmpty(updates)) return graph.splat(0, shape, type);
  // tfjs adds booleans up as numbers, and has a boolean again.
  const added = type === 'bool' ? 'int32' : type;
  const { depth, name } = places(graph, indices);
  const rows = castRows(graph, updates, added, [elements(indices.shape) / depth, ...shape.slice(depth)]);
  const sum = graph.node('ScatterND', [filled(graph, shape, added), name, rows], { reduction: 'add' });
  return graph.value(added === type ? sum : graph.node('Cast', [sum], { to: typeCode[type] }), shape, type);
};

/** A tensor with the slices at indices replaced. */
function replacedAt(graph: GraphBuilder, x: StoredValue, indices: StoredValue, updates: StoredValue): StoredValue {
  if (isEmpty(indices) || isEmpty(x)) return x;
  const { depth, name } = places(graph, indices);
  const shape = [elements(indices.shape) / depth, ...x.shape.slice(depth)];
  const rows =
    updates.shape.length === 0
      ? graph.node('Expand', [graph.rows(updates), graph.int64(shape)])
      : graph.rows(updates, shape);
  return graph.value(graph.node('ScatterND', [graph.rows(x), name, rows]), x.shape, x.storage.type);
}

const scatterUpdate: Lowering = (graph, call) =>
  replacedAt(graph, call.input('tensor'), call.input('indices'), call.input('updates'));

/** A tensor of one value with others at indices. */
const sparseToDense: Lowering = (graph, call) => {
  const [indices, values] = [call.input('sparseIndices'), call.input('sparseValues')];
  const shape = call.attribute<number[]>('outputShape');
  const { type } = values.storage;
  if (elements(shape) === 0) return graph.splat(0, shape, type);
  const base = graph.node('Expand', [castRows(graph, call.input('defaultValue'), type, []), graph.int64(shape)]);
  return replacedAt(graph, graph.value(base, shape, type), indices, values);
};

/** A square matrix, or more, with the values on its diagonal. */
const diag: Lowering = (graph, call) => {
  const x = call.input('x');
  const size = elements(x.shape);
  const { type } = x.storage;
  const shape = [...x.shape, ...x.shape];
  const rows = Array.from({ length: size }, (_, i) => i * size + i);
  const flat = graph.node('ScatterND', [
    filled(graph, [size * size], type),
    graph.int64(rows, [size, 1]),
    graph.rows(x, [size]),
  ]);
  return seenAs(graph.value(flat, [size * size], type), shape);
};

export const indexingLowerings: Lowerings = {
  Diag: diag,
  GatherNd: gatherNd,
  ScatterNd: scatterNd,
  SparseToDense: sparseToDense,
  StridedSlice: stridedSlice,
  TensorScatterUpdate: scatterUpdate,
};
