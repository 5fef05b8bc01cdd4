/** What works element by element, in whichever memory layout its inputs already are. */
import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { ElementType } from '../proto.js';
import type { StoredValue } from '../storage.js';
import { broadcast, type KernelCall, unsupported } from './lowering.js';
import type { Emit } from './types.js';

/** Name of an operand that broadcasts against [N, C, H, W]. */
function channelsFirstOperand(graph: GraphBuilder, value: StoredValue): string {
  if (elements(value.shape) === 1) return graph.rows(value, []);
  const padded = [...Array(4 - value.shape.length).fill(1), ...value.shape];
  if (value.shape.length < 4) {
    const [, h, w, c] = padded as [number, number, number, number];
    if (h * w === 1) return graph.rows(value, [c, 1, 1]);
    return graph.channelsFirst(graph.value(graph.rows(value, padded), padded, value.storage.type));
  }
  return graph.channelsFirst(value);
}

function rowsOperand(graph: GraphBuilder, value: StoredValue): string {
  if (value.storage.splat !== undefined) return graph.scalar(value.storage.splat, value.storage.type);
  return graph.rows(value);
}

/** What a value is a broadcast of, where it has not been written out in another shape. */
const sourceOf = (x: StoredValue): StoredValue =>
  x.storage.spread?.shape.join() === x.shape.join() ? sourceOf(x.storage.spread.from) : x;

/** Applies `emit` to inputs that broadcast to `shape`; `type` is the element type of the result. */
export function elementwise(
  graph: GraphBuilder,
  inputs: readonly StoredValue[],
  emit: Emit,
  type?: ElementType,
): StoredValue {
  const shape = inputs.map((input) => input.shape).reduce(broadcast);
  const sources = inputs.map(sourceOf);
  if (sources.some((source, i) => source !== inputs[i])) {
    const small = sources.map((x) => (x.storage.splat === undefined ? x : { ...x, shape: [] }));
    return graph.spread(elementwise(graph, small, emit, type), shape);
  }
  const resultType = type ?? inputs[0]!.storage.type;
  // A scalar stands for a value that is the same everywhere, unless that would lose the result's shape.
  const shaped = inputs.some((x) => x.storage.splat === undefined && x.shape.join() === shape.join());
  const full = shape.join();
  if (inputs.some((x) => x.shape.join() === full && graph.prefersChannelsFirst(x))) {
    const names = inputs.map((x) =>
      x.storage.splat !== undefined ? graph.scalar(x.storage.splat, x.storage.type) : channelsFirstOperand(graph, x),
    );
    return graph.channelsFirstValue(emit(graph, ...names), shape, resultType);
  }
  const names = inputs.map((x) => (shaped ? rowsOperand(graph, x) : graph.rows(x)));
  return graph.value(emit(graph, ...names), shape, resultType);
}

export const operator =
  (op: string): Emit =>
  (graph, ...names) =>
    graph.node(op, names);

export const relu6: Emit = (graph, x) => graph.node('Clip', [x, graph.float(0), graph.float(6)]);

/** Activations that tfjs fuses into a matrix product or convolution when no gradient is asked for. */
export function activation(graph: GraphBuilder, value: StoredValue, call: KernelCall): StoredValue {
  const name = call.attribute<string | undefined>('activation') ?? 'linear';
  if (name === 'linear') return value;
  if (name === 'prelu') return elementwise(graph, [value, call.input('preluActivationWeights')], operator('PRelu'));
  const emits: Record<string, Emit> = {
    relu: operator('Relu'),
    relu6: relu6,
    elu: operator('Elu'),
    sigmoid: operator('Sigmoid'),
    leakyrelu: (g, x) => g.node('LeakyRelu', [x], { alpha: { float: call.attribute<number>('leakyreluAlpha') } }),
  };
  return elementwise(graph, [value], emits[name] ?? unsupported(call.kernel, `activation ${name}`));
}
