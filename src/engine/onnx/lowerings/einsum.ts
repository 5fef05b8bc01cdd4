/** Einsum of one tensor or two, which is all that tfjs has: a sum along named axes, or one matrix product. */
import tf = require('@tensorflow/tfjs-core');

import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import type { Lowering, Lowerings } from './lowering.js';
import { permuted, seenAs } from './pieces.js';

/** A value whose axes have names: their numbers in the equation. */
interface Term {
  readonly value: StoredValue;
  readonly axes: readonly number[];
}

/** Sums over the axes that nobody needs. */
function summed(graph: GraphBuilder, { value, axes }: Term, needed: ReadonlySet<number>): Term {
  const gone = axes.map((_, i) => i).filter((i) => !needed.has(axes[i]!));
  if (gone.length === 0) return { value, axes };
  const kept = axes.map((_, i) => i).filter((i) => !gone.includes(i));
  const name = graph.node('ReduceSum', [graph.rows(value), graph.int64(gone)], { keepdims: 0 });
  return {
    value: graph.value(
      name,
      kept.map((i) => value.shape[i]!),
      value.storage.type,
    ),
    axes: kept.map((i) => axes[i]!),
  };
}

/** The term with its axes in the order of `groups`, each of which becomes one axis. */
function grouped(graph: GraphBuilder, { value, axes }: Term, groups: readonly (readonly number[])[]): string {
  const sizes = groups.map((group) => elements(group.map((axis) => value.shape[axes.indexOf(axis)]!)));
  return graph.rows(
    permuted(
      graph,
      value,
      groups.flat().map((axis) => axes.indexOf(axis)),
    ),
    sizes,
  );
}

function product(graph: GraphBuilder, a: Term, b: Term, needed: ReadonlySet<number>): Term {
  const [left, right] = [new Set([...needed, ...b.axes]), new Set([...needed, ...a.axes])];
  [a, b] = [summed(graph, a, left), summed(graph, b, right)];
  const common = a.axes.filter((axis) => b.axes.includes(axis));
  const batch = common.filter((axis) => needed.has(axis));
  const inner = common.filter((axis) => !needed.has(axis));
  const [rows, columns] = [a, b].map(({ axes }) => axes.filter((axis) => !common.includes(axis))) as [
    number[],
    number[],
  ];
  const name = graph.node('MatMul', [
    grouped(graph, a, [batch, rows, inner]),
    grouped(graph, b, [batch, inner, columns]),
  ]);
  const axes = [...batch, ...rows, ...columns];
  const sizeOf = (axis: number) =>
    [a, b].map(({ value, axes: own }) => value.shape[own.indexOf(axis)]).find((n) => n !== undefined)!;
  const sizes = [batch, rows, columns].map((group) => elements(group.map(sizeOf)));
  return { value: seenAs(graph.value(name, sizes, a.value.storage.type), axes.map(sizeOf)), axes };
}

const einsum: Lowering = (graph, call) => {
  const inputs = call.list('tensors');
  const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(
    call.attribute('equation'),
    inputs.length,
  );
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, inputs as unknown as tf.Tensor[]);
  // The axes of the result come first.
  const output = allDims.slice(0, allDims.length - summedDims.length).map((_, axis) => axis);
  const needed = new Set(output);
  const [first, second] = inputs.map((value, i): Term => ({ value, axes: idDims[i]! }));
  const { value, axes } = second ? product(graph, first!, second, needed) : summed(graph, first!, needed);
  return permuted(
    graph,
    value,
    output.map((axis) => axes.indexOf(axis)),
  );
};

export const einsumLowerings: Lowerings = { Einsum: einsum };
