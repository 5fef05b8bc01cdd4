/** Transposed convolutions of volumes as plain ones: the provider for WebGPU takes those of images alone, and says so as it runs. */
import { elements } from '../../../ground/elements.js';
import type { NodeWriter } from './node-writer.js';
import { fitted } from './pooled-gradients.js';
import type { Rule } from './rewrite.js';

/** A tensor with stride - 1 zeros behind each element of an axis. */
function spreadAlong(writer: NodeWriter, name: string, shape: readonly number[], axis: number, stride: number): string {
  if (stride === 1) return name;
  const spread = shape.map((size, i) => (i === axis ? size * stride : size));
  const outer = elements(shape.slice(0, axis + 1));
  const rest = elements(shape.slice(axis + 1));
  const pads = writer.int64([0, 0, 0, 0, stride - 1, 0]);
  const rows = writer.seenAs(name, [outer, 1, rest]);
  return writer.seenAs(writer.node('Pad', [rows, pads, writer.float(0)], [outer, stride, rest]), spread);
}

/** A filter [in, out, ...] as [out, in, ...], mirrored along all of its axes. */
function turned(writer: NodeWriter, name: string, shape: readonly number[]): string {
  const [ins, outs, ...kernel] = shape as [number, number, ...number[]];
  const [starts, ends, axes, steps] = [
    kernel.map(() => -1),
    kernel.map((size) => -size - 1),
    kernel.map((_, i) => i + 2),
    kernel.map(() => -1),
  ].map((list) => writer.int64(list));
  const mirrored = writer.node('Slice', [name, starts!, ends!, axes!, steps!], shape);
  const perm = [1, 0, ...kernel.map((_, i) => i + 2)];
  return writer.node('Transpose', [mirrored], [outs, ins, ...kernel], { attributes: { perm } });
}

/** What lowerings of volumes make of gradients: all of their attributes but group, which is one. */
export const transposedVolumes: Rule = {
  name: 'transposed convolutions of volumes',
  apply({ op, inputs, outputs, attributes }, _, writer) {
    const [x, filter] = inputs as [string, string];
    const [size, shape] = [writer.shape(x), writer.shapeOfAny(filter)];
    if (op !== 'ConvTranspose' || !size || !shape || size.length < 5 || attributes.group !== undefined) return false;
    const [n, ins, ...from] = size as [number, number, ...number[]];
    const [, outs, ...kernel] = shape as [number, number, ...number[]];
    const perAxis = (name: string, fallback: number) =>
      (attributes[name] as readonly number[] | undefined) ?? from.map(() => fallback);
    const [strides, dilations, extra] = [perAxis('strides', 1), perAxis('dilations', 1), perAxis('output_padding', 0)];
    const pads = (attributes.pads as readonly number[] | undefined) ?? [...from, ...from].map(() => 0);
    const reach = kernel.map((length, i) => (length - 1) * dilations[i]!);
    let spread = x;
    const sizes = [...from];
    for (const [i, stride] of strides.entries()) {
      spread = spreadAlong(writer, spread, [n, ins, ...sizes], i + 2, stride);
      sizes[i] = sizes[i]! * stride;
    }
    const to = from.map((length, i) => {
      const padded = pads[i]! + pads[i + from.length]!;
      return (length - 1) * strides[i]! + reach[i]! + 1 - padded + extra[i]!;
    });
    const needed = to.map((length, i) => length + reach[i]!);
    const start = reach.map((length, i) => pads[i]! - length);
    const all = fitted(writer, spread, sizes, start, needed, [n, ins], 0);
    const plain = { attributes: { kernel_shape: kernel, dilations }, to: outputs[0] };
    writer.node('Conv', [all, turned(writer, filter, shape)], [n, outs, ...to], plain);
    return true;
  },
};
