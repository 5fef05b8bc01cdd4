/**
 * Large products of matrices in blocks (blocks.ts). What they are given and what they make goes from one to the next as it lies; whoever
 * reads rows has them written.
 */
import { block, blockDomain } from '../blocks.js';
import { kernelDomain, type StepGraph } from '../graph.js';
import type { OnnxNode } from '../proto.js';
import { reachable } from '../reachable.js';
import { type Handler, sizeOf, sizesOf } from './block-handler.js';
import { productOfHeads, sharesOfHeads } from './blocked-attention.js';
import { BlockedForms, type Blocking, formShape, inShape, type MatrixSize } from './blocked-forms.js';
import { addedKey, normalized, normalizedGradient } from './blocked-normalization.js';
import type { NodeWriter } from './node-writer.js';
import { type NodesAround, type Rule, rewritten } from './rewrite.js';

export const blockedProducts: Rule = {
  name: 'products of matrices in blocks',
  apply(node, around, writer) {
    const forms = new BlockedForms(around, writer);
    const isKernel = node.domain === kernelDomain;
    return (isKernel ? kernelHandlers : handlers)[node.op]?.(node, around, writer, forms) ?? false;
  },
};

const product: Handler = (node, _, writer, forms) => {
  const sizes = sizesOf(node, writer);
  if (!sizes) return false;
  const { m, k, n } = sizes;
  const { inputs, attributes, outputs } = node;
  const [a, b, bias] = inputs as [string, string, string?];
  const factor = (name: string, turned: boolean, p: number, c: number, form: Blocking) => {
    const own: Blocking = turned ? (form === 'columns' ? 'rows' : 'columns') : form;
    const size = turned ? ([c, p] as const) : ([p, c] as const);
    return { cost: forms.known(name, size, own) === undefined ? p * c : 0, make: () => forms.of(name, size, own) };
  };
  const parts = (form: Blocking) =>
    [factor(a, Boolean(attributes.transA), m, k, form), factor(b, Boolean(attributes.transB), k, n, form)] as const;
  const cost = (form: Blocking) => parts(form).reduce((sum, part) => sum + part.cost, 0);
  // A gradient of weights may as well be made by rows: then its right factor is read as images, and its left one as filters.
  const form: Blocking = attributes.transA && !bias && cost('rows') < cost('columns') ? 'rows' : 'columns';
  const [left, right] = parts(form).map((part) => part.make()) as [string, string];
  const [image, filter] = form === 'columns' ? [left, right] : [right, left];
  const [places, filters] = form === 'columns' ? [m, n] : [n, m];
  const given = [inShape(writer, image, [1, k, 1, places]), inShape(writer, filter, [filters, k, 1, 1])];
  if (bias) given.push(inShape(writer, bias, [n]));
  const made = writer.node('Conv', given, formShape([m, n], form), {
    attributes: { kernel_shape: [1, 1] },
    domain: blockDomain,
  });
  forms.write(made, [m, n], form, outputs[0]!);
  return true;
};

/** What is computed number by number, of tensors of one shape and of constants, is computed in the blocks in which the numbers are. */
const elementwise: Handler = ({ op, inputs, outputs }, around, writer, forms) => {
  const shape = around.shape(outputs[0]!);
  if (!shape?.length) return false;
  const size = sizeOf(shape);
  const sum = writer.shared(addedKey(outputs[0]!));
  if (sum !== undefined) {
    forms.write(sum, size, 'columns', outputs[0]!);
    return true;
  }
  const given = inputs.map((name, i) => {
    if (i > 0 && around.number(name) !== undefined) return name;
    return String(around.shape(name)) === String(shape) ? forms.known(name, size, 'columns') : undefined;
  });
  // Of what is there by rows as well, the result would have to be written by rows.
  if (given.includes(undefined) || inputs.every((name) => forms.source(name, size) === undefined)) return false;
  const made =
    (op === 'Add' && addedOn(inputs, given as string[], size, around, writer, forms)) ||
    writer.node(op, given as string[], formShape(size, 'columns'));
  forms.write(made, size, 'columns', outputs[0]!);
  return true;
};

/** A product that nothing else reads may as well begin with what it is added to. */
function addedOn(
  names: readonly string[],
  given: readonly string[],
  size: MatrixSize,
  around: NodesAround,
  writer: NodeWriter,
  forms: BlockedForms,
): string | undefined {
  const isReadOnce = (name: string): boolean => {
    const maker = around.maker(name);
    return around.readers(name).length === 1 && (maker?.op !== 'Reshape' || isReadOnce(maker.inputs[0]!));
  };
  for (const at of [1, 0]) {
    const product = forms.maker(given[at]!);
    if (!product) continue;
    const { op, inputs, attributes, domain } = product;
    if (op !== 'Conv' || inputs.length > 3 || !isReadOnce(names[at]!)) continue;
    const [image, filter, bias = ''] = inputs as [string, string, string?];
    const all = [image, filter, bias, given[1 - at]!];
    return writer.node(op, all, formShape(size, 'columns'), { attributes: { ...attributes }, domain });
  }
  return undefined;
}

