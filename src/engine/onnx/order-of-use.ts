/** In which order ONNX Runtime runs the nodes of a graph. */
import type { StepGraph } from './graph.js';
import type { OnnxNode } from './proto.js';

/**
 * The graph with nodes that only a result needs, such as the product that is a gradient of weights, run as soon as they can be, so that
 * what they read can go. ONNX Runtime begins with the last node that nothing reads, and runs before it what it needs; then with the one
 * before that. What can be run first has to be the last in the list.
 */
export function inOrderOfUse(graph: StepGraph): StepGraph {
  const readers = new Map<string, number>();
  const read = [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)];
  for (const name of read) readers.set(name, (readers.get(name) ?? 0) + 1);
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const chains = graph.outputs.map(({ name }) => chainTo(name, makers, readers)).filter((chain) => chain.length > 0);
  const ends = new Set(chains.flat());
  const places = new Map<string, number>();
  const others = graph.nodes.filter((node) => !ends.has(node));
  others.forEach(({ outputs }, place) => {
    for (const name of outputs) places.set(name, place);
  });
  const ready = (chain: readonly OnnxNode[]) =>
    Math.max(-1, ...chain.flatMap(({ inputs }) => inputs).map((name) => places.get(name) ?? -1));
  return { ...graph, nodes: [...others, ...chains.toSorted((a, b) => ready(b) - ready(a)).flat()] };
}

/** The nodes that lead to a result and to nothing else, in their order. */
function chainTo(
  name: string,
  makers: ReadonlyMap<string, OnnxNode>,
  readers: ReadonlyMap<string, number>,
): OnnxNode[] {
  const maker = makers.get(name);
  if (!maker || maker.outputs.length > 1 || readers.get(name) !== 1) return [];
  return [...maker.inputs.flatMap((input) => chainTo(input, makers, readers)), maker];
}
