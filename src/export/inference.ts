/** A model's prediction as an ONNX graph that needs nothing else: its weights are inside. */
import tf = require('@tensorflow/tfjs-core');

import type { LayersModel } from '@tensorflow/tfjs-layers';
import { kernelDomain, type StepGraph } from '../engine/onnx/graph.js';
import type { OnnxConstant, OnnxGraph } from '../engine/onnx/proto.js';
import { trace } from '../engine/onnx/tracer.js';
import { predictionStep } from '../engine/step.js';
import { ModelError, UnsupportedModelError } from '../errors.js';
import type { LayerWeight } from '../model/build/layer-weights.js';
import type { HookSlot } from '../model/tfjs/hooks.js';
import { anyBatch } from './any-batch.js';

/** An input or output of a model. */
export interface Port {
  /** What a graph calls it. */
  readonly name: string;
  /** Of one example, without the batch. */
  readonly shape: readonly number[];
}

/** The mask of an input: 1 for each place that counts, 0 for what fills an example up. */
export interface MaskPort extends Port {
  /** Which of the inputs it is of. */
  readonly of: number;
}

/** What is traced: a tfjs model, and its weights with the values to put into the graph. */
export interface Predictable {
  readonly model: LayersModel;
  readonly weights: LayerWeight[];
  /** In the order of the model's. */
  readonly inputs: readonly Port[];
  readonly outputs: readonly Pick<Port, 'name'>[];
  /** They are given behind the inputs. */
  readonly masks?: readonly MaskPort[];
  /** Where the model reads masks and leaves those of its outputs, if it has some. */
  readonly hooks?: HookSlot;
  /** Of which of its outputs masks are asked for: they are given behind the outputs. */
  readonly outputMasks?: readonly number[];
}

/** Two batch sizes that are no other size of any model, so that what depends on the batch shows. */
const probes = [29, 37] as const;

/**
 * The graph of the prediction of `count` examples: inputs [count, ...shape] in the model's own units (bytes already scaled),
 * outputs as the model's last layers give them; all are float32.
 * @throws UnsupportedModelError when a layer has no lowering
 */
export function inferenceGraph(target: Predictable, count: number): OnnxGraph {
  return complete(traceInference(target, count), target);
}

/**
 * The same for any number of examples.
 * @returns undefined where the model computes something that depends on the batch in ways that a graph cannot follow
 * @throws UnsupportedModelError when a layer has no lowering
 */
export function anyBatchGraph(target: Predictable): OnnxGraph | undefined {
  const traces = probes.map((count) => ({ count, graph: traceInference(target, count) }));
  // Inputs that nothing depends on are in no graph.
  const read = portsOf(target).findIndex((_, i) => traces[0].graph.inputs.some(({ name }) => name === inputName(i)));
  const graph = read < 0 ? undefined : anyBatch(traces[0], traces[1], inputName(read));
  return graph && complete(graph, target);
}

/** All that a prediction is given, in its order. */
export const portsOf = ({ inputs, masks = [] }: Predictable): Port[] => [...inputs, ...masks];

/** The mask of each input, among what a prediction is given; none where no input has one. */
export function masksOf<T>({ inputs, masks = [] }: Predictable, given: readonly T[]): (T | null)[] {
  if (masks.length === 0) return [];
  const found: (T | null)[] = inputs.map(() => null);
  masks.forEach(({ of }, i) => {
    found[of] = given[inputs.length + i];
  });
  return found;
}

// While a graph is traced: no name of a tensor inside can be the same.
const weightName = (index: number): string => `weight${index}`;
const inputName = (index: number): string => `input${index}`;
const outputName = (index: number): string => `output${index}`;

function traceInference(target: Predictable, count: number): StepGraph {
  const { model, weights, inputs, outputs, hooks, outputMasks = [] } = target;
  const graph = trace(({ input, output }) => {
    const parameters = weights.map(({ shape }, i) => input(weightName(i), shape, 'float32'));
    const given = portsOf(target).map(({ shape }, i) => input(inputName(i), [count, ...shape], 'float32'));
    const features = given.slice(0, inputs.length);
    let masks: tf.Tensor[] = [];
    predictionStep(model, weights, parameters, features, masksOf(target, given), hooks, (found) => {
      masks = maskNumbers(found, outputMasks);
    }).forEach((made, i) => {
      output(outputName(i), made, true);
    });
    masks.forEach((mask, i) => {
      output(outputName(outputs.length + i), mask, true);
    });
  }, false);
  const kernel = graph.nodes.find(({ domain }) => domain === kernelDomain);
  if (kernel) throw new UnsupportedModelError(`the model needs ${kernel.op}, which ONNX lacks`, 'export it as tfjs');
  return graph;
}

/** Those masks that are asked for, as 0 and 1. */
export const maskNumbers = (masks: readonly (tf.Tensor | null)[], asked: readonly number[]): tf.Tensor[] =>
  asked.map((output) => tf.cast(tf.clone(masks[output]!), 'float32'));

/** Bytes that a protobuf message can have. */
const largestModel = 2 ** 31 - 1;

/** Turns the inputs that stand for weights into constants, and gives everything the name that it has outside. */
function complete(graph: OnnxGraph, target: Predictable): OnnxGraph {
  const { weights, outputs } = target;
  const names = new Map<string, string>();
  const ports = new Set<string>();
  const port = (placeholder: string, name: string) => {
    ports.add(name);
    names.set(placeholder, name);
  };
  portsOf(target).forEach(({ name }, i) => {
    port(inputName(i), name);
  });
  outputs.forEach(({ name }, i) => {
    port(outputName(i), name);
  });
  const taken = new Set(ports);
  const constants: OnnxConstant[] = [];
  weights.forEach(({ originalName, shape, val }, i) => {
    const placeholder = weightName(i);
    if (!graph.inputs.some(({ name }) => name === placeholder)) return;
    const name = taken.has(originalName) ? `${originalName}_${i}` : originalName;
    taken.add(name);
    names.set(placeholder, name);
    constants.push({ name, shape, type: 'float32', data: Float32Array.from(val.dataSync()) });
  });
  checkSize(constants);
  const inside = (name: string) => {
    let free = name;
    // An input of the user's may be called as a tensor inside is.
    while (taken.has(free)) free += '_';
    return free;
  };
  const nameOf = (name: string) => names.get(name) ?? inside(name);
  return {
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(nameOf),
      outputs: node.outputs.map(nameOf),
    })),
    inputs: renamed(graph.inputs, nameOf).filter(({ name }) => ports.has(name)),
    outputs: renamed(graph.outputs, nameOf),
    constants: [...renamed(graph.constants, nameOf), ...constants],
  };
}

const renamed = <T extends { readonly name: string }>(list: readonly T[], nameOf: (name: string) => string): T[] =>
  list.map((entry) => ({ ...entry, name: nameOf(entry.name) }));

function checkSize(constants: readonly OnnxConstant[]): void {
  const bytes = constants.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes <= largestModel) return;
  throw new ModelError(
    `the weights take ${(bytes / 2 ** 30).toFixed(1)} GiB, and an ONNX file holds at most 2`,
    'export the model as tfjs or safetensors',
  );
}
