/**
 * Cuts a step's graph where Lockstep's own kernels run: ONNX Runtime computes a subgraph, a kernel the next tensor, ONNX
 * Runtime the subgraph that depends on that tensor. A model without such kernels is one subgraph.
 */
import { kernelDomain, type StepGraph } from './graph.js';
import { encodeModel, type OnnxNode, type OnnxValue, type TracedLoop } from './proto.js';
import type { Loop } from './step-loop.js';

/** A part of a step's graph, as plain data: nodes for a session, or one call of a kernel. They hand tensors on by name. */
export type Subgraph =
  | {
      readonly kind: 'session';
      readonly bytes: Uint8Array;
      readonly inputs: readonly string[];
      readonly outputs: readonly string[];
    }
  | {
      readonly kind: 'kernel';
      readonly kernel: string;
      readonly inputs: readonly string[];
      readonly outputs: readonly string[];
      readonly numbers: readonly number[];
    }
  | (Loop & { readonly kind: 'loop'; readonly inputs: readonly string[]; readonly outputs: readonly string[] });

export interface CutGraph {
  /** In the order in which they run. */
  readonly subgraphs: readonly Subgraph[];
  /** The tensors that subgraphs write. */
  readonly written: readonly OnnxValue[];
}

const isKernel = (node: OnnxNode): boolean => node.domain === kernelDomain;

/**
 * The level of each node; the nodes of a level run together, and kernels have the odd levels. A node is computed after the
 * last kernel that it depends on, and not before its first reader needs it, so that few tensors are kept between levels.
 */
function levelsOf(nodes: readonly OnnxNode[]): Map<OnnxNode, number> {
  const ready = new Map<string, number>();
  const earliest = nodes.map((node) => {
    const level = Math.max(0, ...node.inputs.map((name) => ready.get(name) ?? 0));
    const own = isKernel(node) ? level + 1 : level;
    for (const name of node.outputs) ready.set(name, isKernel(node) ? own + 1 : own);
    return own;
  });
  const wanted = new Map<string, number>();
  const levels = new Map<OnnxNode, number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    const readers = node.outputs.map((name) => wanted.get(name) ?? earliest[i]);
    const level = isKernel(node) ? earliest[i] : Math.max(earliest[i], Math.min(...readers));
    levels.set(node, level);
    // What a kernel reads is computed one level before it.
    for (const name of node.inputs) {
      wanted.set(name, Math.min(wanted.get(name) ?? Number.POSITIVE_INFINITY, isKernel(node) ? level - 1 : level));
    }
  }
  return levels;
}

/**
 * Reshapes cost nothing: each subgraph makes those that it needs anew, so that between subgraphs tensors are kept once. So it does with
 * what lowerings make on the way, whose shapes nobody has recorded.
 */
class Views {
  readonly #makers = new Map<string, OnnxNode>();
  readonly #roots = new Map<string, readonly string[]>();
  readonly #constants: ReadonlySet<string>;

