/** Builds an ONNX graph node by node. Values carry their memory layout, so that convolutions in a row never transpose. */
import { elements } from '../../ground/elements.js';
import {
  type Attribute,
  constantData,
  type ElementType,
  type OnnxConstant,
  type OnnxGraph,
  type OnnxNode,
  type OnnxValue,
  type TracedLoop,
} from './proto.js';
import { reachable } from './reachable.js';
import type { Storage, StoredValue } from './storage.js';

/** Domain of the nodes that are our own kernels. */
export const kernelDomain = 'lockstep';

/** A graph that may hold kernel nodes, with what is known of the tensors between its nodes. */
export interface StepGraph extends OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly shapes: ReadonlyMap<string, OnnxValue>;
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** Where axis i of [N, H, W, C] lies in [N, C, H, W]. */
export const channelsFirstAxis = [0, 2, 3, 1] as const;
const toChannelsFirst = [0, 3, 1, 2];
const toChannelsLast = [0, 2, 3, 1];

/** A loop, as a function called for each of millions of zeros takes its time. */
function isUniform(data: Float32Array | Int32Array | Uint8Array): boolean {
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], data[0])) return false;
  return true;
}

export class GraphBuilder {
  readonly #nodes: OnnxNode[] = [];
  readonly #inputs: OnnxValue[] = [];
  readonly #outputs: OnnxValue[] = [];
  readonly #constants = new Map<string, OnnxConstant>();
  /** The tensors that nodes make. */
  readonly #made = new Set<string>();
  readonly #shapes = new Map<string, OnnxValue>();
  #names = 0;
  #prefix = '';
  #aparts = 0;

  /** What is being lowered: the kernel of tfjs, and the block of layers that it is in. */
  readonly origin: { kernel?: string; layerBlock?: number } = {};

  /** @param turnsProducts whether matrix products may read transposed copies, which is faster, and more nodes (matmul.ts) */
  constructor(readonly turnsProducts: boolean) {}

  /** Declares a graph input in row-major order. */
  input(name: string, shape: readonly number[], type: ElementType): StoredValue {
    this.#inputs.push({ name, shape, type });
    return this.value(name, shape, type);
  }

  /** A value whose row-major form is the tensor `name`. */
  value(name: string, shape: readonly number[], type: ElementType = 'float32'): StoredValue {
    this.#shapes.set(name, { name, shape, type });
    return { storage: { type, rows: new Map([[shape.join(), name]]) }, shape };
  }

  /** A value of shape [N, H, W, C] whose transposed form [N, C, H, W] is the tensor `name`. */
  channelsFirstValue(name: string, shape: readonly number[], type: ElementType = 'float32'): StoredValue {
    const [n, h, w, c] = shape;
    this.#shapes.set(name, { name, shape: [n, c, h, w], type });
    return { storage: { type, rows: new Map(), transposed: true, channelsFirst: { name, shape } }, shape };
  }

  constant(data: Float32Array | Int32Array | Uint8Array, shape: readonly number[], type: ElementType): StoredValue {
    const splat = data.length > 0 && isUniform(data) ? data[0] : undefined;
    return { storage: { type, rows: new Map(), constant: data, splat }, shape };
  }

  splat(value: number, shape: readonly number[], type: ElementType): StoredValue {
    return { storage: { type, rows: new Map(), splat: value }, shape };
  }

  /** `from` broadcast to `shape`. */
  spread(from: StoredValue, shape: readonly number[]): StoredValue {
    const { type, splat } = from.storage;
    if (splat !== undefined) return this.splat(splat, shape, type);
    if (sameShape(from.shape, shape)) return from;
    return { storage: { type, rows: new Map(), spread: { from, shape } }, shape };
  }

