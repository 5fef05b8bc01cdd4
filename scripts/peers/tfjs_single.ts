/**
 * TensorFlow.js as it is, in one process on its best backend here, on the engine benchmark's models: a tfjs Sequential
 * trained by trainOnBatch with Adam on one random batch in memory.
 *
 * usage: node dist/scripts/peers/tfjs_single.js MODEL BATCH SECONDS
 *
 * MODEL is mlp, mlp-small or cnn. Prints the same JSON line as torch_ddp.py. Backends are tried from the fastest to the
 * slowest: `tensorflow` where @tensorflow/tfjs-node is installed, `wasm`, which has no kernel for the gradient of a
 * convolution's filter, `cpu`. Where a step of BATCH examples would take over 30 seconds, one step of two examples is
 * measured, and `batch` says so: that slow is only `cpu`, whose time goes with the number of examples.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type Sequential, sequential, layers as tfLayers } from '@tensorflow/tfjs-layers';
import { type BackendName, backendNames, loadBackend } from '../../src/engine/backends.js';
import { type Measurement, peakMegabytes } from '../bench/measurement.js';
import { classes, type ModelName, type Workload, workloads } from '../bench/workloads.js';

type Factory = (options: object) => ReturnType<typeof tfLayers.dense>;

function createModel({ layers, featureShape }: Workload): Sequential {
  const model = sequential();
  layers.forEach((layer, i) => {
    const [[name, options]] = Object.entries(layer);
    const factory = (tfLayers as unknown as Record<string, Factory>)[name];
    model.add(factory(i === 0 ? { ...options, inputShape: featureShape } : { ...options }));
  });
  const loss = (labels: tf.Tensor, logits: tf.Tensor) => tf.losses.softmaxCrossEntropy(labels, logits);
  model.compile({ optimizer: tf.train.adam(0.001), loss });
  return model;
}

/** Milliseconds of a step on `batch` random examples. */
async function timeSteps(model: Sequential, workload: Workload, batch: number, steps: number): Promise<number> {
  const features = tf.randomNormal([batch, ...workload.featureShape]);
  const targets = tf.oneHot(
    Array.from({ length: batch }, (_, i) => i % classes),
    classes,
  );
  const started = performance.now();
  for (let step = 0; step < steps; step++) await model.trainOnBatch(features, targets);
  const milliseconds = (performance.now() - started) / steps;
  tf.dispose([features, targets]);
  return milliseconds;
}

/** Examples of the batch that says whether a backend can train the model, and how slow it is. */
const trialBatch = 2;

/** Milliseconds of a step above which the trial batch is the measurement. */
const slowestStep = 30_000;

async function timeFullSteps(model: Sequential, workload: Workload, batch: number, seconds: number): Promise<number> {
  const first = await timeSteps(model, workload, batch, 2);
  return timeSteps(model, workload, batch, Math.max(1, Math.floor((seconds * 1000) / first)));
}

async function firstThatTrains(workload: Workload): Promise<{ backend: BackendName; model: Sequential }> {
  const reasons: string[] = [];
  for (const backend of backendNames) {
    try {
      await loadBackend(backend);
      const model = createModel(workload);
      await timeSteps(model, workload, trialBatch, 1);
      return { backend, model };
    } catch (error) {
      reasons.push(`${backend}: ${(error as Error).message}`);
    }
  }
  throw new Error(`no backend trains this model: ${reasons.join('; ')}`);
}

async function main(name: ModelName, fullBatch: number, seconds: number): Promise<void> {
  const workload = workloads[name];
  const { backend, model } = await firstThatTrains(workload);
  const trial = await timeSteps(model, workload, trialBatch, 1);
  const tooSlow = (trial / trialBatch) * fullBatch > slowestStep;
  const batch = tooSlow ? trialBatch : fullBatch;
  const millisecondsPerStep = tooSlow ? trial : await timeFullSteps(model, workload, fullBatch, seconds);
  const measurement: Measurement = {
    model: name,
    workers: 1,
    batch,
    millisecondsPerStep,
    examplesPerSecond: (batch / millisecondsPerStep) * 1000,
    peakMegabytes: peakMegabytes(),
    software: `tfjs ${tf.version_core}, ${backend}`,
  };
  process.stdout.write(`${JSON.stringify(measurement)}\n`);
}

const [name, batch, seconds] = process.argv.slice(2);
await main(name as ModelName, Number(batch), Number(seconds));
