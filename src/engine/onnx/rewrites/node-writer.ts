/** Writes the nodes of a rule: new ones are named after the tensor for which they are made. */
import { kernelDomain, type StepGraph } from '../graph.js';
import {
  type Attribute,
  constantData,
  type ElementType,
  type OnnxConstant,
  type OnnxNode,
  type OnnxValue,
} from '../proto.js';

interface NodeOptions {
  readonly attributes?: Record<string, Attribute>;
  readonly domain?: string;
  readonly to?: string;
  readonly type?: ElementType;
}

export class NodeWriter {
  readonly #constants: Map<string, OnnxConstant>;
  readonly #shapes: Map<string, OnnxValue>;
  readonly #scalars = new Map<string, string>();
  readonly #shared = new Map<string, string>();
  readonly #makers = new Map<string, OnnxNode>();
  readonly #taken: Set<string>;
  #node!: OnnxNode;
  #nodes: OnnxNode[] = [];
  #count = 0;

  constructor({ nodes, constants, shapes }: StepGraph) {
    this.#taken = new Set([...nodes.flatMap(({ outputs }) => outputs), ...constants.map(({ name }) => name)]);
    this.#constants = new Map(constants.map((constant) => [constant.name, constant]));
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
    return { constants: [...this.#constants.values()], shapes: this.#shapes };
  }

  /**
   * Appends a node with one output.
   * @param to the name of its output, where it is there already
   */
  node(
    op: string,
    inputs: readonly string[],
    shape: readonly number[],
    { attributes = {}, domain, to, type = 'float32' }: NodeOptions = {},
  ): string {
    const name = to ?? this.#name();
    this.#append({ op, inputs, outputs: [name], attributes, domain, ...this.#origin() });
    this.#shapes.set(name, { name, shape, type });
    return name;
  }

  /**
   * Appends a call of a kernel of ours.
   * @param shapes of its outputs; without them it has those of the node in whose place it stands
   */
  kernel(
    op: string,
    inputs: readonly string[],
    numbers: readonly number[],
    shapes?: readonly (readonly number[])[],
  ): readonly string[] {
    const made = shapes?.map((shape) => {
      const name = this.#name();
      this.#shapes.set(name, { name, shape, type: 'float32' });
      return name;
    });
    const outputs = made ?? this.#node.outputs;
    this.#append({ op, inputs, outputs, attributes: { numbers }, domain: kernelDomain, ...this.#origin() });
    return outputs;
  }

  #origin(): Pick<OnnxNode, 'kernel' | 'layerBlock'> {
    const { kernel, layerBlock } = this.#node;
    return { kernel, layerBlock };
  }

  #append(node: OnnxNode): void {
    this.#nodes.push(node);
    for (const name of node.outputs) this.#makers.set(name, node);
  }

  /** The node that makes a tensor, if this rule has written it. */
  maker(name: string): OnnxNode | undefined {
    return this.#makers.get(name);
  }

  shape(name: string): readonly number[] | undefined {
    return this.#shapes.get(name)?.shape;
  }

  /** Of constants, too. */
  shapeOfAny = (name: string): readonly number[] | undefined => this.shape(name) ?? this.#constants.get(name)?.shape;

  /** A tensor that was made for an earlier node, and serves this one as well. */
  shared(key: string): string | undefined {
    return this.#shared.get(key);
  }
  share(key: string, name: string): void {
    this.#shared.set(key, name);
  }

  /** The numbers of a tensor in another shape of as many. */
  seenAs(name: string, shape: readonly number[]): string {
    const wanted = String(shape);
    if (String(this.#shapes.get(name)?.shape) === wanted) return name;
    const constant = this.#constants.get(name);
    if (!constant) return this.node('Reshape', [name, this.int64(shape)], shape);
    const turned = { ...constant, name: this.#name(), shape };
    this.#constants.set(turned.name, turned);
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
    this.#constants.set(name, { name, shape: [], type: 'float32', data: Float32Array.of(value) });
    this.#scalars.set(key, name);
    return name;
  }

  /** A new one. Earlier rules may have made tensors for the same node. */
  #name(): string {
    const name = `${this.#node.outputs[0]}_${this.#count++}`;
    if (this.#taken.has(name)) return this.#name();
    this.#taken.add(name);
    return name;
  }

  floats(values: readonly number[], shape: readonly number[]): string {
    const name = this.#name();
    this.#constants.set(name, { name, shape, type: 'float32', data: Float32Array.from(values) });
    return name;
  }

  int64(values: readonly number[]): string {
    const name = this.#name();
    this.#constants.set(name, { name, shape: [values.length], type: 'int64', data: constantData('int64', values) });
    return name;
  }
}
