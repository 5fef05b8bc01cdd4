/**
 * Cuts a step's graph where Lockstep's own kernels run: ONNX Runtime computes a subgraph, a kernel the next tensor, ONNX
 * Runtime the subgraph that depends on that tensor. A model without such kernels is one subgraph.
 */
import { kernelDomain, type StepGraph } from './graph.js';
import { encodeModel, type OnnxNode, type OnnxValue } from './proto.js';
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
      readonly output: string;
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

/** Splits and encodes a graph. @param named see OnnxDescription */
export function cutGraph(graph: StepGraph, named = false): CutGraph {
  const levels = levelsOf(graph.nodes);
  const given = new Map([...graph.inputs, ...graph.constants].map((value) => [value.name, value]));
  const declared = new Map([...graph.shapes, ...graph.outputs.map((value) => [value.name, value] as const)]);
  const constants = new Set(graph.constants.map(({ name }) => name));
  const subgraphs: Subgraph[] = [];
  const written: OnnxValue[] = [];
  const last = Math.max(...levels.values());
  for (let level = 0; level <= last; level++) {
    const nodes = graph.nodes.filter((node) => levels.get(node) === level);
    for (const node of nodes.filter(isKernel)) {
      const [output] = node.outputs;
      written.push(...node.outputs.map((name) => declared.get(name)!));
      if (node.loop) {
        subgraphs.push({ kind: 'loop', ...node.loop, inputs: node.inputs, outputs: node.outputs });
        continue;
      }
      const numbers = node.attributes.numbers as readonly number[];
      subgraphs.push({ kind: 'kernel', kernel: node.op, inputs: node.inputs, output, numbers });
    }
    const rest = nodes.filter((node) => !isKernel(node));
    if (rest.length === 0) continue;
    const made = new Set(rest.flatMap(({ outputs }) => outputs));
    const read = new Set(rest.flatMap(({ inputs }) => inputs).filter((name) => name !== '' && !made.has(name)));
    const readLater = new Set(graph.nodes.filter((node) => levels.get(node)! > level).flatMap(({ inputs }) => inputs));
    const kept = [...made]
      .filter((name) => readLater.has(name))
      .concat(graph.outputs.map(({ name }) => name).filter((name) => made.has(name)));
    const outputs = kept.map((name) => lookUp(name, declared));
    const inputs = [...read].filter((name) => !constants.has(name)).map((name) => lookUp(name, declared, given));
    written.push(...outputs);
    const part = { nodes: rest, inputs, outputs, constants: graph.constants.filter(({ name }) => read.has(name)) };
    subgraphs.push({
      kind: 'session',
      bytes: encodeModel(part, { name: 'step', metadata: {}, named }),
      inputs: inputs.map(({ name }) => name),
      outputs: outputs.map(({ name }) => name),
    });
  }
  return { subgraphs, written };
}

function lookUp(name: string, ...known: ReadonlyMap<string, OnnxValue>[]): OnnxValue {
  for (const values of known) {
    const value = values.get(name);
    if (value) return value;
  }
  throw new Error(`tensor ${name} crosses subgraphs and has no recorded shape`);
}
