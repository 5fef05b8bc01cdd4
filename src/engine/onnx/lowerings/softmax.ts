/** Lowerings of softmax and log softmax. */
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import type { KernelCall, Lowering, Lowerings } from './lowering.js';

/** ONNX's Softmax along the last axis; tfjs allows no other. */
const softmax =
  (op: 'Softmax' | 'LogSoftmax'): Lowering =>
  (graph: GraphBuilder, call: KernelCall) => {
    const x = call.input('logits');
    return graph.value(graph.node(op, [graph.rows(x)], { axis: -1 }), x.shape);
  };

/**
 * The log softmax that a subtraction completes: tfjs computes y - log(sum(exp(y))) step by step, with y = x - max(x). One node
 * takes the place of all steps.
 * @returns undefined where the subtraction is another one
 */
export function logSoftmaxOf(graph: GraphBuilder, call: KernelCall): StoredValue | undefined {
  const [a, b] = [call.input('a'), call.input('b')];
  const axis = a.shape.length - 1;
  const isLastAxis = a.shape[axis] > 1 && b.shape.join() === [...a.shape.slice(0, axis), 1].join();
  const [shifted, logs] = [a, b].map(({ storage, shape }) => storage.rows.get(shape.join()));
  if (!isLastAxis || shifted === undefined || logs === undefined) return undefined;
  /** Inputs of the node that made a tensor, if the node is an `op`. */
  const from = (name: string | undefined, op: string) => {
    const node = name === undefined ? undefined : graph.producer(name);
    return node?.op === op ? node.inputs : [];
  };
  const [exponent] = from(from(from(logs, 'Log')[0], 'ReduceSum')[0], 'Exp');
  const [x, most] = from(shifted, 'Sub');
  // The lowering of a maximum looks for NaN, hence the Where.
  const greatest = from(most, 'Where')[2];
  if (exponent !== shifted || x === undefined || from(greatest, 'ReduceMax')[0] !== x) return undefined;
  // What is subtracted must be the same along the last axis.
  if (String(graph.producer(greatest!)!.attributes.axes) !== String(axis)) return undefined;
  return graph.value(graph.node('LogSoftmax', [x], { axis: -1 }), a.shape);
}

export const softmaxLowerings: Lowerings = { LogSoftmax: softmax('LogSoftmax'), Softmax: softmax('Softmax') };
