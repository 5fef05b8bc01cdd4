/**
 * The products of attention in blocks, a group of channels for each head, and its shares between them: scores are never arranged, and ONNX
 * Runtime's convolutions of blocks compute such products faster than its FusedMatMul.
 */
import { elements } from '../../../ground/elements.js';
import { block, blockDomain, hasBlocks } from '../blocks.js';
import { kernelDomain } from '../graph.js';
import type { OnnxNode } from '../proto.js';
import { type Handler, readersOf } from './block-handler.js';
import { type BlockedForms, headsShape, inShape } from './blocked-forms.js';
import type { NodesAround } from './rewrite.js';

/** Whether a node is a kernel that works on matrices as a product has them. */
const isKernelOn = ({ op, domain, attributes }: OnnxNode, name: string, matrices: readonly number[]): boolean =>
  domain === kernelDomain && op === name && String((attributes.numbers as number[]).slice(0, 3)) === String(matrices);

/** Rows of queries that are attended for by themselves are few, and would have to be arranged. */
const isPart = (name: string, around: NodesAround): boolean => {
  const maker = around.maker(name);
  return maker?.op === 'Reshape' ? isPart(maker.inputs[0]!, around) : /^(Slice|Split)$/.test(maker?.op ?? '');
};

/** Whether a product is one of attention of which nothing but products and kernels read the scores. */
function isOfAttention(node: OnnxNode, sizes: readonly number[], around: NodesAround, forms: BlockedForms): boolean {
  const [a, b] = node.inputs as [string, string];
  if (forms.knownHeads(a, 'columns') && readersAreBlocked(a, around)) return true;
  const [reader, ...others] = readersOf(node.outputs[0]!, around);
  if (!reader || others.length > 0) return false;
  if (isKernelOn(reader, 'attentionSlopes', sizes)) return forms.knownHeads(reader.inputs[0]!, 'columns') !== undefined;
  return (
    isKernelOn(reader, 'attentionShares', sizes) &&
    readersAreBlocked(reader.outputs[0]!, around) &&
    ![a, b].some((name) => isPart(name, around))
  );
}

const readersAreBlocked = (name: string, around: NodesAround): boolean =>
  readersOf(name, around).every((reader) => reader.op === 'FusedMatMul' || reader.op === 'attentionSlopes');

export const productOfHeads: Handler = (node, around, writer, forms) => {
  const { inputs, outputs, attributes } = node;
  const [a, b] = inputs as [string, string];
  const [left, right, made] = [a, b, outputs[0]!].map((name) => around.shape(name));
  if (!left || !right || !made || !hasBlocks()) return false;
  const each = [left, right, made].map((shape) => elements(shape.slice(0, -2)));
  const [m, n] = made.slice(-2) as [number, number];
  const k = left.at(attributes.transA ? -2 : -1)!;
  const fits = [m, n, k].every((size) => size % block === 0) && each.every((count) => count === each[0]);
  if (!fits || !isOfAttention(node, [each[0]!, m, n], around, forms)) return false;
  const isTurned = Boolean(attributes.transA);
  // The transpose of a product with a transposed left factor is one of what is there.
  if (isTurned && attributes.transB) return false;
  const image = isTurned ? forms.heads(b, 'rows') : forms.heads(a, 'columns');
  const filter = isTurned ? forms.heads(a, 'columns') : forms.heads(b, attributes.transB ? 'rows' : 'columns');
  const [places, filters] = isTurned ? [n, m] : [m, n];
  const given = [
    inShape(writer, image, [1, each[0]! * k, 1, places]),
    inShape(writer, filter, [each[0]! * filters, k, 1, 1]),
  ];
  const form = isTurned ? 'rows' : 'columns';
  const product = writer.node('Conv', given, headsShape(each[0]!, [m, n], form), {
    attributes: { kernel_shape: [1, 1], group: each[0]! },
    domain: blockDomain,
  });
  forms.writeHeads(product, form, outputs[0]!);
  return true;
};

/** The shares of attention, or what reaches its scores, of what is in blocks. */
export const sharesOfHeads: Handler = ({ op, inputs, outputs, attributes }, _, writer, forms) => {
  const given = inputs.map((name) => forms.knownHeads(name, 'columns'));
  if (given.includes(undefined)) return false;
  const [matrices, rows, keys, ...numbers] = attributes.numbers as [number, number, number, ...number[]];
  const shape = headsShape(matrices, [rows, keys], 'columns');
  const [made] = writer.kernel(op, given as string[], [matrices, rows, keys, ...numbers.slice(0, -1), 1], [shape]);
  forms.writeHeads(made!, 'columns', outputs[0]!);
  return true;
};
