/**
 * The optimizer's step as a graph, for parameters and slabs that stay on a device. Its rules are those of the kernels, number by number;
 * what a device rounds otherwise, such as a quotient, is other.
 */
import type { OptimizerConfig } from '../config/optimizer.js';
import { gradientName, parameterName } from '../engine/onnx/names.js';
import { encodeModel, type OnnxConstant, type OnnxNode, type OnnxPort } from '../engine/onnx/proto.js';
import type { SlabLayout } from '../model/slab.js';
import { oneMinusPower } from './adam.js';
import { createOptimizer } from './create-optimizer.js';
import { decayOf } from './decay-groups.js';
import type { Update } from './decide.js';
import type { OptimizerSlot } from './optimizer.js';
import { averageMomentum } from './weight-average.js';

export const slotName = (slot: number, index: number): string => `slot${slot}_${index}`;
/** What takes the place of an input after the step. */
export const nextName = (name: string): string => `next_${name}`;
export const numbersName = 'numbers';

export interface DeviceUpdate {
  /**
   * An encoded model: of every tensor up to `layout.state` its parameter and gradient, of every trainable one its slots, each of one
   * axis, and `numbers`; outputs are what comes next of parameters and slots.
   */
  readonly model: Uint8Array;
  readonly slots: readonly OptimizerSlot[];
  /** Of a step: what `numbers` is given. */
  readonly numbersOf: (update: Update) => readonly number[];
}

/** Nodes with one output, whose names are counted. */
class Nodes {
  readonly list: OnnxNode[] = [];
  readonly constants: OnnxConstant[] = [];
  readonly #renamed = new Map<string, string>();

  of(op: string, inputs: readonly string[], to = `t${this.list.length}`): string {
    this.list.push({ op, inputs, outputs: [to], attributes: {} });
    return to;
  }

  rename(name: string, to: string): void {
    this.#renamed.set(name, to);
  }

