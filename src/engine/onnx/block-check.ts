/**
 * ONNX Runtime's convolutions of blocks believe that channels fill their blocks, and that a bias is as long as there are filters: what
 * does not fit, they would read and write beyond. So these inputs have to come from Reshapes to sizes that fit, which it does check, as
 * it does the shape of what is added to.
 */
import { block, blockDomain } from './blocks.js';
import type { GrowingNode } from './growth.js';
import { refusedModel } from './protobuf.js';

export interface InspectedNode extends GrowingNode {
  readonly domain: string;
  readonly outputs: readonly string[];
  /** Attributes that are text. */
  readonly texts: readonly string[];
}

/** What nodes are given that comes from a Reshape: its sizes, where they are known. */
export const reshapedSizes = (
  nodes: readonly InspectedNode[],
  constants: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[] | undefined> =>
  new Map(
    nodes.flatMap(({ op, inputs, outputs }) => (op === 'Reshape' ? [[outputs[0]!, constants.get(inputs[1]!)]] : [])),
  );

/**
 * @param constants lists of whole numbers that are what the graph says they are
 * @throws WireError when a convolution of blocks is not as our compiler writes it
 */
export function checkBlocks(nodes: readonly InspectedNode[], constants: ReadonlyMap<string, readonly number[]>): void {
  if (nodes.every(({ domain }) => domain !== blockDomain)) return;
  const reshapes = reshapedSizes(nodes, constants);
  for (const { op, domain, inputs, lists } of nodes) {
    if (domain !== blockDomain || op !== 'Conv') continue;
    const [image, filter, bias] = inputs.map((name) => reshapes.get(name));
    const [groups = 1] = lists.get('group') ?? [];
    const [k, n] = [filter?.[1] ?? 0, (filter?.[0] ?? 0) / groups];
    const areBlocks = [k, n].every((size) => size >= block && size % block === 0);
    const fits =
      groups >= 1 &&
      String(image) === String([1, groups * k, 1, image?.[3]]) &&
      image![3]! >= 1 &&
      String(filter) === String([groups * n, k, 1, 1]) &&
      (bias === undefined ? !inputs[2] : String(bias) === String(groups * n)) &&
      inputs.length <= 4 &&
      [...lists.keys()].every((name) => name === 'kernel_shape' || name === 'group') &&
      String(lists.get('kernel_shape')) === '1,1';
    if (!areBlocks || !fits) throw refusedModel('a convolution of blocks', 'has inputs that are not known to fit');
  }
}
