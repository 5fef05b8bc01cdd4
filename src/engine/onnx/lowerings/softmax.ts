/** Lowerings of softmax and log softmax. */
import type { GraphBuilder } from '../graph.js';
import type { KernelCall, Lowering, Lowerings } from './lowering.js';

/** ONNX's Softmax along the last axis; tfjs allows no other. */
const softmax =
  (op: 'Softmax' | 'LogSoftmax'): Lowering =>
  (graph: GraphBuilder, call: KernelCall) => {
    const x = call.input('logits');
    return graph.value(graph.node(op, [graph.rows(x)], { axis: -1 }), x.shape);
  };

export const softmaxLowerings: Lowerings = { LogSoftmax: softmax('LogSoftmax'), Softmax: softmax('Softmax') };
