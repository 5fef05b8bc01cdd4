/**
 * Activations that are x times a share of it (model/tfjs/whole-operations.ts). With their slope, and of many numbers, they are a kernel of
 * ours, which reads the numbers once; else operators of ONNX.
 */
import { elements } from '../../../ground/elements.js';
import { kernelDomain } from '../graph.js';
import type { OnnxNode } from '../proto.js';
import type { NodeWriter } from './node-writer.js';
import type { NodesAround, Rule } from './rewrite.js';

/** By the numbers that the kernel knows them by. */
export const activationKinds = { gelu: 0, geluTanh: 1, silu: 2 } as const;

/** A kernel ends a session and begins another, which costs as much as computing so many numbers. */
export const worthwhile = 16384;

const linear = 2 * Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** The share of x: of the normal distribution below it, or near it, or its logistic function. */
function shareOf(writer: NodeWriter, x: string, kind: number, shape: readonly number[]): string {
  const node = (op: string, ...inputs: string[]) => writer.node(op, inputs, shape);
  const number = (value: number) => writer.float(value);
  if (kind === activationKinds.silu) return node('Sigmoid', x);
  const inner =
    kind === activationKinds.gelu
      ? node('Erf', node('Mul', x, number(Math.SQRT1_2)))
      : node(
          'Tanh',
          node('Mul', x, node('Add', node('Mul', node('Mul', x, x), number((cubic * linear) / 2)), number(linear / 2))),
        );
  return node('Add', node('Mul', inner, number(0.5)), number(0.5));
}

/** share + x * the slope of the share. */
function slopeOf(
  writer: NodeWriter,
  [x, y, share]: [string, string, string],
  kind: number,
  to: string,
  shape: readonly number[],
) {
  const node = (op: string, ...inputs: string[]) => writer.node(op, inputs, shape);
  const number = (value: number) => writer.float(value);
  const square = () => node('Mul', x, x);
  const steepness = (): string => {
    if (kind === activationKinds.gelu) {
      const bell = node('Exp', node('Mul', square(), number(-0.5)));
      return node('Mul', x, node('Mul', bell, number(Math.sqrt(0.5 / Math.PI))));
    }
    const rest = node('Mul', y, node('Sub', number(1), share));
    if (kind === activationKinds.silu) return rest;
    return node('Mul', rest, node('Add', node('Mul', square(), number(3 * cubic * linear)), number(linear)));
  };
  writer.node('Add', [share, steepness()], shape, { to });
}

/** Operators in the place of the kernel, where nothing reads the slope or there is little to compute. */
export const composedActivation: Rule = {
  name: 'composed activation',
  apply(node, around, writer) {
    const { op, domain, outputs } = node;
    if (op !== 'activation' || domain !== kernelDomain) return false;
    const [y, slope] = outputs as [string, string];
    const size = elements(around.shape(y)!);
    if (around.readers(slope).length > 0 && size >= worthwhile && size % 4 === 0) return false;
    composeActivation(node, around, writer);
    return true;
  },
};

/** The same of any number of them, and of those that add a bias. */
export const composedActivations: Rule = {
  name: 'composed activations, of all sizes',
  apply(node, around, writer) {
    if (!/^(activation|biasedActivation)$/.test(node.op) || node.domain !== kernelDomain) return false;
    composeActivation(node, around, writer);
    return true;
  },
};

function composeActivation({ op, inputs, outputs, attributes }: OnnxNode, around: NodesAround, writer: NodeWriter) {
  const [given, bias] = inputs as [string, string];
  const [y, slope] = outputs as [string, string];
  const shape = around.shape(y)!;
  const kind = (attributes.numbers as readonly number[]).at(-1)!;
  const x = op === 'biasedActivation' ? writer.node('Add', [given, bias], shape) : given;
  const share = shareOf(writer, x, kind, shape);
  writer.node('Mul', [x, share], shape, { to: y });
  if (around.readers(slope).length > 0) slopeOf(writer, [x, y, share], kind, slope, shape);
}

/** What a product adds to its rows, the kernel adds while it reads them: a Gemm would write its result for that twice. */
export const biasOfActivation: Rule = {
  name: 'bias of an activation',
  apply({ op, domain, inputs, attributes }, around, writer) {
    if (op !== 'activation' || domain !== kernelDomain) return false;
    const [x] = inputs as [string];
    const product = around.maker(x);
    const shape = around.shape(x);
    const [, columns = 0] = shape ?? [];
    if (product?.op !== 'Gemm' || product.inputs.length !== 3 || around.readers(x).length !== 1) return false;
    if (shape?.length !== 2 || columns % 4 !== 0) return false;
    const [a, b, bias] = product.inputs as [string, string, string];
    const { attributes: turns } = product;
    const plain = writer.node('Gemm', [a, b], shape, { attributes: { ...turns } });
    const [, kind] = attributes.numbers as [number, number];
    const given = around.maker(bias) ? bias : writer.copied(bias);
    writer.kernel('biasedActivation', [plain, given], [shape[0]!, columns, kind]);
    return true;
  },
};
