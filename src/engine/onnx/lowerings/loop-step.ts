/** The graph of one step of a loop: its inputs and outputs are views of what the loop reads and writes. */

import type { OnnxConstant, OnnxNode, OnnxValue, TracedLoop } from '../proto.js';
import type { LoopView } from '../step-loop.js';

export type TracedPart = TracedLoop['parts'][number];

export class LoopStep {
  readonly #nodes: OnnxNode[] = [];
  readonly #inputs: (readonly [string, LoopView])[] = [];
  readonly #outputs: (readonly [string, LoopView])[] = [];
  readonly #constants: OnnxConstant[] = [];
  #names = 0;

  read(view: LoopView): string {
    const port = `i${this.#inputs.length}`;
    this.#inputs.push([port, view]);
    return port;
  }

  /** @param name of what a node of this graph has made */
  write(name: string, view: LoopView): void {
    // An output is tied to one place.
    const isWritten = this.#outputs.some(([output]) => output === name);
    this.#outputs.push([isWritten ? this.node('Identity', [name]) : name, view]);
  }

  node(op: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}): string {
    return this.nodes(op, inputs, 1, attributes)[0]!;
  }

  nodes(op: string, inputs: readonly string[], outputs: number, attributes: OnnxNode['attributes'] = {}): string[] {
    const names = Array.from({ length: outputs }, () => `t${this.#names++}`);
    this.#nodes.push({ op, inputs, outputs: names, attributes });
    return names;
  }

  mul = (a: string, b: string): string => this.node('Mul', [a, b]);
  add = (a: string, b: string): string => this.node('Add', [a, b]);
  /** 1 - x. */
  rest = (x: string): string => this.node('Sub', [this.number(1), x]);
  joined = (names: readonly string[]): string => this.node('Concat', names, { axis: 0 });

  /** Rows of a matrix in as many equal parts. */
  parts(name: string, count: number): string[] {
    return count === 1 ? [name] : this.nodes('Split', [name], count, { axis: 0 });
  }

  number(value: number): string {
    const name = `c${this.#constants.length}`;
    this.#constants.push({ name, type: 'float32', shape: [], data: Float32Array.of(value) });
    return name;
  }

  session(): Extract<TracedPart, { kind: 'session' }> {
    const ports = (views: readonly (readonly [string, LoopView])[]): OnnxValue[] =>
      views.map(([name, { shape }]) => ({ name, type: 'float32', shape }));
    const [inputs, outputs] = [this.#inputs, this.#outputs];
    const graph = { nodes: this.#nodes, constants: this.#constants, inputs: ports(inputs), outputs: ports(outputs) };
    return { kind: 'session', graph, inputs, outputs };
  }
}

/** The activations that a loop has, by their names in tfjs, and how steep they are where they give y. */
const activations: Readonly<
  Record<string, { of(step: LoopStep, x: string): string; slope?(step: LoopStep, y: string): string } | undefined>
> = {
  linear: { of: (_, x) => x },
  sigmoid: { of: (step, x) => step.node('Sigmoid', [x]), slope: (step, y) => step.mul(y, step.rest(y)) },
  tanh: { of: (step, x) => step.node('Tanh', [x]), slope: (step, y) => step.rest(step.mul(y, y)) },
  relu: { of: (step, x) => step.node('Relu', [x]), slope: (step, y) => step.node('Sign', [y]) },
  hardSigmoid: {
    of: (step, x) => step.node('HardSigmoid', [x], { alpha: { float: 0.2 }, beta: { float: 0.5 } }),
    slope: (step, y) => step.mul(step.node('Sign', [step.mul(y, step.rest(y))]), step.number(0.2)),
  },
};

export const activate = (step: LoopStep, name: string, x: string): string => activations[name]!.of(step, x);

/** The gradient before an activation that gave y. */
export function activationGradient(step: LoopStep, name: string, y: string, dy: string): string {
  const { slope } = activations[name]!;
  return slope ? step.mul(dy, slope(step, y)) : dy;
}
