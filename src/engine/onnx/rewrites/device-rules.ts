/**
 * What a graph is changed to for a device: operators of ONNX in the place of our kernels, which run on the processor, and of those that
 * ONNX Runtime's provider for WebGPU does not have, or computes in an order that changes from run to run.
 */
import { elements } from '../../../ground/elements.js';
import { kernelDomain } from '../graph.js';
import { elementTypeCode } from '../proto.js';
import { composedAttentions } from './composed-attention.js';
import { composedNormalizationGradients } from './composed-gradients.js';
import type { NodeWriter } from './node-writer.js';
import { pooledGradients } from './pooled-gradients.js';
import type { Rule } from './rewrite.js';
import { composedActivations } from './share-activations.js';
import { transposedVolumes } from './transposed-volumes.js';

const over = (axis: number) => ({ attributes: { axes: [axis], keepdims: 1 } });
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Ones where a class stands in its row. @param classes floats, [rows, 1] */
function oneHot(writer: NodeWriter, classes: string, rows: number, columns: number): string {
  const all = writer.floats(upTo(columns), [1, columns]);
  const equal = writer.node('Equal', [classes, all], [rows, columns], { type: 'bool' });
  return writer.node('Cast', [equal], [rows, columns], { attributes: { to: elementTypeCode.float32 } });
}

/** Cross-entropy of softmax on class indices, and its gradient (kernels/assembly/cross-entropy.ts). */
const composedCrossEntropy: Rule = {
  name: 'composed cross-entropy',
  apply({ op, domain, inputs, outputs, attributes }, _, writer) {
    if (domain !== kernelDomain || !/^crossEntropy(Gradient)?$/.test(op)) return false;
    const [rows, columns] = attributes.numbers as [number, number];
    const [whole, one, flat] = [[rows, columns], [rows, 1], [rows]];
    const x = writer.seenAs(inputs[0]!, whole);
    const ones = oneHot(writer, writer.seenAs(inputs[1]!, one), rows, columns);
    // A target that is no class has no loss and no gradient.
    const counts = writer.node('ReduceMax', [ones], one, over(-1));
    const given = (i: number) => writer.seenAs(inputs[i]!, one);
    const greatest = inputs[2] === undefined ? writer.node('ReduceMax', [x], one, over(-1)) : given(2);
    const powers = writer.node('Exp', [writer.node('Sub', [x, greatest], whole)], whole);
    if (op === 'crossEntropyGradient') {
      const shares = writer.node('Div', [powers, given(3)], whole);
      const factor = writer.node('Mul', [given(4), counts], one);
      writer.node('Mul', [writer.node('Sub', [shares, ones], whole), factor], whole, { to: outputs[0] });
      return true;
    }
    const summed = (name: string) =>
      writer.node('ReduceSum', [name, writer.int64([-1])], one, { attributes: { keepdims: 1 } });
    const put = (name: string, to: string) => writer.node('Reshape', [name, writer.int64(flat)], flat, { to });
    const below = writer.node('Sub', [greatest, summed(writer.node('Mul', [x, ones], whole))], one);
    const others = writer.node('Sub', [writer.float(1), counts], one);
    const sums = writer.node('Add', [writer.node('Mul', [summed(powers), counts], one), others], one);
    put(greatest, outputs[0]!);
    put(writer.node('Mul', [below, counts], one), outputs[1]!);
    put(sums, outputs[2]!);
    return true;
  },
};

/** Rows added up at places, as the gradient of an embedding is: a product, whose order is fixed where sums of ScatterND race. */
const orderedScatter: Rule = {
  name: 'ordered sums at places',
  apply({ op, inputs, outputs, attributes }, around, writer) {
    if (op !== 'ScatterND' || attributes.reduction !== 'add') return false;
    const [, places, updates] = inputs as [string, string, string];
    const cast = around.maker(places)?.op === 'Cast' ? around.maker(places)!.inputs[0]! : places;
    const [count, depth] = around.shape(places) ?? around.shape(cast) ?? [];
    const shape = around.shape(outputs[0]!);
    if (count === undefined || depth !== 1 || !shape) return false;
    const [length, ...rest] = shape as [number, ...number[]];
    const columns = elements(rest);
    const classes = writer.node('Cast', [cast], [count, 1], { attributes: { to: elementTypeCode.float32 } });
    const rows = writer.seenAs(updates, [count, columns]);
    const inputsOf = [oneHot(writer, classes, count, length), rows];
    const sum = writer.node('Gemm', inputsOf, [length, columns], { attributes: { transA: 1 } });
    writer.node('Reshape', [sum, writer.int64(shape)], shape, { to: outputs[0] });
    return true;
  },
};

