/** Runs a saved model on inputs, batch by batch: compiled where its layers allow it, else by tfjs. */

import tf = require('@tensorflow/tfjs-core');

import { elements } from '../data/examples.js';
import '../engine/onnx/telemetry.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { backendNames, loadBackend } from '../engine/backends.js';
import { PrivateMemory } from '../engine/memory.js';
import { encodeModel } from '../engine/onnx/proto.js';
import { EngineError, UnsupportedModelError } from '../errors.js';
import { inferenceGraph, inputName, outputName, type Predictable } from './inference.js';

/**
 * Maps `count` examples, [count, ...featureShape] in the model's own units, to its outputs, row-major.
 * The same rows give the same bits in every batch of the same size.
 */
export type Predict = (features: Float32Array, count: number) => Promise<Float32Array>;

/**
 * @param warn told why the model is not compiled
 * @throws EngineError when no backend of tfjs runs the model either
 */
export async function createPredictor(target: Predictable, warn: (message: string) => void): Promise<Predict> {
  try {
    // Compiled for one example first: what cannot be compiled is known before inputs are read.
    const one = inferenceGraph(target, 1);
    const runs = new Map([[1, runGraph(encodeModel(one), target, 1)]]);
    return async (features, count) => {
      const known = runs.get(count) ?? runGraph(encodeModel(inferenceGraph(target, count)), target, count);
      runs.set(count, known);
      return (await known)(features);
    };
  } catch (error) {
    if (!(error instanceof UnsupportedModelError)) throw error;
    warn(`${error.problem}; predicting on engine tfjs, which is slower`);
    return tfjsPredictor(target);
  }
}

type RunGraph = (features: Float32Array) => Promise<Float32Array>;

/** Loads an ONNX model and runs it on batches of `count` examples. */
export async function runGraph(bytes: Uint8Array, { featureShape }: Predictable, count: number): Promise<RunGraph> {
  // One thread, as in training: a sum that is split over threads depends on their number.
  const threads = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const session = await InferenceSession.create(bytes, {
    ...threads,
    executionProviders: ['cpu'],
    logSeverityLevel: 3,
  });
  const shape = [count, ...featureShape];
  const length = elements(shape);
  const input = new PrivateMemory([length * 4]).floats(length);
  const feeds = { [inputName]: new Tensor('float32', input, shape) };
  return async (features) => {
    input.set(features);
    const { [outputName]: output } = await session.run(feeds);
    return output.data as Float32Array;
  };
}

async function tfjsPredictor({ model, featureShape }: Predictable): Promise<Predict> {
  const predict: Predict = async (features, count) =>
    tf.tidy(() => {
      const outputs = model.predict(tf.tensor(features, [count, ...featureShape], 'float32')) as tf.Tensor;
      return outputs.dataSync() as Float32Array;
    });
  const reasons: string[] = [];
  for (const name of backendNames) {
    try {
      await loadBackend(name);
      await predict(new Float32Array(elements(featureShape)), 1);
      return predict;
    } catch (error) {
      reasons.push(error instanceof EngineError ? error.problem : `backend ${name}: ${(error as Error).message}`);
    }
  }
  throw new EngineError(`engine tfjs cannot run this model: ${reasons.join('; ')}`, 'see lockstep doctor');
}
