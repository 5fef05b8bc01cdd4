/** A model's prediction as an ONNX graph that needs nothing else: its weights are inside. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { kernelDomain, type StepGraph } from '../engine/onnx/graph.js';
import type { OnnxConstant, OnnxGraph } from '../engine/onnx/proto.js';
import { trace } from '../engine/onnx/tracer.js';
import { predictionStep } from '../engine/step.js';
import { ModelError, UnsupportedModelError } from '../errors.js';
import type { LayerWeight } from '../model/build.js';
import { anyBatch } from './any-batch.js';

/** Names of the graph's only input and output; both are float32 and have the batch as first axis. */
export const inputName = 'input';
export const outputName = 'output';

/** What is traced: a tfjs model, and its weights with the values to put into the graph. */
export interface Predictable {
  readonly model: LayersModel;
  readonly weights: LayerWeight[];
  /** Shape of one example, without the batch. */
  readonly featureShape: readonly number[];
}

/** Two batch sizes that are no other size of any model, so that what depends on the batch shows. */
const probes = [29, 37] as const;

/**
 * The graph of the prediction of `count` examples: `input` [count, ...featureShape] in the model's own units (bytes already
 * scaled), `output` as the model's last layer gives it.
 * @throws UnsupportedModelError when a layer has no lowering
 */
export function inferenceGraph(target: Predictable, count: number): OnnxGraph {
  return withWeights(traceInference(target, count), target);
}

/**
 * The same for any number of examples.
 * @returns undefined where the model computes something that depends on the batch in ways that a graph cannot follow
 * @throws UnsupportedModelError when a layer has no lowering
 */
export function anyBatchGraph(target: Predictable): OnnxGraph | undefined {
  const traces = probes.map((count) => ({ count, graph: traceInference(target, count) }));
  const graph = anyBatch(traces[0], traces[1], inputName);
  return graph && withWeights(graph, target);
}

const weightName = (index: number): string => `weight${index}`;

function traceInference({ model, weights, featureShape }: Predictable, count: number): StepGraph {
  const graph = trace(({ input, output }) => {
    const parameters = weights.map(({ shape }, i) => input(weightName(i), shape, 'float32'));
    const features = input(inputName, [count, ...featureShape], 'float32');
    output(outputName, predictionStep(model, weights, parameters, [features])[0], true);
  }, false);
  const kernel = graph.nodes.find(({ domain }) => domain === kernelDomain);
  if (kernel) throw new UnsupportedModelError(`the model needs ${kernel.op}, which ONNX lacks`, 'export it as tfjs');
  return graph;
}

/** Bytes that a protobuf message can have. */
const largestModel = 2 ** 31 - 1;

/** Turns the inputs that stand for weights into constants, under the weights' own names. */
function withWeights(graph: OnnxGraph, { weights }: Predictable): OnnxGraph {
  const taken = new Set<string>();
  const constants: OnnxConstant[] = [];
  const names = new Map<string, string>();
  weights.forEach(({ originalName, shape, val }, i) => {
    const placeholder = weightName(i);
    if (!graph.inputs.some(({ name }) => name === placeholder)) return;
    const name = taken.has(originalName) ? `${originalName}_${i}` : originalName;
    taken.add(name);
    names.set(placeholder, name);
    constants.push({ name, shape, type: 'float32', data: Float32Array.from(val.dataSync()) });
  });
  const bytes = constants.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes > largestModel) {
    throw new ModelError(
      `the weights take ${(bytes / 2 ** 30).toFixed(1)} GiB, and an ONNX file holds at most 2`,
      'export the model as tfjs or safetensors',
    );
  }
  return {
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) })),
    inputs: graph.inputs.filter(({ name }) => !names.has(name)),
    outputs: graph.outputs,
    constants: [...graph.constants, ...constants],
  };
}
