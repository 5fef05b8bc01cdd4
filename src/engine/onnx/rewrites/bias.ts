/** What a product or a convolution adds to each of its outputs, it adds as it writes them. */
import type { NodesAround, Rule } from './rewrite.js';

/** The node that makes `product`, if it can add `bias` to each of its outputs, and nothing else reads what it makes without. */
function makerOf(product: string, bias: string, { maker, readers, shape }: NodesAround) {
  const node = maker(product);
  const whole = shape(product);
  if (!whole || node?.inputs.length !== 2 || readers(product).length !== 1) return undefined;
  const outputs = whole[1];
  const fitting = {
    Gemm: [`${outputs}`],
    Conv: [`${outputs},1,1`, `1,${outputs},1,1`, ...(outputs === 1 ? [''] : [])],
  };
  return fitting[node.op as 'Gemm' | 'Conv']?.includes(String(shape(bias))) ? node : undefined;
}

export const biasOfProduct: Rule = {
  name: 'bias of a product',
  apply({ op, inputs, outputs }, around, writer) {
    if (op !== 'Add') return false;
    const [product, bias] = [inputs, inputs.toReversed()].find(([a, b]) => makerOf(a!, b!, around)) ?? [];
    if (product === undefined) return false;
    const made = makerOf(product, bias!, around)!;
    const shape = around.shape(product)!;
    const turned = around.maker(bias!);
    const given = writer.seenAs(turned?.op === 'Reshape' ? turned.inputs[0]! : bias!, [shape[1]!]);
    writer.node(made.op, [...made.inputs, given], shape, { attributes: { ...made.attributes }, to: outputs[0]! });
    return true;
  },
};
