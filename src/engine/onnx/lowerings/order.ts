/** Lowering of what src/model/tfjs/after.ts says: ONNX has no order but that of data. */
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import type { Lowering, Lowerings } from './lowering.js';

/** Negative zero, which changes no number that it is added to, once `value` is there. */
function nothingAfter(graph: GraphBuilder, value: StoredValue): string {
  const flat = graph.rows(value, [value.shape.reduce((a, b) => a * b, 1)]);
  const first = graph.node('Slice', [flat, graph.int64([0]), graph.int64([1])]);
  const nothing = graph.float(-0);
  // Both are the same, which ONNX Runtime's optimizer does not ask.
  return graph.node('Where', [graph.node('IsNaN', [first]), nothing, nothing]);
}

const after: Lowering = (graph, call) => {
  const [x, ...done] = call.list('inputs') as [StoredValue, ...StoredValue[]];
  const nothing = done.map((value) => nothingAfter(graph, value)).reduce((a, b) => graph.node('Add', [a, b]));
  return graph.value(graph.node('Add', [graph.rows(x), nothing]), x.shape);
};

export const orderLowerings: Lowerings = { After: after };
