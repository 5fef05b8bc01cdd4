/**
 * Makes one graph for any batch size out of two for fixed ones. Traces of the same model differ in the numbers that stand
 * for the batch alone: sizes and bounds, which become sums with the size that the graph finds at run time.
 */
import type { StepGraph } from '../engine/onnx/graph.js';
import type { ElementType, OnnxConstant, OnnxGraph, OnnxNode, OnnxPort } from '../engine/onnx/proto.js';

export interface BatchTrace {
  readonly count: number;
  readonly graph: StepGraph;
}

/** Name of the size that is known only when the graph runs. */
const batchName = 'batch';

/** `perExample * batch + fixed`. */
interface LinearSize {
  readonly perExample: number;
  readonly fixed: number;
}

/** The two traces differ in more than sizes. */
class Differs extends Error {}

/**
 * @param input name of the input whose first axis is the batch
 * @returns undefined where the traces differ in anything but sizes that grow evenly with the batch
 */
export function anyBatch(a: BatchTrace, b: BatchTrace, input: string): OnnxGraph | undefined {
  try {
    return new Join(a, b, input).graph();
  } catch (error) {
    if (error instanceof Differs) return undefined;
    throw error;
  }
}

class Join {
  readonly #a: BatchTrace;
  readonly #b: BatchTrace;
  readonly #input: string;
  /** Names of b's tensors by those of a's. */
  readonly #twins: Map<string, string>;
  readonly #constants: readonly [Map<string, OnnxConstant>, Map<string, OnnxConstant>];
  readonly #nodes: OnnxNode[] = [];
  readonly #made = new Map<string, OnnxConstant>();
  /** Names of computed tensors by what they hold. */
  readonly #computed = new Map<string, string>();

  constructor(a: BatchTrace, b: BatchTrace, input: string) {
    [this.#a, this.#b, this.#input] = [a, b, input];
    this.#twins = new Map([['', ''], ...a.graph.inputs.map(({ name }) => [name, name] as const)]);
    const byName = ({ graph }: BatchTrace) => new Map(graph.constants.map((constant) => [constant.name, constant]));
    this.#constants = [byName(a), byName(b)];
  }

  graph(): OnnxGraph {
    const [a, b] = [this.#a.graph, this.#b.graph];
    same(a.nodes.length, b.nodes.length);
    a.nodes.forEach((node, i) => {
      const twin = b.nodes[i];
      same([node.op, node.domain, node.attributes], [twin.op, twin.domain, twin.attributes]);
      same(node.inputs.length, twin.inputs.length);
      const inputs = node.inputs.map((name, j) =>
        this.#operand(name, twin.inputs[j], node.op === 'Reshape' && j === 1),
      );
      this.#nodes.push({ ...node, inputs });
      node.outputs.forEach((name, j) => {
        this.#twins.set(name, twin.outputs[j]);
      });
    });
    return {
      nodes: this.#nodes,
      inputs: this.#ports(a.inputs, b.inputs),
      outputs: this.#ports(a.outputs, b.outputs),
      constants: [...this.#made.values()],
    };
  }

  #operand(name: string, twin: string, isTarget: boolean): string {
    const [a, b] = [this.#constants[0].get(name), this.#constants[1].get(twin)];
    if (a && b) return this.#constant(a, b, isTarget);
    same(this.#twins.get(name), twin);
    return name;
  }

  /** @param isTarget the constant is a shape to bring something into, where one size can be left open */
  #constant(a: OnnxConstant, b: OnnxConstant, isTarget: boolean): string {
    same([a.type, a.shape.length], [b.type, b.shape.length]);
    const values = [...a.data].map(Number);
    const others = [...b.data].map(Number);
    if (a.shape.join() === b.shape.join() && values.every((value, i) => Object.is(value, others[i]))) {
      this.#made.set(a.name, a);
      return a.name;
    }
    if (a.type === 'int64' && a.shape.length === 1) {
      return this.#sizes(this.#sizesOf(values, others), isTarget);
    }
    // One number everywhere, in a shape that depends on the batch.
    same(new Set([...values, ...others]).size, 1);
    const scalar = this.#scalar(a.type, values[0]);
    return this.#node('Expand', [scalar, this.#sizes(this.#sizesOf(a.shape, b.shape), false)]);
  }

  #sizesOf(a: readonly number[], b: readonly number[]): LinearSize[] {
    same(a.length, b.length);
    return a.map((value, i) => {
      const perExample = (b[i] - value) / (this.#b.count - this.#a.count);
      if (!Number.isInteger(perExample)) throw new Differs();
      return { perExample, fixed: value - perExample * this.#a.count };
    });
  }

  /** A tensor of int64 with these sizes. */
  #sizes(sizes: readonly LinearSize[], isTarget: boolean): string {
    const open = sizes.filter(({ perExample }) => perExample !== 0);
    if (open.length === 0 || (isTarget && open.length === 1)) {
      return this.#int64(sizes.map(({ perExample, fixed }) => (perExample === 0 ? fixed : -1)));
    }
    const parts = sizes.map(({ perExample, fixed }) => {
      if (perExample === 0) return this.#int64([fixed]);
      const batch = this.#node('Shape', [this.#input], { start: 0, end: 1 });
      const product = perExample === 1 ? batch : this.#node('Mul', [batch, this.#int64([perExample])]);
      return fixed === 0 ? product : this.#node('Add', [product, this.#int64([fixed])]);
    });
    return parts.length === 1 ? parts[0] : this.#node('Concat', parts, { axis: 0 });
  }

  #int64(values: readonly number[]): string {
    return this.#make('int64', BigInt64Array.from(values, BigInt), [values.length]);
  }

  #scalar(type: ElementType, value: number): string {
    if (type === 'int64') return this.#make(type, BigInt64Array.of(BigInt(value)), []);
    const array = type === 'float32' ? Float32Array : type === 'int32' ? Int32Array : Uint8Array;
    return this.#make(type, array.of(value), []);
  }

  #make(type: ElementType, data: OnnxConstant['data'], shape: readonly number[]): string {
    const name = `${batchName}_${type}_${shape.length}_${[...data].join('_')}`;
    this.#made.set(name, { name, type, data, shape });
    return name;
  }

  /** Appends a node, unless there is the same one. */
  #node(op: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}): string {
    const key = `${op} ${inputs.join()}`;
    const known = this.#computed.get(key);
    if (known) return known;
    const name = `${batchName}${this.#computed.size}`;
    this.#computed.set(key, name);
    this.#nodes.push({ op, inputs, outputs: [name], attributes });
    return name;
  }

  #ports(a: readonly OnnxPort[], b: readonly OnnxPort[]): OnnxPort[] {
    same(a.length, b.length);
    return a.map((port, i) => {
      const sizes = this.#sizesOf(port.shape as number[], b[i].shape as number[]);
      const shape = sizes.map(({ perExample, fixed }) => {
        if (perExample === 0) return fixed;
        same([perExample, fixed], [1, 0]);
        return batchName;
      });
      return { ...port, shape };
    });
  }
}

function same(a: unknown, b: unknown): void {
  if (JSON.stringify(a) !== JSON.stringify(b)) throw new Differs();
}
