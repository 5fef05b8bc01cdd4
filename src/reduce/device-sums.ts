/** Sums over gradients that stay on a device, as graphs: what threads do with kernels where gradients are here. */
import { gradientName } from '../engine/onnx/names.js';
import { encodeModel, type OnnxNode, type OnnxPort } from '../engine/onnx/proto.js';
import type { SlabLayout } from '../model/slab.js';

const port = (name: string, shape: readonly number[]): OnnxPort => ({ name, type: 'float32', shape });
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Names of the two slots whose sum `addition` makes, and of the sum, for each tensor up to `layout.state`. */
export const additionNames = (index: number) => ({ to: `to${index}`, from: `from${index}`, sum: `sum${index}` });

/** An encoded model: the sum of two slots, tensor by tensor, each of one axis. */
export function addition({ tensors, state }: SlabLayout): Uint8Array {
  const summed = tensors.filter(({ offset }) => offset < state).map(({ size }, i) => ({ size, ...additionNames(i) }));
  return encodeModel({
    nodes: summed.map(({ to, from, sum }) => ({ op: 'Add', inputs: [to, from], outputs: [sum], attributes: {} })),
    inputs: summed.flatMap(({ to, from, size }) => [port(to, [size]), port(from, [size])]),
    outputs: summed.map(({ sum, size }) => port(sum, [size])),
    constants: [],
  });
}

/** In what shape `figures` reads a gradient: rows are added up side by side. */
export function figuresShape({ shape, size }: { readonly shape: readonly number[]; readonly size: number }) {
  const columns = shape.length > 1 ? shape.at(-1)! : size;
  return [size / columns, columns] as const;
}

export const figuresName = 'figures';
/** Inputs of `figures` beside gradients: of each shard its loss and, where it has one, its divisor. */
export const figureNames = (shards: number, divisors: boolean): string[] => [
  ...upTo(shards).map((shard) => `loss${shard}`),
  ...(divisors ? upTo(shards).map((shard) => `divisor${shard}`) : []),
];

/**
 * An encoded model: all that is to be known of a step, in one tensor that is fetched at once: of each trainable tensor the sum of the
 * squares of its gradient, then what `figureNames` lists.
 */
export function figures({ tensors, trainable }: SlabLayout, others: readonly string[]): Uint8Array {
  const nodes: OnnxNode[] = [];
  const inputs: OnnxPort[] = [];
  const squares = tensors
    .filter(({ offset }) => offset < trainable)
    .map((tensor, i) => {
      const [rows, columns] = figuresShape(tensor);
      const [given, ofRows, of] = [gradientName(i), `rows${i}`, `squares${i}`];
      inputs.push(port(given, [rows, columns]));
      const isOne = rows === 1;
      const attributes = { axes: [1], keepdims: 0 };
      nodes.push({ op: 'ReduceSumSquare', inputs: [given], outputs: [isOne ? of : ofRows], attributes });
      if (isOne) return of;
      // As steps add up losses, so that a device has one shader for both.
      nodes.push({ op: 'ReduceSum', inputs: [ofRows, 'first'], outputs: [`sum${i}`], attributes: { keepdims: 0 } });
      nodes.push({ op: 'Reshape', inputs: [`sum${i}`, 'one'], outputs: [of], attributes: {} });
      return of;
    });
  inputs.push(...others.map((name) => port(name, [1])));
  const all = [...squares, ...others];
  nodes.push({ op: 'Concat', inputs: all, outputs: [figuresName], attributes: { axis: 0 } });
  const whole = (name: string, value: bigint) => ({
    ...{ name, type: 'int64' as const, shape: [1] },
    data: BigInt64Array.of(value),
  });
  const constants = [whole('first', 0n), whole('one', 1n)];
  return encodeModel({ nodes, inputs, outputs: [port(figuresName, [all.length])], constants });
}
