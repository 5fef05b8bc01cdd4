/** Runs a saved model on inputs, batch by batch: compiled where its layers allow it, else by tfjs. */

import tf = require('@tensorflow/tfjs-core');

import { elements } from '../data/field.js';
import { backendNames, loadBackend } from '../engine/backends.js';
import { PrivateMemory } from '../engine/memory.js';
import { encodeModel, type OnnxGraph, type OnnxPort } from '../engine/onnx/proto.js';
import { refusedAtRun } from '../engine/onnx/refused.js';
import { createSession } from '../engine/onnx/runtime.js';
import { EngineError, UnsupportedModelError } from '../errors.js';
import { computedIdError, tablesOf } from '../model/computed-ids.js';
import { inferenceGraph, inputName, outputName, type Predictable } from './inference.js';

/**
 * Maps `count` examples, [count, ...featureShape] in the model's own units, to its outputs, row-major.
 * The same rows give the same bits in every batch of the same size.
 */
export type Predict = (features: Float32Array, count: number) => Promise<Float32Array>;

/**
 * @param warn told why the model is not compiled
 * @returns what throws a DataError where the model computes an id that none of its embeddings has a row for
 * @throws EngineError when no backend of tfjs runs the model either
 */
export async function createPredictor(target: Predictable, warn: (message: string) => void): Promise<Predict> {
  const predict = await compiledOrEager(target, warn);
  return async (features, count) => {
    try {
      return await predict(features, count);
    } catch (error) {
      throw computedIdError(error, tablesOf(target.model)) ?? refusedAtRun(error) ?? error;
    }
  };
}

async function compiledOrEager(target: Predictable, warn: (message: string) => void): Promise<Predict> {
  try {
    // Compiled for one example first: what cannot be compiled is known before inputs are read.
    const runs = new Map([[1, runGraph(inferenceGraph(target, 1), 1)]]);
    return async (features, count) => {
      const run = runs.get(count) ?? runGraph(inferenceGraph(target, count), count);
      runs.set(count, run);
      return run(features);
    };
  } catch (error) {
    if (!(error instanceof UnsupportedModelError)) throw error;
    warn(`${error.problem}; predicting on engine tfjs, which is slower: 20 to 100 times on backends wasm and cpu`);
    return tfjsPredictor(target);
  }
}

/** @returns outputs, row-major, which are nobody else's */
type RunGraph = (features: Float32Array) => Float32Array;

/**
 * Loads a graph and runs it on batches of `count` examples.
 * @param encoded the graph as a file, where there is one already
 */
export function runGraph(graph: OnnxGraph, count: number, encoded = encodeModel(graph)): RunGraph {
  const session = createSession(encoded);
  // A size that has a name is the batch's.
  const shapeOf = ({ shape }: OnnxPort) => shape.map((size) => (typeof size === 'number' ? size : count));
  const [from, to] = [graph.inputs[0], graph.outputs[0]].map(shapeOf);
  const memory = new PrivateMemory([from, to].map((shape) => elements(shape) * 4));
  const [input, output] = [from, to].map((shape) => memory.floats(elements(shape)));
  const run = session.bind(
    { [inputName]: { type: 'float32', shape: from, data: input } },
    { [outputName]: { type: 'float32', shape: to, data: output } },
  );
  return (features) => {
    input.set(features);
    run();
    return output.slice();
  };
}

async function tfjsPredictor({ model, featureShape }: Predictable): Promise<Predict> {
  const predict: Predict = async (features, count) =>
    tf.tidy(() => {
      const outputs = model.apply(tf.tensor(features, [count, ...featureShape], 'float32'), {
        training: false,
      }) as tf.Tensor;
      return outputs.dataSync() as Float32Array;
    });
  const reasons: string[] = [];
  for (const name of backendNames) {
    try {
      await loadBackend(name);
      await predict(new Float32Array(elements(featureShape)), 1);
      return predict;
    } catch (error) {
      // Of zeros, which are no input of the user's.
      if (computedIdError(error, [])) return predict;
      reasons.push(error instanceof EngineError ? error.problem : `backend ${name}: ${(error as Error).message}`);
    }
  }
  throw new EngineError(`engine tfjs cannot run this model: ${reasons.join('; ')}`, 'see lockstep doctor');
}
