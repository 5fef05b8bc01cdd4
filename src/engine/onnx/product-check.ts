/**
 * ONNX Runtime's provider for WebGPU multiplies by Einsum without a look at the sizes of what it is given, and would read beyond what does not
 * fit. So both factors have to come from Reshapes to sizes that fit, which it does check.
 */
import { type InspectedNode, reshapedSizes } from './block-check.js';
import { refusedModel } from './protobuf.js';

/** A product of matrices, either of which may be turned, along axes before them. */
const products = /^([d-k]{0,8}(?:ab|ba)),([d-k]{0,8}(?:bc|cb))->[d-k]{0,8}ac$/;

/**
 * @param constants lists of whole numbers that are what the graph says they are
 * @throws WireError when an Einsum is not as our compiler writes it
 */
export function checkProducts(
  nodes: readonly InspectedNode[],
  constants: ReadonlyMap<string, readonly number[]>,
): void {
  if (nodes.every(({ op }) => op !== 'Einsum')) return;
  const reshapes = reshapedSizes(nodes, constants);
  for (const { op, inputs, lists, texts } of nodes) {
    if (op !== 'Einsum') continue;
    const terms = products.exec(texts[0] ?? '')?.slice(1) ?? [];
    const known = new Map<string, number>();
    const fits = terms.every((letters, i) => {
      const sizes = reshapes.get(inputs[i]!) ?? [];
      return (
        letters.length === sizes.length &&
        sizes.every((size, axis) => {
          const letter = letters[axis]!;
          const first = known.get(letter) ?? size;
          known.set(letter, first);
          return size >= 1 && size === first;
        })
      );
    });
    if (terms.length === 0 || inputs.length !== 2 || String([...lists.keys()]) !== 'equation' || !fits)
      throw refusedModel('an Einsum', 'has inputs that are not known to fit');
  }
}