/** Only ONNX Runtime's own domain has a product that transposes its factors. */
const plainProduct: Rule = {
  name: 'plain product',
  apply({ op, inputs, outputs, attributes }, around, writer) {
    if (op !== 'FusedMatMul') return false;
    const shapes = inputs.map((name) => around.shape(name));
    const shape = around.shape(outputs[0]!);
    const known = ['transA', 'transB'];
    if (!shape || shapes.some((each) => !each) || Object.keys(attributes).some((name) => !known.includes(name)))
      return false;
    const factors = inputs.map((name, i) => {
      if (attributes[known[i]!] !== 1) return name;
      const own = shapes[i]!;
      const perm = [...upTo(own.length - 2), own.length - 1, own.length - 2];
      return writer.node(
        'Transpose',
        [name],
        perm.map((axis) => own[axis]!),
        { attributes: { perm } },
      );
    });
    writer.node('MatMul', factors, shape, { to: outputs[0] });
    return true;
  },
};

/** Along the last axis. */
const plainLogSoftmax: Rule = {
  name: 'plain log softmax',
  apply({ op, inputs, outputs }, around, writer) {
    if (op !== 'LogSoftmax') return false;
    const shape = around.shape(outputs[0]!);
    if (!shape) return false;
    const one = [...shape.slice(0, -1), 1];
    const axis = { attributes: { keepdims: 1 } };
    const below = writer.node('Sub', [inputs[0]!, writer.node('ReduceMax', inputs, one, over(-1))], shape);
    const sums = writer.node('ReduceSum', [writer.node('Exp', [below], shape), writer.int64([-1])], one, axis);
    writer.node('Sub', [below, writer.node('Log', [sums], one)], shape, { to: outputs[0] });
    return true;
  },
};

/** What the provider does not have, of one input and the same shape: by what it has. */
const composedUnary: Rule = {
  name: 'composed functions of one number',
  apply({ op, inputs, outputs, attributes }, around, writer) {
    const [x, to] = [inputs[0]!, outputs[0]!];
    const shape = around.shape(to);
    if (!shape || !['IsNaN', 'Selu', 'Sign'].includes(op)) return false;
    const bool = (name: string, of: readonly string[], to?: string) =>
      writer.node(name, of, shape, { type: 'bool', to });
    const number = (name: string) =>
      writer.node('Cast', [name], shape, { attributes: { to: elementTypeCode.float32 } });
    const zero = writer.float(0);
    if (op === 'IsNaN') bool('Not', [bool('Equal', [x, x])], to);
    else if (op === 'Sign') {
      const [above, below] = [number(bool('Greater', [x, zero])), number(bool('Less', [x, zero]))];
      writer.node('Sub', [above, below], shape, { to });
    } else {
      const [scale, alpha] = ['gamma', 'alpha'].map((name) => (attributes[name] as { float: number }).float) as [
        number,
        number,
      ];
      const less = writer.node('Sub', [writer.node('Exp', [x], shape), writer.float(1)], shape);
      const below = writer.node('Mul', [less, writer.float(scale * alpha)], shape);
      const above = writer.node('Mul', [x, writer.float(scale)], shape);
      writer.node('Where', [bool('Greater', [x, zero]), above, below], shape, { to });
    }
    return true;
  },
};

export const deviceRules: readonly Rule[] = [
  composedActivations,
  composedNormalizationGradients,
  composedAttentions,
  composedCrossEntropy,
  ...pooledGradients,
  transposedVolumes,
  orderedScatter,
  plainProduct,
  plainLogSoftmax,
  composedUnary,
];
