/**
 * A step that keeps less: what a block of layers computes inside is computed again once the gradient arrives there, and only what it
 * passes on is kept (Chen et al. 2016). The same operators on the same numbers, so the bits are the same.
 */
import type { StepGraph } from './graph.js';
import { isParameterName } from './names.js';
import { inOrderOfUse } from './order-of-use.js';
import { constantData, type ElementType, type OnnxConstant, type OnnxNode, type OnnxValue } from './proto.js';
import { reachable } from './reachable.js';
import { renamedLoop } from './step-loop.js';

/**
 * @param graph whose nodes say in which block of the forward pass they are, if any
 * @param forwardOutputs what is computed without any gradient
 */
export function recomputed(graph: StepGraph, forwardOutputs: readonly string[]): StepGraph {
  const outputs = graph.outputs.filter(({ name }) => forwardOutputs.includes(name));
  const forward = new Set(reachable({ ...graph, outputs }).nodes);
  const blocks = [...new Set(graph.nodes.flatMap(({ layerBlock }) => layerBlock ?? []))].toSorted((a, b) => b - a);
  let current = graph;
  let above: ReadonlySet<string> = new Set();
  blocks.forEach((number, i) => {
    const block = new LayerBlock(current, forward, number, above);
    // Not the last, whose gradient comes at once.
    if (i > 0) current = block.again();
    above = block.later;
  });
  return current === graph ? graph : inOrderOfUse(reachable(current));
}

/** One block of a graph, whose nodes are in an order in which they can run. */
class LayerBlock {
  readonly #graph: StepGraph;
  readonly #forward: ReadonlySet<OnnxNode>;
  readonly #block: number;
  readonly #makers: ReadonlyMap<string, OnnxNode>;
  /** What others read of it in the forward pass. */
  readonly #passedOn: ReadonlySet<string>;
  /** What depends on more than weights. */
  readonly #variable: ReadonlySet<string>;
  readonly #shapes: Map<string, OnnxValue>;
  readonly #constants: Map<string, OnnxConstant>;
  readonly #made: OnnxNode[] = [];
  /** What stands for a tensor when it is computed again. */
  readonly #copies = new Map<string, string>();
  readonly #above: ReadonlySet<string>;
  /** What is made of what is inside, by the gradient. */
  readonly later: ReadonlySet<string>;

