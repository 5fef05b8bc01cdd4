/** Adds to the graph of a model what was fitted on its validation split: calibrated probabilities, and the class. */
import {
  type Attribute,
  elementTypeCode,
  type OnnxConstant,
  type OnnxDouble,
  type OnnxGraph,
  type OnnxNode,
  type OnnxPort,
} from '../engine/onnx/proto.js';
import {
  type ClassOutput,
  type Decision,
  decides,
  type IsotonicCurve,
  least,
  nearOne,
} from '../metrics/class-probabilities.js';

/** An output of a graph that tells classes apart. */
export interface DecidedOutput extends ClassOutput {
  /** What the graph calls it. */
  readonly name: string;
  /** Whether what is added goes by that name. */
  readonly isNamed: boolean;
  readonly decision: Decision;
}

/**
 * All is computed in 64 bits, as Lockstep itself does.
 * @returns the graph with outputs `probabilities`, float32 [..., classes], and `label`, int64 [...], for each of the outputs
 */
export function withDecisions(graph: OnnxGraph, outputs: readonly DecidedOutput[]): OnnxGraph {
  return outputs.reduce((whole, output) => new DecidedGraph(whole, output).graph, graph);
}

class DecidedGraph {
  readonly graph: OnnxGraph;
  readonly #output: DecidedOutput;
  readonly #nodes: OnnxNode[] = [];
  readonly #constants: OnnxConstant[] = [];
  readonly #doubles: OnnxDouble[] = [];
  readonly #taken: Set<string>;

