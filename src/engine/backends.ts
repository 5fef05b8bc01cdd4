/** Loading of tfjs backends: `cpu` and `wasm` ship with Lockstep, `tensorflow` is an optional install. */
import '../model/tfjs/cpu-backend.js';
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import * as util from 'node:util';
import { isMainThread } from 'node:worker_threads';

import tf = require('@tensorflow/tfjs-core');

import { EngineError } from '../errors.js';
import { correctGradients } from '../model/tfjs/corrected-gradients.js';
import { replaceWrongKernels } from './wasm-kernels.js';

/** Backends from the fastest to the slowest. */
export const backendNames = ['tensorflow', 'wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];

const require = createRequire(import.meta.url);

const tensorflowSettings = {
  // The pool's threads are the parallelism; one thread an operation also keeps the order of its sums.
  TF_NUM_INTRAOP_THREADS: '1',
  TF_NUM_INTEROP_THREADS: '1',
  // Warnings and errors only: it greets on stderr otherwise.
  TF_CPP_MIN_LOG_LEVEL: process.env.TF_CPP_MIN_LOG_LEVEL ?? '1',
};

const loaders: Record<BackendName, () => Promise<void>> = {
  async tensorflow() {
    // The package calls a function that Node 23 removed.
    (util as unknown as { default: Record<string, unknown> }).default.isNullOrUndefined ??= (x: unknown) => x == null;
    // TensorFlow reads them once for the process. A thread's process.env is a copy, so the main thread must load it first.
    if (isMainThread) Object.assign(process.env, tensorflowSettings);
    // Computed, so that the compiler does not ask for an optional package.
    try {
      await import(['@tensorflow', 'tfjs-node'].join('/'));
    } finally {
      // Also where only its JavaScript loads: that has registered tfjs's own gradients again. Where it is not installed, there may be none yet.
      if (tf.getGradient('GatherV2')) correctGradients();
    }
  },
  async wasm() {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep);
    replaceWrongKernels();
  },
  async cpu() {},
};

/**
 * Makes a backend tfjs's current one.
 * @throws EngineError when it cannot be loaded here
 */
export async function loadBackend(name: BackendName): Promise<void> {
  try {
    await loaders[name]();
    if (await tf.setBackend(name)) return;
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new EngineError(`backend ${name} does not load here (${reason})`, 'choose another; see npx lockstep doctor');
  }
  throw new EngineError(`backend ${name} does not load here`, 'choose another; see npx lockstep doctor');
}
