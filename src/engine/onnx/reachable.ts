/** What of a graph its outputs need. */
import type { OnnxGraph } from './proto.js';

/** The graph as far as its outputs need it: nodes, inputs and constants that nothing reads are left out. */
export function reachable<G extends OnnxGraph>(graph: G): G {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return {
    ...graph,
    nodes: nodes.toReversed(),
    inputs: graph.inputs.filter(({ name }) => needed.has(name)),
    constants: graph.constants.filter(({ name }) => needed.has(name)),
  };
}
