/** Lowerings of softmax, log softmax, the shares of attention, and of the cross-entropy of softmax on class indices. */
import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { KernelCall, Lowering, Lowerings } from './lowering.js';
import { castRows } from './pieces.js';

/** ONNX's Softmax along the last axis; tfjs allows no other. */
const softmax =
  (op: 'Softmax' | 'LogSoftmax'): Lowering =>
  (graph: GraphBuilder, call: KernelCall) => {
    const x = call.input('logits');
    return graph.value(graph.node(op, [graph.rows(x)], { axis: -1 }), x.shape);
  };

/** What both kernels are given: logits as rows of classes, and class indices, as floats, of which each up to 2^24 is one. */
function classified(graph: GraphBuilder, call: KernelCall) {
  const [x, targets] = [call.input('logits'), call.input('targets')];
  const columns = x.shape.at(-1)!;
  const rows = x.shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const sizes: [number, number] = [rows, columns];
  const places = graph.rows(graph.value(castRows(graph, targets, 'float32', [rows]), [rows]));
  return { sizes, given: [graph.rows(x, sizes), places], shape: targets.shape };
}

/** The losses, and what the gradient needs: the greatest of each row, and the sum of the exponentials below it. */
const crossEntropy: Lowering = (graph, call) => {
  const { sizes, given, shape } = classified(graph, call);
  const each = [sizes[0]];
  const [greatest, below, sums] = graph.kernel('crossEntropy', given, [each, each, each], sizes) as [
    string,
    string,
    string,
  ];
  const losses = graph.node('Add', [below, graph.node('Log', [sums])]);
  return [losses, greatest, sums].map((name) => ({ storage: graph.value(name, each).storage, shape }));
};

const crossEntropyGradient: Lowering = (graph, call) => {
  const { sizes, given } = classified(graph, call);
  const more = ['greatest', 'sums', 'dy'].map((name) => graph.rows(call.input(name), [sizes[0]]));
  const [dx] = graph.kernel('crossEntropyGradient', [...given, ...more], [sizes], sizes) as [string];
  return [{ storage: graph.value(dx, sizes).storage, shape: call.input('logits').shape }];
};

/** By kernels of ours, of what is given and made in one shape (kernels/assembly/attention-shares.ts). */
const attention =
  (kernel: 'attentionShares' | 'attentionSlopes', ...inputs: readonly string[]): Lowering =>
  (graph, call) => {
    const given = inputs.map((name) => call.input(name));
    const { shape } = given[0]!;
    const [rows, keys] = shape.slice(-2) as [number, number];
    const numbers = [
      elements(shape.slice(0, -2)),
      rows,
      keys,
      call.attribute<number>('seen'),
      call.attribute<number>('size'),
      0,
    ];
    const [made] = graph.kernel(
      kernel,
      given.map((value) => graph.rows(value)),
      [shape],
      numbers,
    ) as [string];
    return graph.value(made, shape);
  };

export const softmaxLowerings: Lowerings = {
  AttentionShares: attention('attentionShares', 'scores'),
  AttentionSlopes: attention('attentionSlopes', 'shares', 'slopes'),
  LogSoftmax: softmax('LogSoftmax'),
  Softmax: softmax('Softmax'),
};

export const crossEntropyLowerings: Lowerings = {
  SoftmaxCrossEntropy: crossEntropy,
  SoftmaxCrossEntropyGrad: crossEntropyGradient,
};
