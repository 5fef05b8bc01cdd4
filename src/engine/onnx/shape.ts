/** Lowerings of kernels that reduce, move or rearrange elements. */
import { elements } from '../../data/examples.js';
import { channelsFirstAxis, type GraphBuilder, type Value } from './graph.js';
import { batchGather } from './indexing.js';
import { type Lowering, type Lowerings, normalAxes } from './lowering.js';
import type { ElementType } from './proto.js';

const reshaped = (value: Value, shape: readonly number[]): Value => ({ storage: value.storage, shape });

/** Axes on the transposed form, where reducing them leaves the same order of elements; undefined where it does not. */
function channelsFirstAxes(graph: GraphBuilder, x: Value, axes: readonly number[]): number[] | undefined {
  if (!graph.prefersChannelsFirst(x)) return undefined;
  const kept = [0, 1, 2, 3].filter((axis) => !axes.includes(axis));
  const mixes = kept.includes(3) && (kept.includes(1) || kept.includes(2));
  return mixes ? undefined : axes.map((axis) => channelsFirstAxis[axis]!);
}

function reduce(op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin' | 'ReduceProd'): Lowering {
  return (graph, call) => {
    const x = call.input('x');
    // Max and Min call their axes reductionIndices.
    const wanted = call.attribute<number[] | undefined>('axis') ?? call.attribute<number[]>('reductionIndices');
    const axes = normalAxes(wanted, x.shape.length);
    const shape = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
    const result = call.attribute<boolean>('keepDims') ? shape : x.shape.filter((_, i) => !axes.includes(i));
    // Nothing to add up: every reduced axis has length one.
    if (axes.every((axis) => x.shape[axis] === 1)) return reshaped(x, result);
    // tfjs sums booleans as integers.
    const summed = x.storage.type === 'bool' ? 'int32' : x.storage.type;
    const transposed = channelsFirstAxes(graph, x, axes);
    let name = transposed ? graph.channelsFirst(x) : graph.rows(x);
    if (summed !== x.storage.type) name = graph.node('Cast', [name], { to: 6 });
    const along = transposed ?? axes;
    const keepdims = Number(!transposed && result === shape);
    const reducedName =
      op === 'ReduceSum'
        ? graph.node(op, [name, graph.int64(along)], { keepdims })
        : graph.node(op, [name], { axes: along, keepdims });
    const kept = x.shape.filter((_, i) => !axes.includes(i));
    return reshaped(graph.value(reducedName, keepdims ? shape : kept, summed), result);
  };
}

const argument =
  (op: 'ArgMax' | 'ArgMin'): Lowering =>
  (graph, call) => {
    const x = call.input('x');
    const [axis] = normalAxes(call.attribute('axis'), x.shape.length);
    const index = graph.node(op, [graph.rows(x)], { axis: axis!, keepdims: 0 });
    const shape = x.shape.filter((_, i) => i !== axis);
    return graph.value(graph.node('Cast', [index], { to: 6 }), shape, 'int32');
  };

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
  const perm = call.attribute<number[]>('perm');
  const shape = perm.map((axis) => x.shape[axis]!);
  return graph.value(graph.node('Transpose', [graph.rows(x)], { perm }), shape, x.storage.type);
};

/** Runs `emit` on the transposed form where the input has only that one; `axis` maps an axis to the form in use. */
function inEitherLayout(
  graph: GraphBuilder,
  inputs: readonly Value[],
  shape: readonly number[],
  emit: (names: string[], axis: (i: number) => number) => string,
): Value {
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
  const inputs = call.list('inputs').filter((x) => elements(x.shape) > 0);
  const first = inputs[0]!;
  const [axis] = normalAxes(call.attribute('axis'), first.shape.length);
  const shape = [...first.shape];
  shape[axis!] = inputs.reduce((sum, x) => sum + x.shape[axis!]!, 0);
  return inEitherLayout(graph, inputs, shape, (names, at) => graph.node('Concat', names, { axis: at(axis!) }));
};