  renamed(): OnnxNode[] {
    const named = (names: readonly string[]) => names.map((name) => this.#renamed.get(name) ?? name);
    return this.list.map((node) => ({ ...node, inputs: named(node.inputs), outputs: named(node.outputs) }));
  }

  number(value: number): string {
    const rounded = Math.fround(value);
    const name = `c${rounded}`;
    if (!this.constants.some((known) => known.name === name))
      this.constants.push({ name, type: 'float32', shape: [1], data: Float32Array.of(rounded) });
    return name;
  }
}

interface RuleTensors {
  readonly parameter: string;
  /** Scaled. */
  readonly gradient: string;
  readonly slots: readonly string[];
  /** Name of the weight. */
  readonly weight: string;
}

interface DeviceRule {
  /** By the names by which `write` reads them. */
  readonly numbersOf: (update: Update) => Readonly<Record<string, number>>;
  /** @returns by how much the parameter falls, and the slots that come next */
  readonly write: (
    nodes: Nodes,
    tensors: RuleTensors,
  ) => { readonly change: string; readonly slots: readonly string[] };
}

/** `previous * decay + value * (1 - decay)`. */
function average(nodes: Nodes, previous: string, value: string, decay: number): string {
  const rounded = Math.fround(decay);
  const parts = [
    nodes.of('Mul', [previous, nodes.number(rounded)]),
    nodes.of('Mul', [value, nodes.number(1 - rounded)]),
  ];
  return nodes.of('Add', parts);
}

/** `rate * value / (sqrt(squares) + epsilon)`. */
function scaledByRoot(nodes: Nodes, value: string, squares: string, epsilon: string): string {
  const root = nodes.of('Add', [nodes.of('Sqrt', [squares]), epsilon]);
  return nodes.of('Div', [nodes.of('Mul', ['rate', value]), root]);
}

const plainRate = ({ learningRate }: Update) => ({ rate: learningRate });

/** The rule of an optimizer; undefined where there is none for devices. */
function ruleOf(config: OptimizerConfig): DeviceRule | undefined {
  if ('sgd' in config) {
    return {
      numbersOf: plainRate,
      write: (nodes, { gradient }) => ({ change: nodes.of('Mul', ['rate', gradient]), slots: [] }),
    };
  }
  if ('momentum' in config) return momentumRule(config.momentum);
  if ('rmsprop' in config) {
    const { decay, epsilon } = config.rmsprop;
    return {
      numbersOf: plainRate,
      write: (nodes, { gradient, slots: [squares] }) => {
        const next = average(nodes, squares!, nodes.of('Mul', [gradient, gradient]), decay);
        return { change: scaledByRoot(nodes, gradient, next, nodes.number(epsilon)), slots: [next] };
      },
    };
  }
  if ('adagrad' in config) {
    const { epsilon } = config.adagrad;
    return {
      numbersOf: plainRate,
      write: (nodes, { gradient, slots: [sum] }) => {
        const next = nodes.of('Add', [sum!, nodes.of('Mul', [gradient, gradient])]);
        return { change: scaledByRoot(nodes, gradient, next, nodes.number(epsilon)), slots: [next] };
      },
    };
  }
  if ('adam' in config) return adamRule({ ...config.adam, weightDecay: 0 });
  if ('adamw' in config) return adamRule(config.adamw);
  return undefined;
}

function momentumRule({ momentum, nesterov }: { readonly momentum: number; readonly nesterov: boolean }): DeviceRule {
  return {
    numbersOf: plainRate,
    write: (nodes, { gradient, slots: [velocity] }) => {
      const after = (value: string) => nodes.of('Add', [nodes.of('Mul', [nodes.number(momentum), value]), gradient]);
      const next = after(velocity!);
      return { change: nodes.of('Mul', ['rate', nesterov ? after(next) : next]), slots: [next] };
    },
  };
}

type AdamwOptions = Extract<OptimizerConfig, { adamw: unknown }>['adamw'];

/** As adam.ts has it: both corrections are in the rate and in epsilon. */
function adamRule(options: Omit<AdamwOptions, 'learningRate' | 'emaMomentum'>): DeviceRule {
  const [beta1, beta2] = [Math.fround(options.beta1), Math.fround(options.beta2)];
  const decays = decayOf(options);
  return {
    numbersOf: ({ round, learningRate }) => {
      const root = Math.sqrt(oneMinusPower(beta2, round + 1));
      return {
        rate: (learningRate * root) / oneMinusPower(beta1, round + 1),
        epsilon: options.epsilon * root,
        decay: learningRate * options.weightDecay,
      };
    },
    write: (nodes, { parameter, gradient, slots: [first, second], weight }) => {
      const mean = average(nodes, first!, gradient, beta1);
      const squares = average(nodes, second!, nodes.of('Mul', [gradient, gradient]), beta2);
      const change = scaledByRoot(nodes, mean, squares, 'epsilon');
      if (decays({ name: weight }) === 0) return { change, slots: [mean, squares] };
      return { change: nodes.of('Add', [change, nodes.of('Mul', ['decay', parameter])]), slots: [mean, squares] };
    },
  };
}

const anyUpdate: Update = { round: 0, learningRate: 0, gradientScale: 0, stateScale: 0 };

/** Whether an optimizer has a rule for devices. */
export const hasDeviceRule = (config: OptimizerConfig): boolean =>
  averageMomentum(config) === undefined && ruleOf(config) !== undefined;

/** @returns undefined where the optimizer has no rule for devices */
export function deviceUpdate(config: OptimizerConfig, layout: SlabLayout): DeviceUpdate | undefined {
  const rule = hasDeviceRule(config) ? ruleOf(config) : undefined;
  if (!rule) return undefined;
  const { slots } = createOptimizer(config, layout);
  const numbersOf = (update: Update) => ({
    gradientScale: update.gradientScale,
    stateScale: update.stateScale,
    ...rule.numbersOf(update),
  });
  const names = Object.keys(numbersOf(anyUpdate));
  const nodes = new Nodes();
  const [inputs, outputs]: [OnnxPort[], OnnxPort[]] = [[], []];
  inputs.push({ name: numbersName, type: 'float32', shape: [names.length] });
  nodes.list.push({ op: 'Split', inputs: [numbersName], outputs: names, attributes: { axis: 0 } });
  layout.tensors.forEach(({ name: weight, offset, size }, i) => {
    if (offset >= layout.state) return;
    const [parameter, given] = [parameterName(i), gradientName(i)];
    const port = (name: string): OnnxPort => ({ name, type: 'float32', shape: [size] });
    outputs.push(port(nextName(parameter)));
    inputs.push(port(given));
    // New state, times the number of examples.
    if (offset >= layout.trainable) {
      nodes.of('Mul', [given, 'stateScale'], nextName(parameter));
      return;
    }
    inputs.push(port(parameter));
    const own = slots.map((_, slot) => slotName(slot, i));
    inputs.push(...own.map(port));
    outputs.push(...own.map((name) => port(nextName(name))));
    const gradient = nodes.of('Mul', [given, 'gradientScale']);
    const next = rule.write(nodes, { parameter, gradient, slots: own, weight });
    nodes.of('Sub', [parameter, next.change], nextName(parameter));
    next.slots.forEach((name, slot) => {
      nodes.rename(name, nextName(own[slot]!));
    });
  });
  const model = encodeModel({ nodes: nodes.renamed(), inputs, outputs, constants: nodes.constants });
  return { model, slots, numbersOf: (update) => Object.values(numbersOf(update)) };
}
