/**
 * One measurement of how long a run takes to get going, `node measure-startup.js`: `lockstep train configs/digits.yaml` from the
 * start of its process to the end of its first step; and tracing a model of convolutions, batch normalization and pooling,
 * and compiling the session that computes its gradients.
 */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import tf = require('@tensorflow/tfjs-core');

import type { LayerConfig } from '../../src/config/model.js';
import { compileGradients } from '../../src/engine/onnx/compile.js';
import { createSession } from '../../src/engine/onnx/runtime.js';
import { createStepModel } from '../../src/engine/step.js';
import { firstStep } from './first-step.js';
import { measure } from './measurement.js';

export interface StartupMeasurement {
  /** Seconds until the first step is committed. */
  readonly firstStep: number;
  /** Seconds to trace and compile, and the kernels that the trace recorded. */
  readonly compile: number;
  readonly kernels: number;
}

const program = fileURLToPath(import.meta.url);
/** Seconds that it takes at most, apart from the start. */
const longest = 30;

export const measureStartup = (): Promise<StartupMeasurement> => measure(process.execPath, [program], longest);

// From dist/scripts/bench/.
const root = resolve(dirname(program), '../../..');

const block = (filters: number): LayerConfig[] => [
  { conv2d: { filters, kernelSize: 3, useBias: false } },
  { batchNormalization: {} },
  { activation: { activation: 'relu' } },
  { maxPooling2d: { poolSize: 2 } },
];
const layers: LayerConfig[] = [...block(16), ...block(32), { flatten: {} }, { dense: { units: 10 } }];

async function compile(): Promise<Pick<StartupMeasurement, 'compile' | 'kernels'>> {
  const batch = 64;
  const step = await createStepModel({
    model: { layers },
    seed: 1,
    l1: 0,
    l2: 0,
    heads: [{ target: 'targets', loss: 'sparseCategoricalCrossentropy', weight: 1 }],
    fields: [
      { name: 'features', role: 'input', type: 'float32', shape: [28, 28, 1] },
      { name: 'targets', role: 'target', type: 'int32', shape: [], categories: 10 },
    ],
  });
  const engine = tf.engine();
  const run = engine.runKernel;
  let kernels = 0;
  engine.runKernel = (...args) => {
    kernels++;
    return run.apply(engine, args) as never;
  };
  const started = performance.now();
  const graph = compileGradients(step, batch);
  for (const subgraph of graph.subgraphs) {
    if (subgraph.kind === 'session') createSession(subgraph.bytes);
  }
  return { compile: (performance.now() - started) / 1000, kernels };
}

async function main(): Promise<void> {
  const measured: StartupMeasurement = {
    firstStep: await firstStep(join(root, 'configs/digits.yaml')),
    ...(await compile()),
  };
  process.stdout.write(`${JSON.stringify(measured)}\n`);
}

if (process.argv[1] === program) await main();
