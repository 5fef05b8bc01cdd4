/** Rules over the finished list of nodes: each finds a few nodes by what they are, whatever layer they come from, and puts others in their place. */
import type { StepGraph } from '../graph.js';
import type { ElementType, OnnxNode } from '../proto.js';
import { reachable } from '../reachable.js';
import { NodeWriter } from './node-writer.js';

/** What a rule sees of the graph around a node. */
export interface NodesAround {
  /** The node that makes a tensor; undefined where the graph is given it. */
  maker(name: string): OnnxNode | undefined;
  /** The nodes that read a tensor, in their order: one for each of their inputs that it is. Outputs of the graph are nodes too. */
  readers(name: string): readonly OnnxNode[];
  /** Whether a node comes before another one, and may be read by it. */
  isBefore(node: OnnxNode, other: OnnxNode): boolean;
  shape(name: string): readonly number[] | undefined;
  type(name: string): ElementType | undefined;
  /** The value of a constant that is one float. */
  number(name: string): number | undefined;
  /** The whole numbers of a constant. */
  list(name: string): readonly number[] | undefined;
}

export interface Rule {
  readonly name: string;
  /**
   * Writes the nodes that take the place of `node`; what they replaced, and nothing else reads, goes by itself.
   * @returns false where the rule does not apply, and nothing was written
   */
  readonly apply: (node: OnnxNode, around: NodesAround, writer: NodeWriter) => boolean;
}

function surroundingsOf({ nodes, constants, shapes }: StepGraph): NodesAround {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const places = new Map(nodes.map((node, i) => [node, i]));
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of node.inputs) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  }
  const floats = new Map(constants.flatMap(({ name, type, data }) => (type === 'float32' ? [[name, data]] : [])));
  const lists = new Map(constants.flatMap(({ name, type, data }) => (type === 'int64' ? [[name, data]] : [])));
  return {
    maker: (name) => makers.get(name),
    readers: (name) => readers.get(name) ?? [],
    isBefore: (node, other) => places.get(node)! < places.get(other)!,
    shape: (name) => shapes.get(name)?.shape,
    type: (name) => shapes.get(name)?.type,
    number: (name) => (floats.get(name)?.length === 1 ? Number(floats.get(name)![0]) : undefined),
    list: (name) => (lists.has(name) ? Array.from(lists.get(name)!, Number) : undefined),
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