  /** @param above the same of the block that follows it */
  constructor(graph: StepGraph, forward: ReadonlySet<OnnxNode>, block: number, above: ReadonlySet<string>) {
    this.#graph = graph;
    this.#forward = forward;
    this.#block = block;
    this.#above = above;
    this.#makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    this.#shapes = new Map([...graph.inputs.map((value) => [value.name, value] as const), ...graph.shapes]);
    this.#constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
    const others = graph.nodes.filter((node) => forward.has(node) && node.layerBlock !== block);
    this.#passedOn = new Set(others.flatMap(({ inputs }) => inputs.map(this.#rootOf)));
    const given = graph.inputs.filter(({ name }) => !isParameterName(name));
    this.#variable = this.#dependants(
      () => false,
      given.map(({ name }) => name),
    );
    this.later = this.#dependants(this.#isReader);
  }

  /** The graph with the block computed again, where the gradient reads what is inside. */
  again(): StepGraph {
    const { nodes } = this.#graph;
    const isLater = ({ outputs }: OnnxNode) => this.later.has(outputs[0]);
    const arriving = this.#arriving(nodes.filter(isLater).flatMap(({ inputs }) => inputs));
    if (arriving === undefined) return this.#graph;
    const nothing = this.#nothingAfter(arriving);
    const copyOf = (name: string) => (this.#isInside(name) ? this.#copyOf(name, nothing) : name);
    const changed = nodes
      .filter(isLater)
      .map((node) => (this.#isReader(node) ? { ...node, ...renamed(node, copyOf) } : node));
    return {
      ...this.#graph,
      nodes: [...nodes.filter((node) => !isLater(node)), ...this.#made, ...changed],
      constants: [...this.#constants.values()],
      shapes: this.#shapes,
    };
  }

  #isOwn = (node: OnnxNode | undefined): boolean => node?.layerBlock === this.#block;
  #isGradient = (node: OnnxNode): boolean => !this.#forward.has(node) && !this.#isOwn(node);
  #isReader = (node: OnnxNode): boolean => this.#isGradient(node) && node.inputs.some(this.#isInside);
  #isNumbers = (name: string): boolean => this.#shapes.get(name)?.type === 'float32' && !this.#constants.has(name);
  #isInside = (name: string): boolean => {
    const root = this.#rootOf(name);
    return this.#isOwn(this.#makers.get(root)) && !this.#passedOn.has(root);
  };

  /** What a tensor shows in another shape. */
  #rootOf = (name: string): string => {
    const maker = this.#makers.get(name);
    return maker?.op === 'Reshape' && this.#isOwn(maker) ? this.#rootOf(maker.inputs[0]) : name;
  };

  /** What certain nodes write, and all that is made of it and of certain tensors; with those. */
  #dependants(isFirst: (node: OnnxNode) => boolean, first: readonly string[] = []): ReadonlySet<string> {
    const names = new Set(first);
    for (const node of this.#graph.nodes) {
      if (!isFirst(node) && !node.inputs.some((name) => names.has(name))) continue;
      for (const name of node.outputs) names.add(name);
    }
    return names;
  }

  /**
   * The gradient with which the block's own begins. Of what comes from the block above it is the first to be there, which is what
   * that hands down; else it is the last.
   */
  #arriving(given: readonly string[]): string | undefined {
    const depths = new Map<string, number>();
    for (const node of this.#graph.nodes) {
      if (!this.#isGradient(node)) continue;
      const depth = 1 + Math.max(0, ...node.inputs.map((name) => depths.get(name) ?? 0));
      for (const name of node.outputs) depths.set(name, depth);
    }
    const gradients = given
      .filter((name) => depths.has(name) && !this.later.has(name) && this.#isNumbers(name))
      .toSorted((a, b) => depths.get(a)! - depths.get(b)!);
    return gradients.find((name) => this.#above.has(name)) ?? gradients.at(-1);
  }

  /** The tensor computed again; itself where it is made of weights alone. */
  #copyOf(name: string, nothing: string): string {
    const known = this.#copies.get(name);
    if (known !== undefined) return known;
    if (!this.#isInside(name)) return this.#set(name, this.#guarded(name, nothing));
    const node = this.#makers.get(name)!;
    const inputs = node.inputs.map((input) => this.#copyOf(input, nothing));
    const isSame = inputs.every((input, i) => input === node.inputs[i]);
    for (const output of node.outputs) this.#set(output, isSame ? output : this.#named(`${output}_again`, output));
    if (!isSame) {
      const names = renamed(node, (each) => this.#copies.get(each) ?? each);
      const outputs = node.outputs.map((output) => this.#copies.get(output)!);
      this.#made.push({ ...node, ...names, outputs, layerBlock: undefined });
    }
    return this.#copies.get(name)!;
  }

  /** The same numbers, but not before the gradient is there: what is made of them is neither made earlier, nor taken for what was made before. */
  #guarded(name: string, nothing: string): string {
    if (!this.#isNumbers(name) || !this.#variable.has(name)) return name;
    const guarded = this.#named(`${name}_in${this.#block}`, name);
    this.#made.push({ op: 'Add', inputs: [name, nothing], outputs: [guarded], attributes: {} });
    return guarded;
  }

  /** Negative zero, which changes no number that it is added to, once `arriving` is there. */
  #nothingAfter(arriving: string): string {
    const node = (op: string, ...inputs: string[]): string => {
      const name = `${op}_again${this.#block}`;
      this.#made.push({ op, inputs, outputs: [name], attributes: {} });
      return name;
    };
    const flat = node('Reshape', arriving, this.#constant('flat', 'int64', [-1], [1]));
    const first = this.#constant('first', 'int64', [0], [1]);
    const start = node('Slice', flat, first, this.#constant('second', 'int64', [1], [1]));
    const nothing = this.#constant('nothing', 'float32', [-0], []);
    // Both are the same, which ONNX Runtime's optimizer does not ask.
    const made = node('Where', node('IsNaN', start), nothing, nothing);
    this.#shapes.set(made, { name: made, shape: [1], type: 'float32' });
    return made;
  }

  #constant(what: string, type: ElementType, values: readonly number[], shape: readonly number[]): string {
    const name = `${what}_again`;
    this.#constants.set(name, { name, shape, type, data: constantData(type, values) });
    return name;
  }

  #named(name: string, like: string): string {
    const value = this.#shapes.get(like);
    if (value) this.#shapes.set(name, { ...value, name });
    return name;
  }

  #set(name: string, copy: string): string {
    this.#copies.set(name, copy);
    return copy;
  }
}

const renamed = ({ inputs, loop }: OnnxNode, rename: (name: string) => string): Pick<OnnxNode, 'inputs' | 'loop'> => ({
  inputs: inputs.map(rename),
  loop: loop && renamedLoop(loop, rename),
});