  constructor({ nodes, constants, outputs, shapes }: StepGraph) {
    this.#constants = new Set(constants.map(({ name }) => name));
    // Loops know what they read by its name.
    const last = new Set([
      ...nodes.flatMap(({ loop, inputs }) => (loop ? inputs : [])),
      ...outputs.map(({ name }) => name),
    ]);
    for (const node of nodes) {
      if (node.op === 'Reshape' && this.#constants.has(node.inputs[1]!) && !last.has(node.outputs[0]!)) this.#add(node);
    }
    // Kernels read what is there: of a view, the tensor that it shows.
    const read = new Set(nodes.filter(isKernel).flatMap(({ inputs }) => inputs.map((name) => this.#shownBy(name))));
    for (const node of nodes) {
      const isMadeOnce = ({ outputs }: OnnxNode) => outputs.some((name) => last.has(name) || read.has(name));
      if (isKernel(node) || isMadeOnce(node) || node.outputs.every((name) => shapes.has(name))) continue;
      this.#add(node);
    }
  }

  #add(node: OnnxNode): void {
    for (const name of node.outputs) this.#makers.set(name, node);
  }
  #shownBy(name: string): string {
    const maker = this.#makers.get(name);
    return maker ? this.#shownBy(maker.inputs[0]!) : name;
  }

  has = ({ outputs }: OnnxNode): boolean => this.#makers.has(outputs[0]!);

  /** What a tensor is a view, or made, of; itself where it is made once. */
  rootsOf(name: string): readonly string[] {
    const maker = this.#makers.get(name);
    if (!maker) return [name];
    const known = this.#roots.get(name);
    if (known) return known;
    const roots = [
      ...new Set(maker.inputs.flatMap((input) => (this.#constants.has(input) ? [] : this.rootsOf(input)))),
    ];
    this.#roots.set(name, roots);
    return roots;
  }

  /** The nodes that make the views among `names`. */
  makersOf(names: readonly string[], found = new Set<OnnxNode>()): Set<OnnxNode> {
    for (const maker of names.flatMap((name) => this.#makers.get(name) ?? [])) {
      if (found.has(maker)) continue;
      found.add(maker);
      this.makersOf(maker.inputs, found);
    }
    return found;
  }
}

/** Splits and encodes a graph. @param named see OnnxDescription */
export function cutGraph(graph: StepGraph, named = false): CutGraph {
  const views = new Views(graph);
  const made = graph.nodes.filter((node) => !views.has(node));
  const rooted = (node: OnnxNode) => ({ ...node, inputs: node.inputs.flatMap((name) => views.rootsOf(name)) });
  const roots = made.map(rooted);
  const levels = levelsOf(roots);
  const given = new Map([...graph.inputs, ...graph.constants].map((value) => [value.name, value]));
  const declared = new Map([...graph.shapes, ...graph.outputs.map((value) => [value.name, value] as const)]);
  const constants = new Set(graph.constants.map(({ name }) => name));
  const last = Math.max(...levels.values());
  /** The last level at which a tensor is read. */
  const read = new Map<string, number>();
  for (const node of roots) {
    for (const name of node.inputs) read.set(name, Math.max(read.get(name) ?? 0, levels.get(node)!));
  }
  const subgraphs: Subgraph[] = [];
  const written: OnnxValue[] = [];
  for (let level = 0; level <= last; level++) {
    for (const { op: kernel, inputs, outputs, attributes, loop } of roots.filter(
      (node) => levels.get(node) === level && isKernel(node),
    )) {
      written.push(...outputs.map((name) => declared.get(name)!));
      if (loop) {
        subgraphs.push({ kind: 'loop', ...encodedLoop(loop), inputs, outputs });
        continue;
      }
      subgraphs.push({ kind: 'kernel', kernel, inputs, outputs, numbers: attributes.numbers as readonly number[] });
    }
    const rest = new Set(made.filter((node, i) => levels.get(roots[i]!) === level && !isKernel(node)));
    if (rest.size === 0) continue;
    const seen = views.makersOf([...rest].flatMap(({ inputs }) => inputs));
    const nodes = graph.nodes.filter((node) => rest.has(node) || seen.has(node));
    const own = new Set(nodes.flatMap(({ outputs }) => outputs));
    const names = new Set(nodes.flatMap(({ inputs }) => inputs).filter((name) => name !== '' && !own.has(name)));
    const kept = [...rest]
      .flatMap(({ outputs }) => outputs)
      .filter((name) => (read.get(name) ?? 0) > level)
      .concat(graph.outputs.map(({ name }) => name).filter((name) => own.has(name)));
    const outputs = kept.map((name) => lookUp(name, declared));
    const inputs = [...names].filter((name) => !constants.has(name)).map((name) => lookUp(name, declared, given));
    written.push(...outputs);
    const part = { nodes, inputs, outputs, constants: graph.constants.filter(({ name }) => names.has(name)) };
    subgraphs.push({
      kind: 'session',
      bytes: encodeModel(part, { name: 'step', metadata: {}, named }),
      inputs: inputs.map(({ name }) => name),
      outputs: outputs.map(({ name }) => name),
    });
  }
  return { subgraphs, written };
}

const encodedLoop = (loop: TracedLoop): Loop => ({
  ...loop,
  parts: loop.parts.map((part) => {
    if (part.kind === 'kernel') return part;
    const { kind, graph, inputs, outputs } = part;
    return { kind, bytes: encodeModel(graph), inputs, outputs };
  }),
});

function lookUp(name: string, ...known: ReadonlyMap<string, OnnxValue>[]): OnnxValue {
  for (const values of known) {
    const value = values.get(name);
    if (value) return value;
  }
  throw new Error(`tensor ${name} crosses subgraphs and has no recorded shape`);
}
