/** Layer normalization in blocks (kernels/assembly/blocked-normalization.ts), between products that are: what it is given and makes need not be arranged. */
import { block, hasBlocks } from '../blocks.js';
import type { OnnxNode } from '../proto.js';
import { type Handler, readersOf, sizeOf, sizesOf } from './block-handler.js';
import { type BlockedForms, formShape, inShape, type MatrixSize } from './blocked-forms.js';
import type { NodesAround } from './rewrite.js';

const floatBits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;

export const normalized: Handler = ({ inputs, outputs, attributes }, around, writer, forms) => {
  const [x, scale, offset] = inputs as [string, string, string?];
  const shape = around.shape(outputs[0]!);
  if (!shape || offset === undefined || !hasBlocks()) return false;
  const size = sizeOf(shape);
  const [rows, columns] = size;
  const isRead = readersOf(outputs[0]!, around).some((reader) => reader.op === 'Gemm' && sizesOf(reader, writer));
  if (size.some((each) => each % block !== 0) || !isRead) return false;
  const given = [scale, offset].map((name) => (around.maker(name) ? name : writer.copied(name)));
  const { float } = attributes.epsilon as { readonly float: number };
  const [y, ...moments] = writer.kernel(
    'blockedLayerNorm',
    [forms.of(x, size, 'columns'), ...given],
    [rows, columns, floatBits(float)],
    [formShape(size, 'columns'), [rows], [rows]],
  ) as [string, ...string[]];
  forms.write(y, size, 'columns', outputs[0]!);
  moments.forEach((name, i) => {
    const to = outputs[i + 1]!;
    inShape(writer, name, around.shape(to)!, to);
  });
  return true;
};

/** Under which a sum is known that has been computed before its turn. */
export const addedKey = (sum: string): string => `added ${sum}`;

/** Of what is normalized in blocks. What its gradient is added to, the kernel adds, if it is there. */
export const normalizedGradient: Handler = (node, around, writer, forms) => {
  const [x, mean, inverse, scale, dy] = node.inputs as [string, string, string, string, string];
  const [dx, dscale, doffset] = node.outputs as [string, string, string];
  const [rows, columns] = node.attributes.numbers as [number, number];
  const size = [rows, columns] as const;
  const from = forms.known(x, size, 'columns');
  if (from === undefined) return false;
  const changes = forms.of(dy, size, 'columns');
  const sum = sumWith(dx, node, size, around, forms);
  const [made, ...sums] = writer.kernel(
    'blockedLayerNormGradient',
    [from, mean, inverse, scale, changes, sum?.other ?? changes],
    [rows, columns, Number(sum !== undefined)],
    [formShape(size, 'columns'), [columns], [columns]],
  ) as [string, ...string[]];
  if (sum) writer.share(addedKey(sum.to), made);
  else forms.write(made, size, 'columns', dx);
  [dscale, doffset].forEach((to, i) => {
    inShape(writer, sums[i]!, [columns], to);
  });
  return true;
};

/** The sum that alone reads a gradient, and what is there of it in blocks before. */
function sumWith(
  dx: string,
  node: OnnxNode,
  size: MatrixSize,
  around: NodesAround,
  forms: BlockedForms,
): { readonly to: string; readonly other: string } | undefined {
  const [reader, ...others] = readersOf(dx, around);
  if (reader?.op !== 'Add' || others.length > 0) return undefined;
  const name = reader.inputs.find((input) => forms.rootOf(input) !== dx);
  const maker = name === undefined ? undefined : around.maker(name);
  if (name === undefined || !maker || !around.isBefore(maker, node)) return undefined;
  const isAlike = String(around.shape(name)) === String(around.shape(reader.outputs[0]!));
  const other = isAlike ? forms.known(name, size, 'columns') : undefined;
  return other === undefined ? undefined : { to: reader.outputs[0]!, other };
}
