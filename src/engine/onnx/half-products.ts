/**
 * float16 for the products of a step, over the finished list of nodes: matrix products and convolutions, forward and backward, read
 * and write float16, and all else, losses, softmax, normalizations and sums among them, stays in float32. The list is that of
 * PyTorch's autocast (Micikevicius et al., "Mixed Precision Training", 2018); what autocast leaves to the types of its inputs is float32 here.
 * Parameters are given in float32, and cast where a product reads them.
 */
import type { StepGraph } from './graph.js';
import { elementTypeCode, type OnnxNode } from './proto.js';

const products: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'FusedMatMul', 'Gemm', 'MatMul']);
/** No lowering, and no field of a batch, has names that begin so. */
const halfName = (name: string): string => `half_${name}`;
const roundedName = (name: string): string => `rounded_${name}`;

/**
 * @param native whether products are computed in float16. Else they read and write the numbers of float16 and are computed in float32: ONNX
 *   Runtime's kernels for processors would have to cast, and then leaves out both casts, and with them the rounding.
 */
export function halfProducts(graph: StepGraph, native: boolean): StepGraph {
  const nodes: OnnxNode[] = [];
  const known = new Set<string>();
  const cast = (node: OnnxNode, from: string, to: string, type: 'float32' | 'float16') => {
    const { kernel, layerBlock } = node;
    nodes.push({
      op: 'Cast',
      inputs: [from],
      outputs: [to],
      attributes: { to: elementTypeCode[type] },
      kernel,
      layerBlock,
    });
    return to;
  };
  const read = (node: OnnxNode, name: string): string => {
    const [half, rounded] = [halfName(name), roundedName(name)];
    if (name !== '' && !known.has(name)) {
      known.add(name);
      cast(node, name, half, 'float16');
      if (!native) cast(node, half, rounded, 'float32');
    }
    return name === '' ? name : native ? half : rounded;
  };
  for (const node of graph.nodes) {
    if (!products.has(node.op) || (node.domain !== undefined && node.domain !== 'com.microsoft')) {
      nodes.push(node);
      continue;
    }
    const inputs = node.inputs.map((name) => read(node, name));
    const [output] = node.outputs as [string];
    const half = `product_${halfName(output)}`;
    if (native) nodes.push({ ...node, inputs, outputs: [half] });
    else {
      const exact = `product_${output}`;
      nodes.push({ ...node, inputs, outputs: [exact] });
      cast(node, exact, half, 'float16');
    }
    cast(node, half, output, 'float32');
  }
  return { ...graph, nodes };
}
