/**
 * Operators that make a tensor as large as a number in the graph says: those numbers are held against the memory before the
 * library sees them. What grows step by step, over several operators, comes to light when the library asks for it.
 */

import { WireError } from '../../errors.js';
import { requireMemory } from '../../ground/memory.js';

/** As far as it decides sizes. */
export interface GrowingNode {
  readonly op: string;
  readonly inputs: readonly string[];
  /** Lists of whole numbers, by name. */
  readonly lists: ReadonlyMap<string, readonly number[]>;
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Elements that what is padded so has at least: [starts..., ends...]. */
function padded(pads: readonly number[]): number {
  const axes = pads.length / 2;
  return product(pads.slice(0, axes).map((start, axis) => Math.max(1, start + (pads[axis + axes] ?? 0))));
}

/** By operator: which input is a list of sizes, and how many elements they ask for at least. */
const bySizes: Readonly<Record<string, { input: number; elements: (sizes: readonly number[]) => number }>> = {
  Expand: { input: 1, elements: product },
  Tile: { input: 1, elements: product },
  Resize: { input: 3, elements: product },
  Pad: { input: 1, elements: padded },
};
/** The same of attributes: padding, and the strides by which a transposed convolution spreads what it is given. */
function byAttribute(op: string, name: string, list: readonly number[]): number {
  if (name === 'pads') return padded(list);
  return op === 'ConvTranspose' && name === 'strides' ? product(list) : 0;
}

/**
 * @param constants lists of whole numbers in the graph, by name
 * @throws WireError when a node makes a tensor that no memory of this machine holds
 */
export function checkGrowth(
  nodes: readonly GrowingNode[],
  constants: ReadonlyMap<string, readonly number[]>,
  memory?: number,
): void {
  for (const { op, inputs, lists } of nodes) {
    const sizes = bySizes[op];
    const list = sizes && constants.get(inputs[sizes.input]);
    if (list) refuseGiants(op, sizes.elements(list), memory);
    for (const [name, values] of lists) refuseGiants(op, byAttribute(op, name, values), memory);
  }
}

function refuseGiants(op: string, elements: number, memory?: number): void {
  requireMemory(
    `the job: operator ${op} of a graph makes ${elements} numbers at least`,
    4 * elements,
    WireError,
    'start the worker on a larger machine',
    memory,
  );
}
