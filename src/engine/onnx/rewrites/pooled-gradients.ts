/** The gradient of max pooling (kernels/assembly/max-pool-gradient.ts) in operators of ONNX, for devices. */
import { elements } from '../../../ground/elements.js';
import { kernelDomain } from '../graph.js';
import { elementTypeCode, type OnnxNode } from '../proto.js';
import type { NodeWriter } from './node-writer.js';
import type { NodesAround, Rule } from './rewrite.js';

/** Less than all numbers, and still one: a convolution multiplies it by zero. */
const least = -3.4e38;
const alongWindow = { attributes: { axes: [1], keepdims: 1 } };

/** Of one plane, an entry for each axis. */
interface Pooling {
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Padding before the first place. */
  readonly before: readonly number[];
}

/** One filter for each place of a window, with a one there. */
function placesOf(writer: NodeWriter, kernel: readonly number[]): string {
  const count = elements(kernel);
  const ones = Array.from({ length: count * count }, (_, i) => Number(i % count === Math.floor(i / count)));
  return writer.floats(ones, [count, 1, ...kernel]);
}

/**
 * A tensor [n, c, from...] cut and filled up with `filler` to [n, c, to...], beginning at `start`, which may be before its first.
 * @param outer n and c
 */
export function fitted(
  writer: NodeWriter,
  name: string,
  from: readonly number[],
  start: readonly number[],
  to: readonly number[],
  outer: readonly [number, number],
  filler: number,
): string {
  const first = start.map((at) => Math.max(0, at));
  const last = from.map((size, i) => Math.min(size, start[i]! + to[i]!));
  const kept = last.map((end, i) => end - first[i]!);
  const axes = from.map((_, i) => i + 2);
  const cut = kept.every((size, i) => size === from[i])
    ? name
    : writer.node('Slice', [name, writer.int64(first), writer.int64(last), writer.int64(axes)], [...outer, ...kept]);
  const before = start.map((at) => Math.max(0, -at));
  const after = to.map((size, i) => size - kept[i]! - before[i]!);
  if ([...before, ...after].every((pad) => pad === 0)) return cut;
  return writer.node(
    'Pad',
    [cut, writer.int64([0, 0, ...before, 0, 0, ...after]), writer.float(filler)],
    [...outer, ...to],
  );
}

/** dy goes to the first of the greatest elements of each window, and adds up where windows overlap. @param x and dy, of planes */
function pooledGradient(
  writer: NodeWriter,
  [x, dy]: readonly [string, string],
  planes: number,
  { from, to, kernel, strides, before }: Pooling,
  isPositive: boolean,
): string {
  const outer = [planes, 1] as const;
  const covered = to.map((size, i) => (size - 1) * strides[i]! + kernel[i]!);
  const count = elements(kernel);
  const windows = [planes, count, ...to];
  const single = [...outer, ...to];
  const window = { attributes: { kernel_shape: kernel, strides } };
  const places = placesOf(writer, kernel);
  const start = before.map((pad) => -pad);
  const all = fitted(writer, writer.seenAs(x, [...outer, ...from]), from, start, covered, outer, least);
  const seen = writer.node('Conv', [all, places], windows, window);
  const asFloats = (name: string, shape: readonly number[]) =>
    writer.node('Cast', [name], shape, { attributes: { to: elementTypeCode.float32 } });
  const equal = (a: string, b: string) => asFloats(writer.node('Equal', [a, b], windows, { type: 'bool' }), windows);
  const greatest = writer.node('ReduceMax', [seen], single, alongWindow);
  // The first of those that are as great counts down the highest.
  const down = writer.floats(
    Array.from({ length: count }, (_, i) => count - i),
    [1, count, ...to.map(() => 1)],
  );
  const ranks = writer.node('Mul', [equal(seen, greatest), down], windows);
  const chosen = equal(ranks, writer.node('ReduceMax', [ranks], single, alongWindow));
  let gradient = writer.seenAs(dy, single);
  if (isPositive) {
    const above = writer.node('Greater', [greatest, writer.float(0)], single, { type: 'bool' });
    gradient = writer.node('Mul', [gradient, asFloats(above, single)], single);
  }
  const shares = writer.node('Mul', [chosen, gradient], windows);
  const spread = writer.node('ConvTranspose', [shares, places], [...outer, ...covered], window);
  return fitted(writer, spread, covered, before, from, outer, 0);
}

const ofKernel: Rule = {
  name: 'pooled gradients',
  apply({ op, domain, inputs, outputs, attributes }, around, writer) {
    if (op !== 'maxPoolGradient' || domain !== kernelDomain) return false;
    const [planes, ...numbers] = attributes.numbers as number[];
    const [from, to, kernel, strides, before] = [0, 2, 4, 6, 8].map((at) => numbers.slice(at, at + 2));
    const pooling = { from: from!, to: to!, kernel: kernel!, strides: strides!, before: before! };
    const dx = pooledGradient(writer, [inputs[0]!, inputs[1]!], planes!, pooling, numbers[10] === 1);
    const shape = around.shape(outputs[0]!)!;
    writer.node('Reshape', [dx, writer.int64(shape)], shape, { to: outputs[0] });
    return true;
  },
};

/** The node that found the places of the greatest, if that is what they are. */
function poolingOf(name: string, around: NodesAround): OnnxNode | undefined {
  const maker = around.maker(name);
  if (maker?.op === 'Reshape') return poolingOf(maker.inputs[0]!, around);
  return maker?.op === 'MaxPool' && maker.outputs[1] === name ? maker : undefined;
}

/** The same in three dimensions, which is lowered to sums at the places that MaxPool tells, as devices do not. */
const ofVolumes: Rule = {
  name: 'pooled gradients of volumes',
  apply({ op, inputs, outputs }, around, writer) {
    const maker = op === 'ScatterElements' ? poolingOf(inputs[1]!, around) : undefined;
    if (!maker) return false;
    const { kernel_shape: kernel, strides, pads } = maker.attributes as Record<string, readonly number[]>;
    const size = around.shape(maker.inputs[0]!);
    if (!size) return false;
    const [n, c, ...from] = size as [number, number, ...number[]];
    const before = pads!.slice(0, from.length);
    const to = from.map((length, i) => {
      const padded = length + before[i]! + pads![i + from.length]!;
      return Math.floor((padded - kernel![i]!) / strides![i]!) + 1;
    });
    const pooling = { from, to, kernel: kernel!, strides: strides!, before };
    const dx = pooledGradient(writer, [maker.inputs[0]!, inputs[2]!], n * c, pooling, false);
    const flat = [elements(size)];
    writer.node('Reshape', [dx, writer.int64(flat)], flat, { to: outputs[0] });
    return true;
  },
};

export const pooledGradients: readonly Rule[] = [ofKernel, ofVolumes];
