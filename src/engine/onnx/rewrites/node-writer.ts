/** Writes the nodes of a rule: new ones are named after the tensor for which they are made. */
import { kernelDomain, type StepGraph } from '../graph.js';
import { type Attribute, constantData, type OnnxConstant, type OnnxNode, type OnnxValue } from '../proto.js';

export class NodeWriter {
  readonly #constants: OnnxConstant[];
  readonly #shapes: Map<string, OnnxValue>;
  readonly #scalars = new Map<string, string>();
  #node!: OnnxNode;
  #nodes: OnnxNode[] = [];
  #count = 0;

  constructor({ constants, shapes }: StepGraph) {
    this.#constants = [...constants];
    this.#shapes = new Map(shapes);
    for (const { name, type, shape, data } of constants) {
      if (type === 'float32' && shape.length === 0) this.#scalars.set(String(data[0]), name);
    }
  }

  /** What comes next stands for `node`. */
  begin(node: OnnxNode): void {
    this.#node = node;
    this.#nodes = [];
    this.#count = 0;
  }

  end(): OnnxNode[] {
    return this.#nodes;
  }

  tables(): Pick<StepGraph, 'constants' | 'shapes'> {
    return { constants: this.#constants, shapes: this.#shapes };
  }

  /**
   * Appends a node with one output.
   * @param to the name of its output, where it is there already
   */
  node(
    op: string,
    inputs: readonly string[],
    shape: readonly number[],
    { attributes = {}, domain, to }: { attributes?: Record<string, Attribute>; domain?: string; to?: string } = {},
  ): string {
    const name = to ?? this.#name();
    this.#nodes.push({ op, inputs, outputs: [name], attributes, domain, kernel: this.#node.kernel });
    this.#shapes.set(name, { name, shape, type: 'float32' });
    return name;
  }

  /** Appends a call of a kernel of ours in the place of the node: with its outputs. */
  kernel(op: string, inputs: readonly string[], numbers: readonly number[]): void {
    this.#nodes.push({
      op,
      inputs,
      outputs: this.#node.outputs,
      attributes: { numbers },
      domain: kernelDomain,
      kernel: this.#node.kernel,
    });
  }

  /** The numbers of a tensor in another shape of as many. */
  seenAs(name: string, shape: readonly number[]): string {
    const wanted = String(shape);
    if (String(this.#shapes.get(name)?.shape) === wanted) return name;
    const constant = this.#constants.find((known) => known.name === name);
    if (!constant) return this.node('Reshape', [name, this.int64(shape)], shape);
    const turned = { ...constant, name: this.#name(), shape };
    this.#constants.push(turned);
    this.#shapes.set(turned.name, turned);
    return turned.name;
  }

  /** A copy of what the graph is given, where kernels reach it. */
  copied(name: string): string {
    return this.node('Identity', [name], this.#shapes.get(name)!.shape);
  }

  /** Name of a number. */
  float(value: number): string {
    const key = String(Math.fround(value));
    const known = this.#scalars.get(key);
    if (known) return known;
    const name = this.#name();
    this.#constants.push({ name, shape: [], type: 'float32', data: Float32Array.of(value) });
    this.#scalars.set(key, name);
    return name;
  }

  #name = (): string => `${this.#node.outputs[0]}_${this.#count++}`;

  int64(values: readonly number[]): string {
    const name = this.#name();
    this.#constants.push({ name, shape: [values.length], type: 'int64', data: constantData('int64', values) });
    return name;
  }
}