export function sliceOf(graph: GraphBuilder, x: Value, begin: readonly number[], size: readonly number[]): Value {
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
  const begin = call.attribute<number[]>('begin');
  const size = call.attribute<number[]>('size');
  return sliceOf(
    graph,
    x,
    x.shape.map((_, i) => begin[i] ?? 0),
    x.shape.map((length, i) => {
      const wanted = size[i] ?? -1;
      return wanted === -1 ? length - (begin[i] ?? 0) : wanted;
    }),
  );
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

export function padded(graph: GraphBuilder, x: Value, paddings: readonly [number, number][], value: number): Value {
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
  return graph.value(graph.node('Tile', [graph.rows(x, from), graph.int64(times)]), shape, x.storage.type);
};

const broadcastTo: Lowering = (graph, call) => {
  const x = call.input('x');
  const shape = call.attribute<number[]>('shape');
  if (x.storage.splat !== undefined) return graph.splat(x.storage.splat, shape, x.storage.type);
  return graph.value(graph.node('Expand', [graph.rows(x), graph.int64(shape)]), shape, x.storage.type);
};

const reverse: Lowering = (graph, call) => {
  const x = call.input('x');
  const axes = normalAxes(call.attribute('dims'), x.shape.length);
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

const gather: Lowering = (graph, call) => {
  const x = call.input('x');
  const indices = call.input('indices');
  const axis = normalAxes(call.attribute('axis'), x.shape.length)[0]!;
  const wanted = call.attribute<number | undefined>('batchDims') ?? 0;
  const batchDims = wanted < 0 ? wanted + indices.shape.length : wanted;
  if (batchDims > 0) return batchGather(graph, x, indices, axis, batchDims);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return graph.value(graph.node('Gather', [graph.rows(x), graph.rows(indices)], { axis }), shape, x.storage.type);
};

/** Adds row i of x to row segmentIds[i] of the result: the gradient of a gather. */
const segmentSum: Lowering = (graph, call) => {
  const x = call.input('x');
  const ids = call.input('segmentIds');
  const segments = call.attribute<number>('numSegments');
  const width = elements(x.shape) / elements(ids.shape);
  const rows = elements(ids.shape);
  const index = graph.node('Cast', [graph.rows(ids, [rows, 1])], { to: 7 });
  const zeros = graph.node('Expand', [graph.float(0), graph.int64([segments, width])]);
  const name = graph.node('ScatterND', [zeros, index, graph.rows(x, [rows, width])], { reduction: 'add' });
  const flat = graph.value(name, [segments, width]);
  return reshaped(flat, [segments, ...x.shape.slice(ids.shape.length)]);
};

const oneHot: Lowering = (graph, call) => {
  const indices = call.input('indices');
  const depth = call.attribute<number>('depth');
  const dtype = (call.attribute<string | undefined>('dtype') ?? 'float32') as ElementType;
  const range = graph.tensor(
    Int32Array.from({ length: depth }, (_, i) => i),
    [depth],
    'int32',
  );
  const hot = graph.node('Equal', [graph.rows(indices, [...indices.shape, 1]), range]);
  const type = dtype === 'int32' ? 'int32' : 'float32';
  const shape = [...indices.shape, depth];
  const [on, off] = [call.attribute<number>('onValue'), call.attribute<number>('offValue')];
  if (on !== 1 || off !== 0) {
    const values = [graph.scalar(on, type), graph.scalar(off, type)];
    return graph.value(graph.node('Where', [hot, ...values]), shape, type);
  }
  const value = graph.node('Cast', [hot], { to: type === 'int32' ? 6 : 1 });
  return graph.value(value, shape, type);
};

const identity: Lowering = (_, call) => call.input('x');

export const shapeLowerings: Lowerings = {
  ArgMax: argument('ArgMax'),
  ArgMin: argument('ArgMin'),
  BroadcastTo: broadcastTo,
  Concat: concat,
  ExpandDims: expandDims,
  GatherV2: gather,
  Identity: identity,
  Max: reduce('ReduceMax'),
  Mean: reduce('ReduceMean'),
  Min: reduce('ReduceMin'),
  OneHot: oneHot,
  Pack: pack,
  PadV2: padV2,
  Prod: reduce('ReduceProd'),
  Reshape: reshape,
  Reverse: reverse,
  Slice: slice,
  SplitV: splitV,
  Sum: reduce('ReduceSum'),
  Tile: tile,
  Transpose: transpose,
  Unpack: unpack,
  UnsortedSegmentSum: segmentSum,
};