  constructor(graph: OnnxGraph, output: DecidedOutput) {
    this.#output = output;
    const { nodes, inputs, outputs, constants, doubles = [] } = graph;
    this.#taken = new Set([
      ...nodes.flatMap((node) => [...node.inputs, ...node.outputs]),
      ...[...inputs, ...outputs, ...constants, ...doubles].map(({ name }) => name),
    ]);
    const { name, isNamed, outputs: width } = output;
    const prefix = isNamed ? `${name}_` : '';
    const places = outputs.find((port) => port.name === name)!.shape.slice(0, -1);
    const ports: OnnxPort[] = [
      { name: this.#free(`${prefix}probabilities`), type: 'float32', shape: [...places, Math.max(2, width)] },
      { name: this.#free(`${prefix}label`), type: 'int64', shape: places },
    ];
    const probabilities = this.#probabilities();
    this.#node('Cast', [probabilities], { to: elementTypeCode.float32 }, ports[0].name);
    this.#label(probabilities, ports[1].name);
    this.graph = {
      nodes: [...nodes, ...this.#nodes],
      inputs,
      outputs: [...outputs, ...ports],
      constants: [...constants, ...this.#constants],
      doubles: [...doubles, ...this.#doubles],
    };
  }

  /** In 64 bits. */
  #probabilities(): string {
    const { outputs: width, decision } = this.#output;
    const { calibration } = decision;
    const output = this.#node('Cast', [this.#output.name], { to: elementTypeCode.float64 });
    if (calibration?.method === 'temperature') {
      const logits = this.#node('Div', [this.#logits(output), this.#number(calibration.temperature)]);
      return width === 1 ? this.#pair(logits) : this.#node('Softmax', [logits], { axis: -1 });
    }
    const own = this.#own(output);
    return calibration ? this.#byCurves(own, calibration.curves) : own;
  }

  /** As `logitsOf` makes them. */
  #logits(output: string): string {
    const { outputs: width, kind } = this.#output;
    if (kind === 'logits') return output;
    const logarithm = (value: string, most: number) =>
      this.#node('Log', [this.#node('Max', [value, this.#number(most)])]);
    if (width > 1) return logarithm(this.#own(output), least);
    const other = this.#node('Sub', [this.#number(1), output]);
    return this.#node('Sub', [logarithm(output, least), logarithm(other, nearOne)]);
  }

  /** Probabilities as the outputs have them. */
  #own(output: string): string {
    const { outputs: width, kind } = this.#output;
    if (width === 1) {
      if (kind === 'logits') return this.#pair(output);
      return this.#joined([this.#node('Sub', [this.#number(1), output]), output]);
    }
    if (kind === 'softmax') return output;
    return kind === 'logits' ? this.#node('Softmax', [output], { axis: -1 }) : this.#shares(output);
  }

  /** Both classes of the logit of the second. */
  #pair(logit: string): string {
    return this.#joined([this.#node('Sigmoid', [this.#node('Neg', [logit])]), this.#node('Sigmoid', [logit])]);
  }

  #byCurves(own: string, curves: readonly IsotonicCurve[]): string {
    if (this.#output.outputs <= 2) {
      const second = this.#onCurve(this.#column(own, 1), curves[0]);
      return this.#joined([this.#node('Sub', [this.#number(1), second]), second]);
    }
    const each = this.#joined(curves.map((curve, i) => this.#onCurve(this.#column(own, i), curve)));
    const isNothing = this.#node('Equal', [this.#sum(each), this.#number(0)]);
    return this.#node('Where', [isNothing, this.#number(1 / curves.length), this.#shares(each)]);
  }

  /** Each piece of the line adds as much of its height as the score has gone of its width. */
  #onCurve(score: string, { scores, probabilities }: IsotonicCurve): string {
    const steps = (values: readonly number[]) => values.slice(1).map((value, i) => value - values[i]);
    const first = this.#number(probabilities[0]);
    if (scores.length === 1) return this.#node('Add', [this.#node('Mul', [score, this.#number(0)]), first]);
    const beyond = this.#node('Sub', [score, this.#numbers(scores.slice(0, -1))]);
    const part = this.#node('Div', [beyond, this.#numbers(steps(scores))]);
    const kept = this.#node('Min', [this.#node('Max', [part, this.#number(0)]), this.#number(1)]);
    const heights = this.#node('Mul', [kept, this.#numbers(steps(probabilities))]);
    return this.#node('Add', [this.#sum(heights), first]);
  }

  #label(probabilities: string, name: string): void {
    const { outputs: width, decision } = this.#output;
    if (width > 2) {
      const of = decides(decision) ? probabilities : this.#output.name;
      this.#node('ArgMax', [of], { axis: -1, keepdims: 0 }, name);
      return;
    }
    const second = this.#node('Squeeze', [this.#column(probabilities, 1), this.#whole(-1)]);
    const isSecond = this.#node('Greater', [second, this.#number(decision.threshold ?? 0.5)]);
    this.#node('Cast', [isSecond], { to: elementTypeCode.int64 }, name);
  }

  #column(values: string, index: number): string {
    return this.#node('Gather', [values, this.#whole(index)], { axis: -1 });
  }

  #joined(columns: readonly string[]): string {
    return this.#node('Concat', columns, { axis: -1 });
  }

  #sum(values: string): string {
    return this.#node('ReduceSum', [values, this.#whole(-1)], { keepdims: 1 });
  }

  #shares(values: string): string {
    return this.#node('Div', [values, this.#sum(values)]);
  }

  #node(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute> = {},
    name = this.#free('decided'),
  ) {
    this.#nodes.push({ op, inputs, outputs: [name], attributes });
    return name;
  }

  #number(value: number): string {
    return this.#double([], Float64Array.of(value));
  }

  #numbers(values: readonly number[]): string {
    return this.#double([values.length], Float64Array.from(values));
  }

  #double(shape: readonly number[], data: Float64Array): string {
    const name = this.#free('decided');
    this.#doubles.push({ name, type: 'float64', shape, data });
    return name;
  }

  /** A list of one whole number. */
  #whole(value: number): string {
    const name = this.#free('decided');
    this.#constants.push({ name, type: 'int64', shape: [1], data: BigInt64Array.of(BigInt(value)) });
    return name;
  }

  #free(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    return name;
  }
}
