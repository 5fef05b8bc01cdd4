/** Lowerings of kernels that move or rearrange elements. */
import tf = require('@tensorflow/tfjs-core');

import { elements } from '../../../ground/elements.js';
import { channelsFirstAxis, type GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { batchGather } from './indexing.js';
import { type Lowering, type Lowerings, normalAxes, reshaped } from './lowering.js';
import { castTo, chosen, elementTypeOf, storedAs } from './types.js';

const reshape: Lowering = (_, call) => {
  const x = call.input('x');
  const shape = call.attribute<number[]>('shape');
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  return reshaped(
    x,
    shape.map((size) => (size === -1 ? elements(x.shape) / known : size)),
  );
};

const expandDims: Lowering = (_, call) => {
  const x = call.input('input');
  const dim = call.attribute<number>('dim');
  const at = dim < 0 ? dim + x.shape.length + 1 : dim;
  return reshaped(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
};

const transpose: Lowering = (graph, call) => {
  const x = call.input('x');
  const perm = call.attribute('perm', x.shape.map((_, i) => i).reverse());
  const shape = perm.map((axis) => x.shape[axis]!);
  return graph.value(graph.node('Transpose', [graph.rows(x)], { perm }), shape, x.storage.type);
};

/** Runs `emit` on the transposed form where the input has only that one; `axis` maps an axis to the form in use. */
function inEitherLayout(
  graph: GraphBuilder,
  inputs: readonly StoredValue[],
  shape: readonly number[],
  emit: (names: string[], axis: (i: number) => number) => string,
): StoredValue {
  const { type } = inputs[0]!.storage;
  if (inputs.every((x) => graph.prefersChannelsFirst(x))) {
    const names = inputs.map((x) => graph.channelsFirst(x));
    return graph.channelsFirstValue(
      emit(names, (i) => channelsFirstAxis[i]!),
      shape,
      type,
    );
  }
  const names = inputs.map((x) => graph.rows(x));
  return graph.value(
    emit(names, (i) => i),
    shape,
    type,
  );
}

const concat: Lowering = (graph, call) => {
  const all = call.list('inputs');
  const first = all[0]!;
  const [axis] = normalAxes(call.attribute<number>('axis', 0), first.shape.length);
  const shape = [...first.shape];
  shape[axis!] = all.reduce((sum, x) => sum + x.shape[axis!]!, 0);
  const inputs = all.filter((x) => elements(x.shape) > 0);
  if (elements(shape) === 0) return graph.splat(0, shape, first.storage.type);
  return inEitherLayout(graph, inputs, shape, (names, at) => graph.node('Concat', names, { axis: at(axis!) }));
};

export function sliceOf(
  graph: GraphBuilder,
  x: StoredValue,
  begin: readonly number[],
  size: readonly number[],
): StoredValue {
  if (size.every((length, i) => length === x.shape[i])) return x;
  const axes = size.map((_, i) => i).filter((i) => size[i] !== x.shape[i]);
  return inEitherLayout(graph, [x], size, ([name], at) =>
    graph.node('Slice', [
      name!,
      graph.int64(axes.map((i) => begin[i]!)),
      graph.int64(axes.map((i) => begin[i]! + size[i]!)),
      graph.int64(axes.map(at)),
    ]),
  );
}

const slice: Lowering = (graph, call) => {
  const x = call.input('x');
  // A number or a short list stands for the first axes; a size that is left out, or -1, for all that is left.
  const [begin, size] = tf.slice_util.parseSliceParams(
    { shape: x.shape } as tf.TensorInfo as never,
    call.attribute('begin'),
    call.attribute('size'),
  );
  return sliceOf(graph, x, begin!, size!);
};

const splitV: Lowering = (graph, call) => {
  const x = call.input('x');
  const [axis] = normalAxes(call.attribute('axis'), x.shape.length);
  const wanted = call.attribute<number | number[]>('numOrSizeSplits');
  const length = x.shape[axis!]!;
  const sizes = Array.isArray(wanted) ? [...wanted] : Array(wanted).fill(length / wanted);
  const rest = sizes.indexOf(-1);
  if (rest >= 0) sizes[rest] = length - sizes.reduce((sum, size) => sum + Math.max(size, 0), 0);
  let start = 0;
  return sizes.map((size) => {
    const begin = x.shape.map((_, i) => (i === axis ? start : 0));
    start += size;
    return sliceOf(
      graph,
      x,
      begin,
      x.shape.map((full, i) => (i === axis ? size : full)),
    );
  });
};

const pack: Lowering = (graph, call) => {
  const inputs = call.list('inputs');
  const first = inputs[0]!;
  const axis = normalAxes(call.attribute('axis'), first.shape.length + 1)[0]!;
  const unit = [...first.shape.slice(0, axis), 1, ...first.shape.slice(axis)];
  const shape = unit.map((size, i) => (i === axis ? inputs.length : size));
  const names = inputs.map((x) => graph.rows(x, unit));
  return graph.value(graph.node('Concat', names, { axis }), shape, first.storage.type);
};

const unpack: Lowering = (graph, call) => {
  const x = call.input('value');
  const axis = normalAxes(call.attribute('axis'), x.shape.length)[0]!;
  return Array.from({ length: x.shape[axis]! }, (_, index) => {
    const begin = x.shape.map((_, i) => (i === axis ? index : 0));
    const size = x.shape.map((full, i) => (i === axis ? 1 : full));
    return reshaped(
      sliceOf(graph, x, begin, size),
      x.shape.filter((_, i) => i !== axis),
    );
  });
};

export function padded(
  graph: GraphBuilder,
  x: StoredValue,
  paddings: readonly [number, number][],
  value: number,
): StoredValue {
  const shape = x.shape.map((size, i) => size + paddings[i]![0] + paddings[i]![1]);
  const filler = graph.scalar(value, x.storage.type);
  return inEitherLayout(graph, [x], shape, ([name], at) => {
    const pads = Array<number>(2 * shape.length).fill(0);
    paddings.forEach(([before, after], i) => {
      pads[at(i)] = before;
      pads[at(i) + shape.length] = after;
    });
    return graph.node('Pad', [name!, graph.int64(pads), filler]);
  });
}

const padV2: Lowering = (graph, call) =>
  padded(graph, call.input('x'), call.attribute('paddings'), call.attribute<number>('constantValue') ?? 0);

const tile: Lowering = (graph, call) => {
  const x = call.input('x');
  const reps = call.attribute<number[]>('reps');
  const rank = Math.max(reps.length, x.shape.length);
  const from = [...Array(rank - x.shape.length).fill(1), ...x.shape];
  const times = [...Array(rank - reps.length).fill(1), ...reps];
  const shape = from.map((size, i) => size * times[i]!);
  if (x.storage.splat !== undefined) return graph.splat(x.storage.splat, shape, x.storage.type);
  // Repeats of single numbers are a broadcast, which most that read it do by themselves.
  if (from.every((size, i) => size === 1 || times[i] === 1)) return graph.spread(reshaped(x, from), shape);
  return graph.value(graph.node('Tile', [graph.rows(x, from), graph.int64(times)]), shape, x.storage.type);
};

const broadcastTo: Lowering = (graph, call) => graph.spread(call.input('x'), call.attribute<number[]>('shape'));

const reverse: Lowering = (graph, call) => {
  const x = call.input('x');
  const axes = normalAxes(call.attribute('dims'), x.shape.length);
  if (axes.length === 0) return x;
  return inEitherLayout(graph, [x], x.shape, ([name], at) =>
    graph.node('Slice', [
      name!,
      graph.int64(axes.map((i) => x.shape[i]! - 1)),
      graph.int64(axes.map((i) => -x.shape[i]! - 1)),
      graph.int64(axes.map(at)),
      graph.int64(axes.map(() => -1)),
    ]),
  );
};

/** Indices of 32 bits as 64: negative ones, which ONNX counts from the end, become too large for any axis and end the run. */
const unsigned = (graph: GraphBuilder, name: string): string =>
  graph.node('Cast', [graph.node('Cast', [name], { to: 12 })], { to: 7 });

const gather: Lowering = (graph, call) => {
  const x = call.input('x');
  const indices = call.input('indices');
  const axis = normalAxes(call.attribute('axis'), x.shape.length)[0]!;
  const wanted = call.attribute('batchDims', 0);
  const batchDims = wanted < 0 ? wanted + indices.shape.length : wanted;
  if (batchDims > 0) return batchGather(graph, x, indices, axis, batchDims);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const places = graph.rows(indices);
  indices.storage.below = x.shape[axis];
  return graph.value(graph.node('Gather', [graph.rows(x), unsigned(graph, places)], { axis }), shape, x.storage.type);
};

/**
 * Adds row i of x to row segmentIds[i] of the result: the gradient of a gather. Rows of ids that are no segment are left out;
 * there are none where a gather has read by the same ids, which ends the run at such a one.
 */
const segmentSum: Lowering = (graph, call) => {
  const x = call.input('x');
  const ids = call.input('segmentIds');
  const segments = call.attribute<number>('numSegments');
  const rows = elements(ids.shape);
  const shape = [segments, ...x.shape.slice(ids.shape.length)];
  const type = x.storage.type === 'float32' ? 'float32' : 'int32';
  if (elements(x.shape) === 0) return graph.splat(0, shape, type);
  const width = elements(x.shape) / rows;
  const isKnown = ids.storage.below !== undefined && ids.storage.below <= segments;
  let index = graph.rows(ids, [rows, 1]);
  let values = graph.rows(x, [rows, width]);
  if (x.storage.type !== type) values = castTo(graph, values, type);
  if (!isKnown) {
    const zero = graph.scalar(0, 'int32');
    const inside = [
      graph.node('GreaterOrEqual', [index, zero]),
      graph.node('Less', [index, graph.scalar(segments, 'int32')]),
    ];
    const isSegment = graph.node('And', inside);
    index = graph.node('Where', [isSegment, index, zero]);
    values = graph.node('Where', [isSegment, values, graph.scalar(0, type)]);
  }
  const places = graph.node('Cast', [index], { to: 7 });
  const zeros = graph.node('Expand', [graph.scalar(0, type), graph.int64([segments, width])]);
  const name = graph.node('ScatterND', [zeros, places, values], { reduction: 'add' });
  return reshaped(graph.value(name, [segments, width], type), shape);
};

const oneHot: Lowering = (graph, call) => {
  const indices = call.input('indices');
  const depth = call.attribute<number>('depth');
  const type = elementTypeOf(call.kernel, call.attribute('dtype', 'float32'));
  const range = graph.tensor(
    Int32Array.from({ length: depth }, (_, i) => i),
    [depth],
    'int32',
  );
  const hot = graph.node('Equal', [graph.rows(indices, [...indices.shape, 1]), range]);
  const shape = [...indices.shape, depth];
  const [on, off] = [call.attribute('onValue', 1), call.attribute('offValue', 0)];
  if (on !== 1 || off !== 0) {
    const values = [on, off].map((value) => graph.scalar(storedAs(value, type), type));
    return graph.value(chosen(graph, type, hot, values[0]!, values[1]!), shape, type);
  }
  return graph.value(castTo(graph, hot, type), shape, type);
};

const identity: Lowering = (_, call) => call.input('x');

export const shapeLowerings: Lowerings = {
  BroadcastTo: broadcastTo,
  Concat: concat,
  ExpandDims: expandDims,
  GatherV2: gather,
  Identity: identity,
  OneHot: oneHot,
  Pack: pack,
  PadV2: padV2,
  Reshape: reshape,
  Reverse: reverse,
  Slice: slice,
  SplitV: splitV,
  Tile: tile,
  Transpose: transpose,
  Unpack: unpack,
  UnsortedSegmentSum: segmentSum,
};