/** A bias is what the product adds, after all: a convolution has its numbers at hand as it writes them. */
const activated: Handler = ({ inputs, outputs, attributes }, around, writer, forms) => {
  const shape = around.shape(inputs[0]!);
  if (!shape?.length) return false;
  const size = sizeOf(shape);
  const given = forms.source(inputs[0]!, size);
  const product = given === undefined ? undefined : forms.maker(given);
  if (product?.op !== 'Conv') return false;
  const [, bias] = inputs;
  const [x] = bias === undefined ? product.outputs : [biased(product, bias, size, writer)];
  const kind = (attributes.numbers as number[]).at(-1)!;
  const whole = formShape(size, 'columns');
  const made = writer.kernel(
    'activation',
    [x!],
    [size[0] * size[1], kind],
    outputs.map(() => whole),
  );
  outputs.forEach((name, i) => {
    forms.write(made[i]!, size, 'columns', name);
  });
  return true;
};

/** The convolution again; the one without the bias nobody reads then. */
const biased = (
  { op, inputs, attributes, domain }: OnnxNode,
  bias: string,
  size: MatrixSize,
  writer: NodeWriter,
): string =>
  writer.node(op, [...inputs, inShape(writer, bias, [size[1]])], formShape(size, 'columns'), {
    attributes: { ...attributes },
    domain,
  });

/** The blocks of heads that a product is about to read. */
const ofHeads = (name: string, size: MatrixSize, around: NodesAround, writer: NodeWriter, forms: BlockedForms) => {
  const isRead = around.readers(name).some((reader) => reader.op === 'Gemm' && sizesOf(reader, writer));
  return isRead && forms.fromHeads(name, size) ? forms.of(name, size, 'columns') : undefined;
};

/** A sum over rows, as of the gradient of a bias. */
const summed: Handler = ({ inputs, outputs }, around, writer, forms) => {
  const shape = around.shape(inputs[0]!);
  if (shape?.length !== 2 || String(around.list(inputs[1]!)) !== '0') return false;
  const [p, c] = shape as [number, number];
  if (String(around.shape(outputs[0]!)) !== String(c)) return false;
  const given = forms.source(inputs[0]!, [p, c]) ?? ofHeads(inputs[0]!, [p, c], around, writer, forms);
  if (given === undefined) return false;
  const parts = writer.seenAs(given, [c / block, p, block]);
  const sums = writer.node('ReduceSum', [parts, writer.int64([1])], [c / block, block], {
    attributes: { keepdims: 0 },
  });
  writer.node('Reshape', [sums, writer.int64([c])], [c], { to: outputs[0]! });
  return true;
};

/** [batch, places, heads, size] to [batch, heads, places, size]. */
const toHeads: Handler = ({ inputs, outputs, attributes }, around, writer, forms) => {
  const shape = around.shape(inputs[0]!);
  if (String(attributes.perm) !== '0,2,1,3' || shape?.length !== 4) return false;
  const [batch, places, heads, size] = shape as [number, number, number, number];
  const given = size % block === 0 ? forms.source(inputs[0]!, [batch * places, heads * size]) : undefined;
  if (given === undefined) return false;
  const parts = writer.seenAs(given, [heads, size / block, batch, places, block]);
  const turned = writer.node('Transpose', [parts], [batch, heads, places, size / block, block], {
    attributes: { perm: [2, 0, 3, 1, 4] },
  });
  const whole = [batch, heads, places, size];
  writer.node('Reshape', [turned, writer.int64(whole)], whole, { to: outputs[0]! });
  return true;
};

const kernelHandlers: Readonly<Record<string, Handler>> = {
  activation: activated,
  attentionShares: sharesOfHeads,
  attentionSlopes: sharesOfHeads,
  biasedActivation: activated,
  layerNormGradient: normalizedGradient,
};

const handlers: Readonly<Record<string, Handler>> = {
  Gemm: product,
  Add: elementwise,
  Clip: elementwise,
  FusedMatMul: productOfHeads,
  LayerNormalization: normalized,
  Mul: elementwise,
  Relu: elementwise,
  Sub: elementwise,
  ReduceSum: summed,
  Transpose: toHeads,
};

/** A graph for this processor, with large products in blocks. Shapes of its outputs are those in which their numbers are written. */
export function inBlocks(graph: StepGraph): StepGraph {
  const made = rewritten(graph, [blockedProducts]);
  const makers = new Map(made.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const written = new Map<string, string>();
  for (const { name } of made.outputs) {
    const [seen] = makers.get(name)!.inputs;
    const [from] = makers.get(seen!)?.op === 'Reshape' ? makers.get(seen!)!.inputs : [];
    // A Reshape at the end of a session copies what it is given.
    if (from !== undefined && makers.get(from)?.op === 'ReorderOutput') written.set(name, from);
  }
  if (written.size === 0) return made;
  const nodes = made.nodes.map((node) => {
    const from = written.get(node.outputs[0]!);
    return from === undefined ? node : { ...node, inputs: [from] };
  });
  const outputs = made.outputs.map((output) => {
    const from = written.get(output.name);
    return from === undefined ? output : { ...output, shape: made.shapes.get(from)!.shape };
  });
  return reachable({ ...made, nodes, outputs });
}
