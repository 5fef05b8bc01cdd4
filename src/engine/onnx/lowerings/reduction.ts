/** Lowerings of kernels that reduce axes. */
import { elements } from '../../../ground/elements.js';
import { channelsFirstAxis, type GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { type Lowering, type Lowerings, normalAxes, reshaped } from './lowering.js';
import { castTo } from './types.js';

type ReduceOperator = 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin' | 'ReduceProd';
type Type = 'float32' | 'int32' | 'bool';

/** Axes on the transposed form, where reducing them leaves the same order of elements; undefined where it does not. */
function channelsFirstAxes(graph: GraphBuilder, x: StoredValue, axes: readonly number[]): number[] | undefined {
  if (!graph.prefersChannelsFirst(x)) return undefined;
  const kept = [0, 1, 2, 3].filter((axis) => !axes.includes(axis));
  const mixes = kept.includes(3) && (kept.includes(1) || kept.includes(2));
  return mixes ? undefined : axes.map((axis) => channelsFirstAxis[axis]!);
}

/** The type that a kernel reduces in, and that of its result: tfjs adds up booleans as integers, and means are floats. */
function typesOf(op: ReduceOperator, type: Type): { inner: 'float32' | 'int32'; outer: Type } {
  if (op === 'ReduceMean') return { inner: 'float32', outer: 'float32' };
  if (op === 'ReduceMax' || op === 'ReduceMin') return { inner: type === 'bool' ? 'int32' : type, outer: type };
  const summed = type === 'bool' ? 'int32' : type;
  return { inner: summed, outer: summed };
}

/** What tfjs makes of no elements. */
const ofNothing: Record<ReduceOperator, number> = {
  ReduceSum: 0,
  ReduceMean: 0,
  ReduceProd: 1,
  ReduceMax: Number.NaN,
  ReduceMin: Number.NaN,
};

/** The greatest or least is NaN where there is one. ONNX Runtime's may leave it out, depending on where it stands. */
const withNaN = (graph: GraphBuilder, x: string, reduced: string, attributes: { axes: number[]; keepdims: number }) =>
  graph.apart(() => {
    const found = graph.node('ReduceMax', [castTo(graph, graph.node('IsNaN', [x]), 'int32')], attributes);
    return graph.node('Where', [castTo(graph, found, 'bool'), graph.float(Number.NaN), reduced]);
  });

function reduce(op: ReduceOperator): Lowering {
  return (graph, call) => {
    const x = call.input('x');
    // Max and Min call their axes reductionIndices.
    const axes = normalAxes(call.attribute('axis', call.attribute<number[]>('reductionIndices')), x.shape.length);
    const shape = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
    const kept = x.shape.filter((_, i) => !axes.includes(i));
    const result = call.attribute<boolean>('keepDims') ? shape : kept;
    const type = x.storage.type as Type;
    const { inner, outer } = typesOf(op, type);
    if (elements(x.shape) === 0) return graph.splat(ofNothing[op], result, outer);
    // Nothing to add up: every reduced axis has length one.
    const isPassedOn = axes.every((axis) => x.shape[axis] === 1);
    if (isPassedOn && outer === type) return reshaped(x, result);
    const transposed = channelsFirstAxes(graph, x, axes);
    let name = transposed ? graph.channelsFirst(x) : graph.rows(x);
    if (inner !== type) name = castTo(graph, name, inner);
    if (isPassedOn && !transposed) return reshaped(graph.value(name, x.shape, outer), result);
    const along = transposed ?? axes;
    const keepdims = Number(!transposed && result === shape);
    let reduced =
      op === 'ReduceSum'
        ? graph.node(op, [name, graph.int64(along)], { keepdims })
        : graph.node(op, [name], { axes: along, keepdims });
    const ordered = op === 'ReduceMax' || op === 'ReduceMin';
    if (ordered && inner === 'float32') reduced = withNaN(graph, name, reduced, { axes: along, keepdims });
    if (outer !== inner) reduced = castTo(graph, reduced, outer);
    return reshaped(graph.value(reduced, keepdims ? shape : kept, outer), result);
  };
}

/** The index of the greatest or least number, the first of equals. tfjs passes over NaN, but not over one that comes first. */
const argument =
  (op: 'ArgMax' | 'ArgMin'): Lowering =>
  (graph, call) => {
    const x = call.input('x');
    const [axis] = normalAxes(call.attribute<number>('axis', 0), x.shape.length) as [number];
    const shape = x.shape.filter((_, i) => i !== axis);
    const name = x.storage.type === 'bool' ? castTo(graph, graph.rows(x), 'int32') : graph.rows(x);
    const indexOf = (of: string) => castTo(graph, graph.node(op, [of], { axis, keepdims: 0 }), 'int32');
    if (x.storage.type !== 'float32') return graph.value(indexOf(name), shape, 'int32');
    const worst = op === 'ArgMax' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    const absent = graph.node('IsNaN', [name]);
    const index = indexOf(graph.node('Where', [absent, graph.float(worst), name]));
    const ends = [0, 1, axis].map((value) => graph.int64([value]));
    const first = graph.node('Reshape', [graph.node('Slice', [absent, ...ends]), graph.int64(shape)]);
    return graph.value(graph.node('Where', [first, graph.scalar(0, 'int32'), index]), shape, 'int32');
  };

export const reduceLowerings: Lowerings = {
  ArgMax: argument('ArgMax'),
  ArgMin: argument('ArgMin'),
  Max: reduce('ReduceMax'),
  Mean: reduce('ReduceMean'),
  Min: reduce('ReduceMin'),
  Prod: reduce('ReduceProd'),
  Sum: reduce('ReduceSum'),
};
