/**
 * Small matrix products as a device computes them soonest. ONNX Runtime's provider for WebGPU has long shaders for Gemm and MatMul, which multiply
 * by tiles, and one for each form of a product: how its factors are turned, whether columns come by fours, whether something is added. A driver in
 * software compiles one in 0.6 s, and a run waits for all of them before its first step. Einsum is a loop for each number of the result, in a
 * fixed order, whose shader is compiled in a hundredth of that.
 */
import { elements } from '../../../ground/elements.js';
import type { OnnxNode } from '../proto.js';
import type { NodeWriter } from './node-writer.js';
import type { NodesAround, Rule } from './rewrite.js';

/**
 * Up to it a product is bound by its launch. A loop loads two numbers for each multiplication: 2^21 take some 5 microseconds of a card, and 20 to 90
 * of one that is part of a processor, where a launch takes 10 to 30. Tiles, which load each number fewer times, are for what is larger.
 */
const mostMultiplications = 2 ** 21;
/** Steps of the loop, which follow each other in a thread. */
const mostDepth = 2 ** 9;

interface Factor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether rows and columns are the other way round there. */
  readonly turned: boolean;
}

/** A factor where it is, if what the product reads is a copy of it with rows and columns exchanged. */
function untransposed(name: string, turned: boolean, around: NodesAround): Factor | undefined {
  const { op, inputs = [], attributes } = around.maker(name) ?? {};
  const perm = op === 'Transpose' ? (attributes!.perm as number[]) : [];
  const rank = perm.length;
  const isTurn = rank > 1 && perm.every((axis, i) => axis === (i < rank - 2 ? i : 2 * rank - 3 - i));
  const from = isTurn && around.shape(inputs[0]!) ? inputs[0]! : name;
  const shape = around.shape(from);
  return shape && around.type(name) === 'float32'
    ? { name: from, shape, turned: from === name ? turned : !turned }
    : undefined;
}

/** The factors of a product of matrices; undefined where it is something else. */
function factorsOf({ op, inputs, attributes }: OnnxNode, around: NodesAround): readonly Factor[] | undefined {
  if (op !== 'Gemm' && op !== 'MatMul') return undefined;
  const turns = ['transA', 'transB'];
  if (Object.keys(attributes).some((name) => !turns.includes(name))) return undefined;
  const factors = inputs.slice(0, 2).map((name, i) => untransposed(name, attributes[turns[i]!] === 1, around));
  return factors.every((factor) => factor !== undefined) ? factors : undefined;
}

/** Where the provider multiplies it looks at no size, so what is multiplied has been given one by a Reshape (product-check.ts). */
function sized({ name, shape }: Factor, around: NodesAround, writer: NodeWriter): string {
  const maker = around.maker(name);
  if (maker?.op === 'Reshape' && String(around.list(maker.inputs[1]!)) === String(shape)) return name;
  const key = `sized ${name}`;
  const known = writer.shared(key) ?? writer.node('Reshape', [name, writer.int64(shape)], shape);
  writer.share(key, known);
  return known;
}

/** Of axes before the last two. */
const batchLetters = 'defghijk';

export const smallProducts: Rule = {
  name: 'small products',
  apply(node, around, writer) {
    const [to, bias] = [node.outputs[0]!, node.inputs[2]];
    const shape = around.shape(to);
    const [left, right] = factorsOf(node, around) ?? [];
    if (!shape || !left || !right) return false;
    const batches = [left, right].map((factor) => factor.shape.slice(0, -2));
    const batch = shape.slice(0, -2);
    // Without axes to repeat a matrix along, or with none of its own.
    if (batch.length > batchLetters.length || batches.some((own) => own.length > 0 && String(own) !== String(batch)))
      return false;
    const depth = left.shape.at(left.turned ? -2 : -1)!;
    if (depth > mostDepth || elements(shape) * depth > mostMultiplications) return false;
    const letters = (axes: readonly number[], rows: string, turned = false) =>
      batchLetters.slice(0, axes.length) + (turned ? rows[1]! + rows[0]! : rows);
    const [a, b] = [letters(batches[0]!, 'ab', left.turned), letters(batches[1]!, 'bc', right.turned)];
    const attributes = { equation: `${a},${b}->${letters(batch, 'ac')}` };
    const put = bias === undefined ? { attributes, to } : { attributes };
    const factors = [left, right].map((factor) => sized(factor, around, writer));
    const product = writer.node('Einsum', factors, shape, put);
    if (bias !== undefined) writer.node('Add', [product, bias], shape, { to });
    return true;
  },
};
