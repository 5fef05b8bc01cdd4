/** The gradient of max pooling (kernels/assembly/max-pool-gradient.ts) in operators of ONNX, for devices. */
import { kernelDomain } from '../graph.js';
import type { NodeWriter } from './node-writer.js';
import type { Rule } from './rewrite.js';

/** Less than all numbers, and still one: a convolution multiplies it by zero. */
const least = -3.4e38;
const floatCode = 1;
const alongWindow = { attributes: { axes: [1], keepdims: 1 } };

/** One filter for each place of a window, with a one there. */
function placesOf(writer: NodeWriter, height: number, width: number): string {
  const count = height * width;
  const ones = Array.from({ length: count * count }, (_, i) => Number(i % count === Math.floor(i / count)));
  return writer.floats(ones, [count, 1, height, width]);
}

/** [planes, 1, from...] cut and filled up with `filler` to [planes, 1, to...], beginning at `start`, which may be before its first. */
function fitted(
  writer: NodeWriter,
  name: string,
  from: readonly [number, number],
  start: readonly [number, number],
  to: readonly [number, number],
  planes: number,
  filler: number,
): string {
  const first = start.map((at) => Math.max(0, at));
  const last = from.map((size, i) => Math.min(size, start[i]! + to[i]!));
  const kept = last.map((end, i) => end - first[i]!);
  const cut = writer.node(
    'Slice',
    [name, writer.int64(first), writer.int64(last), writer.int64([2, 3])],
    [planes, 1, ...kept],
  );
  const before = start.map((at) => Math.max(0, -at));
  const after = to.map((size, i) => size - kept[i]! - before[i]!);
  if ([...before, ...after].every((pad) => pad === 0)) return cut;
  return writer.node(
    'Pad',
    [cut, writer.int64([0, 0, ...before, 0, 0, ...after]), writer.float(filler)],
    [planes, 1, ...to],
  );
}

/** dy goes to the first of the greatest elements of each window, and adds up where windows overlap. */
export const pooledGradients: Rule = {
  name: 'pooled gradients',
  apply({ op, domain, inputs, outputs, attributes }, around, writer) {
    if (op !== 'maxPoolGradient' || domain !== kernelDomain) return false;
    type Numbers = [number, number, number, number, number, number, number, number, number, number, number, number];
    const [planes, h, w, outH, outW, height, width, strideH, strideW, top, left, positive] =
      attributes.numbers as Numbers;
    const covered = [(outH - 1) * strideH + height, (outW - 1) * strideW + width] as const;
    const count = height * width;
    const windows = [planes, count, outH, outW];
    const single = [planes, 1, outH, outW];
    const window = { attributes: { kernel_shape: [height, width], strides: [strideH, strideW] } };
    const x = writer.seenAs(inputs[0]!, [planes, 1, h, w]);
    const places = placesOf(writer, height, width);
    const all = fitted(writer, x, [h, w], [-top, -left], covered, planes, least);
    const seen = writer.node('Conv', [all, places], windows, window);
    const asFloats = (name: string, shape: readonly number[]) =>
      writer.node('Cast', [name], shape, { attributes: { to: floatCode } });
    const equal = (a: string, b: string) => asFloats(writer.node('Equal', [a, b], windows, { type: 'bool' }), windows);
    const greatest = writer.node('ReduceMax', [seen], single, alongWindow);
    // The first of those that are as great counts down the highest.
    const down = writer.floats(
      Array.from({ length: count }, (_, i) => count - i),
      [1, count, 1, 1],
    );
    const ranks = writer.node('Mul', [equal(seen, greatest), down], windows);
    const chosen = equal(ranks, writer.node('ReduceMax', [ranks], single, alongWindow));
    let dy = writer.seenAs(inputs[1]!, single);
    if (positive === 1) {
      const above = writer.node('Greater', [greatest, writer.float(0)], single, { type: 'bool' });
      dy = writer.node('Mul', [dy, asFloats(above, single)], single);
    }
    const shares = writer.node('Mul', [chosen, dy], windows);
    const spread = writer.node('ConvTranspose', [shares, places], [planes, 1, ...covered], window);
    const dx = fitted(writer, spread, covered, [top, left], [h, w], planes, 0);
    const shape = around.shape(outputs[0]!)!;
    writer.node('Reshape', [dx, writer.int64(shape)], shape, { to: outputs[0] });
    return true;
  },
};
