/** What rules about blocks have in common: what they are given, and which matrices are worth it. */
import { elements } from '../../../ground/elements.js';
import { block, hasBlocks } from '../blocks.js';
import type { OnnxNode } from '../proto.js';
import type { BlockedForms, MatrixSize } from './blocked-forms.js';
import type { NodeWriter } from './node-writer.js';
import type { NodesAround } from './rewrite.js';

/** Below them, arranging the numbers takes as long as the product gains. */
const fewest = { size: 128, multiplications: 2 ** 25 };

export type Handler = (node: OnnxNode, around: NodesAround, writer: NodeWriter, forms: BlockedForms) => boolean;

/** Sizes of a product [m, k] times [k, n] that is worth it. */
export function sizesOf({ attributes, inputs, outputs }: OnnxNode, writer: NodeWriter) {
  const [a, bias] = [writer.shape(inputs[0]!), inputs[2] === undefined ? undefined : writer.shape(inputs[2])];
  const [m, n] = writer.shape(outputs[0]!) ?? [];
  const k = a?.[attributes.transA ? 0 : 1];
  if (m === undefined || n === undefined || k === undefined) return undefined;
  const sizes = [m, k, n];
  const isLarge = Math.min(...sizes) >= fewest.size && m * k * n >= fewest.multiplications;
  const fits = sizes.every((size) => size % block === 0) && (inputs.length < 3 || String(bias) === String(n));
  return isLarge && fits && hasBlocks() ? { m, k, n } : undefined;
}

/** The rows of a tensor, as a matrix. */
export const sizeOf = (shape: readonly number[]): MatrixSize => [elements(shape.slice(0, -1)), shape.at(-1)!];

/** The nodes that read a tensor, whatever shape they see it in. */
export const readersOf = (name: string, around: NodesAround): OnnxNode[] =>
  around
    .readers(name)
    .flatMap((reader) => (reader.op === 'Reshape' ? readersOf(reader.outputs[0]!, around) : [reader]));
