/** Runs a saved model on inputs, batch by batch: compiled where its layers allow it, else by tfjs. */

import tf = require('@tensorflow/tfjs-core');

import { backendNames, loadBackend } from '../engine/backends.js';
import { encodeModel, type OnnxGraph, type OnnxPort } from '../engine/onnx/proto.js';
import { refusedAtRun } from '../engine/onnx/refused.js';
import { createSession } from '../engine/onnx/runtime.js';
import { PrivateMemory } from '../engine/private-memory.js';
import { EngineError, ModelError, UnsupportedModelError } from '../errors.js';
import { elements } from '../ground/elements.js';
import { computedIdError, tablesOf } from '../model/computed-ids.js';
import { maskedOutputs, predicted } from '../model/forward.js';
import { inferenceGraph, maskNumbers, masksOf, type Predictable, portsOf } from './inference.js';

/**
 * Maps `count` examples, [count, ...shape] of each input in the model's own units and of each mask behind them, to the model's outputs, row-major each,
 * and the masks of those that have some (see `maskedOf`) behind them.
 * The same rows give the same bits in every batch of the same size.
 */
export type Predict = (inputs: readonly Float32Array[], count: number) => Promise<Float32Array[]>;

/** Which of a model's outputs have masks. */
export function maskedOf({ model, inputs, masks = [] }: Predictable): number[] {
  const given = inputs.map((_, i) => masks.some(({ of }) => of === i));
  return maskedOutputs(model, given, false).flatMap((has, i) => (has ? [i] : []));
}

/**
 * @param warn told why the model is not compiled
 * @returns what throws a DataError where the model computes an id that none of its embeddings has a row for
 * @throws EngineError when no backend of tfjs runs the model either
 */
export async function createPredictor(target: Predictable, warn: (message: string) => void): Promise<Predict> {
  const predict = await compiledOrEager({ ...target, outputMasks: target.hooks && maskedOf(target) }, warn);
  return async (inputs, count) => {
    try {
      return await predict(inputs, count);
    } catch (error) {
      throw computedIdError(error, tablesOf(target.model)) ?? refusedAtRun(error) ?? error;
    }
  };
}

async function compiledOrEager(target: Predictable, warn: (message: string) => void): Promise<Predict> {
  try {
    // Compiled for one example first: what cannot be compiled is known before inputs are read.
    const runs = new Map([[1, runGraph(inferenceGraph(target, 1), target, 1)]]);
    return async (inputs, count) => {
      const run = runs.get(count) ?? runGraph(inferenceGraph(target, count), target, count);
      runs.set(count, run);
      return run(inputs);
    };
  } catch (error) {
    if (!(error instanceof UnsupportedModelError)) throw error;
    warn(`${error.problem}; predicting on engine tfjs, which is slower: 20 to 100 times on backends wasm and cpu`);
    return tfjsPredictor(target);
  }
}

/** @returns outputs, row-major each, which are nobody else's */
type RunGraph = (inputs: readonly Float32Array[]) => Float32Array[];

/**
 * Loads a graph and runs it on batches of `count` examples.
 * @param target whose prediction the graph is
 * @param encoded the graph as a file, where there is one already
 */
export function runGraph(graph: OnnxGraph, target: Predictable, count: number, encoded = encodeModel(graph)): RunGraph {
  const session = createSession(encoded);
  // A size that has a name is the batch's.
  const shapeOf = ({ shape }: OnnxPort) => shape.map((size) => (typeof size === 'number' ? size : count));
  const ports = [...graph.inputs, ...graph.outputs];
  const memory = new PrivateMemory(ports.map((port) => elements(shapeOf(port)) * 4));
  const tensors = ports.map((port) => {
    const shape = shapeOf(port);
    return [port.name, { type: 'float32' as const, shape, data: memory.floats(elements(shape)) }] as const;
  });
  const [inputs, outputs] = [tensors.slice(0, graph.inputs.length), tensors.slice(graph.inputs.length)];
  const run = session.bind(Object.fromEntries(inputs), Object.fromEntries(outputs));
  // Inputs that nothing depends on are in no graph.
  const given = portsOf(target);
  const places = inputs.map(([name]) => given.findIndex((port) => port.name === name));
  return (values) => {
    inputs.forEach(([, { data }], i) => {
      data.set(values[places[i]]);
    });
    run();
    return outputs.map(([, { data }]) => data.slice());
  };
}

async function tfjsPredictor(target: Predictable): Promise<Predict> {
  const { model, inputs, hooks, outputMasks = [] } = target;
  const ports = portsOf(target);
  const predict: Predict = async (given, count) =>
    tf.tidy(() => {
      const tensors = ports.map(({ shape }, i) => tf.tensor(given[i], [count, ...shape], 'float32'));
      let found: tf.Tensor[] = [];
      const outputs = predicted(model, tensors.slice(0, inputs.length), masksOf(target, tensors), hooks, (masks) => {
        found = maskNumbers(masks, outputMasks);
      });
      return [...outputs, ...found].map((output) => output.dataSync() as Float32Array);
    });
  const zeros = ports.map(({ shape }) => new Float32Array(elements(shape)));
  await eagerly(() => predict(zeros, 1));
  return predict;
}

/**
 * Loads the fastest backend of tfjs that a model runs on.
 * @param attempt runs it once, on zeros
 * @throws EngineError where there is none
 */
export async function eagerly(attempt: () => Promise<unknown>): Promise<void> {
  const reasons: string[] = [];
  for (const name of backendNames) {
    try {
      await loadBackend(name);
      await attempt();
      return;
    } catch (error) {
      // Of zeros, which are no input of the user's.
      if (computedIdError(error, [])) return;
      if (error instanceof ModelError) throw error;
      reasons.push(error instanceof EngineError ? error.problem : `backend ${name}: ${(error as Error).message}`);
    }
  }
  throw new EngineError(`engine tfjs cannot run this model: ${reasons.join('; ')}`, 'see npx lockstep doctor');
}