  /** Appends a node with one output and returns that output's name. */
  node(op: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}, domain?: string): string {
    return this.nodes(op, inputs, 1, attributes, domain)[0]!;
  }

  /**
   * Appends a node with several outputs.
   * @param loop what a loop does, by the names of what it writes
   */
  nodes(
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Record<string, Attribute> = {},
    domain?: string,
    loop?: (names: readonly string[]) => TracedLoop,
  ): string[] {
    const names = Array.from({ length: outputs }, () => `${this.#prefix}t${this.#names++}`);
    const node = { op, inputs, outputs: names, attributes, domain, ...this.origin, loop: loop?.(names) };
    this.#nodes.push(node);
    for (const name of names) this.#made.add(name);
    return names;
  }

  /**
   * Counts what `body` appends apart. For nodes that often turn out not to be needed: all others keep their names, by which,
   * among the rest, the graph of a run is known again.
   */
  apart<T>(body: () => T): T {
    const [names, prefix] = [this.#names, this.#prefix];
    this.#prefix = `a${this.#aparts++}`;
    try {
      return body();
    } finally {
      this.#names = names;
      this.#prefix = prefix;
    }
  }

  /**
   * Appends a call of one of our own kernels, which runs between two parts of the graph.
   * @param shapes of its results
   * @param numbers arguments after the addresses of inputs and results
   */
  kernel(
    name: string,
    inputs: readonly string[],
    shapes: readonly (readonly number[])[],
    numbers: readonly number[],
  ): string[] {
    const made = inputs.map((input) => this.written(input));
    const results = this.nodes(name, made, shapes.length, { numbers }, kernelDomain);
    results.forEach((result, i) => {
      this.#shapes.set(result, { name: result, shape: shapes[i]!, type: 'float32' });
    });
    return results;
  }

  /** A tensor where kernels reach it: what a graph is given, and its constants, lie elsewhere. */
  written(name: string): string {
    if (this.#made.has(name)) return name;
    const copy = this.node('Identity', [name]);
    this.#shapes.set(copy, { ...this.#shapes.get(name)!, name: copy });
    return copy;
  }

  int64(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#addConstant(BigInt64Array.from(values, BigInt), shape, 'int64');
  }

  float(value: number): string {
    return this.#addConstant(Float32Array.of(value), [], 'float32');
  }

  /** A scalar of any element type. */
  scalar(value: number, type: ElementType): string {
    return this.#addConstant(constantData(type, [value]), [], type);
  }

  tensor(data: Float32Array | Int32Array | Uint8Array, shape: readonly number[], type: ElementType): string {
    return this.#addConstant(data, shape, type);
  }

  #addConstant(data: OnnxConstant['data'], shape: readonly number[], type: ElementType): string {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const key = `${type}:${shape.join()}:${bytes.toString('latin1')}`;
    const known = this.#constants.get(key);
    if (known) return known.name;
    const constant = { name: `${this.#prefix}c${this.#names++}`, shape, type, data };
    this.#constants.set(key, constant);
    return constant.name;
  }

  /** True when a value was made channels-first: operations that can should then work on that form. */
  prefersChannelsFirst({ storage, shape }: StoredValue): boolean {
    return storage.transposed === true && sameShape(storage.channelsFirst!.shape, shape);
  }

  /** Name of the row-major tensor of a value, seen with `shape`; emits a Transpose or Reshape if there is none. */
  rows(value: StoredValue, shape: readonly number[] = value.shape): string {
    const { storage } = value;
    const key = shape.join();
    const known = storage.rows.get(key);
    if (known) return known;
    const name = this.#makeRows(storage, shape);
    this.#shapes.set(name, { name, shape, type: storage.type });
    storage.rows.set(key, name);
    return name;
  }

  #makeRows(storage: Storage, shape: readonly number[]): string {
    // What is empty is known, and a Reshape would take its zeros for something else.
    if (elements(shape) === 0) return this.#addConstant(constantData(storage.type, []), shape, storage.type);
    if (storage.constant) return this.#addConstant(storage.constant, shape, storage.type);
    if (storage.splat !== undefined) {
      return this.#addConstant(
        constantData(storage.type, Array(elements(shape)).fill(storage.splat)),
        shape,
        storage.type,
      );
    }
    if (storage.rows.size === 0) {
      const { name, shape: own } = this.#firstRows(storage);
      storage.rows.set(own.join(), name);
      this.#shapes.set(name, { name, shape: own, type: storage.type });
      if (sameShape(own, shape)) return name;
    }
    const [first] = storage.rows.values();
    return this.node('Reshape', [first!, this.int64(shape)]);
  }

  #firstRows({ spread, channelsFirst }: Storage): { name: string; shape: readonly number[] } {
    if (spread) {
      const { from, shape } = spread;
      return { name: this.node('Expand', [this.rows(from), this.int64(shape)]), shape };
    }
    const { name, shape } = channelsFirst!;
    const [n, h, w, c] = shape as [number, number, number, number];
    // Moving an axis of length one moves no number, so a Reshape does.
    const moves = c !== 1 && h * w !== 1;
    const rows = moves
      ? this.node('Transpose', [name], { perm: toChannelsLast })
      : this.node('Reshape', [name, this.int64([n, h, w, c])]);
    return { name: rows, shape };
  }

  /** Whether a rank-2 value has been transposed. */
  hasColumns({ storage, shape }: StoredValue): boolean {
    return storage.columns !== undefined && sameShape(storage.columns.shape, shape);
  }

  /** Name of the transposed tensor [C, N] of a value of shape [N, C]. */
  columns(value: StoredValue): string {
    const { storage, shape } = value;
    if (this.hasColumns(value)) return storage.columns!.name;
    const [n, c] = shape as [number, number];
    // At rank 3: at rank 2 ONNX Runtime's optimizer would undo it, and have the product transpose.
    const turned = this.node('Transpose', [this.rows(value, [n, c, 1])], { perm: [1, 0, 2] });
    const name = this.node('Reshape', [turned, this.int64([c, n])]);
    this.#shapes.set(name, { name, shape: [c, n], type: storage.type });
    storage.columns = { name, shape };
    return name;
  }

  /** Name of the transposed tensor [N, C, H, W] of a value of shape [N, H, W, C]. */
  channelsFirst(value: StoredValue): string {
    const { storage, shape } = value;
    if (storage.channelsFirst && sameShape(storage.channelsFirst.shape, shape)) return storage.channelsFirst.name;
    const [n, h, w, c] = shape as [number, number, number, number];
    const name =
      c === 1 || h * w === 1
        ? this.rows(value, [n, c, h, w])
        : this.node('Transpose', [this.rows(value)], { perm: toChannelsFirst });
    this.#shapes.set(name, { name, shape: [n, c, h, w], type: storage.type });
    storage.channelsFirst ??= { name, shape };
    return name;
  }

  /**
   * Declares a value as graph output `name`; the numbers come row-major, in whatever shape they have.
   * @param shaped in the value's own shape
   */
  output(name: string, value: StoredValue, shaped = false): void {
    if (shaped || value.storage.rows.size === 0) this.rows(value);
    const [[firstKey, firstRows]] = value.storage.rows;
    const [key, rows] = shaped ? [value.shape.join(), this.rows(value)] : [firstKey, firstRows];
    this.#nodes.push({ op: 'Identity', inputs: [rows], outputs: [name], attributes: {} });
    const shape = key === '' ? [] : key.split(',').map(Number);
    this.#outputs.push({ name, shape, type: value.storage.type });
  }

  build(): StepGraph {
    return reachable({
      nodes: this.#nodes,
      inputs: this.#inputs,
      outputs: this.#outputs,
      shapes: this.#shapes,
      constants: [...this.#constants.values()],
    });
  }
}
