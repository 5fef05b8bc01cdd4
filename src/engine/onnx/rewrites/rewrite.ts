/** Rules over the finished list of nodes: each finds a few nodes by what they are, whatever layer they come from, and puts others in their place. */
import type { StepGraph } from '../graph.js';
import type { OnnxNode } from '../proto.js';
import { reachable } from '../reachable.js';
import { NodeWriter } from './node-writer.js';

/** What a rule sees of the graph around a node. */
export interface NodesAround {
  /** The node that makes a tensor; undefined where the graph is given it. */
  maker(name: string): OnnxNode | undefined;
  /** How many inputs of nodes, and outputs of the graph, a tensor is. */
  readers(name: string): number;
  shape(name: string): readonly number[] | undefined;
}

export interface Rule {
  readonly name: string;
  /**
   * Writes the nodes that take the place of `node`; what they replaced, and nothing else reads, goes by itself.
   * @returns false where the rule does not apply, and nothing was written
   */
  readonly apply: (node: OnnxNode, around: NodesAround, writer: NodeWriter) => boolean;
}

function surroundingsOf({ nodes, outputs, shapes }: StepGraph): NodesAround {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const readers = new Map<string, number>();
  for (const name of [...nodes.flatMap(({ inputs }) => inputs), ...outputs.map((output) => output.name)]) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  return {
    maker: (name) => makers.get(name),
    readers: (name) => readers.get(name) ?? 0,
    shape: (name) => shapes.get(name)?.shape,
  };
}

/** The graph with each rule applied to every node, in their order. */
export function rewritten(graph: StepGraph, rules: readonly Rule[]): StepGraph {
  let current = graph;
  for (const rule of rules) current = changed(current, rule);
  return current;
}

function changed(graph: StepGraph, { apply }: Rule): StepGraph {
  const around = surroundingsOf(graph);
  const writer = new NodeWriter(graph);
  const nodes = graph.nodes.flatMap((node) => {
    writer.begin(node);
    return apply(node, around, writer) ? writer.end() : [node];
  });
  return reachable({ ...graph, nodes, ...writer.tables() });
}
