/** The eager engine: the same step on a tfjs backend. The reference of the compiled engine, and its escape hatch. */

import tf = require('@tensorflow/tfjs-core');

import { elements } from '../ground/elements.js';
import { loadNoiseKernels } from '../kernels/load-kernels.js';
import { tensorOf } from '../model/slab.js';
import { type BackendName, loadBackend } from './backends.js';
import type { BatchBuffers, Evaluation, GradientEngine, NoiseKey, ShardLoss } from './engine.js';
import type { BatchTensors } from './heads.js';
import { BatchMemory, PrivateMemory } from './private-memory.js';
import { createStepModel, evaluationStep, gradientStep, type StepModel, type StepSpec } from './step.js';
import { fillNoise } from './step-noise.js';

/**
 * @param parameters slab to compute with
 * @throws EngineError when the backend does not load here
 */
export async function createTfjsEngine(
  spec: StepSpec,
  backend: BackendName,
  parameters: Float32Array,
): Promise<GradientEngine> {
  await loadBackend(backend);
  return new TfjsEngine(await createStepModel(spec, false), parameters);
}

class TfjsEngine implements GradientEngine {
  readonly #step: StepModel;
  readonly #slab: Float32Array;
  readonly #batches: BatchMemory;

  constructor(step: StepModel, parameters: Float32Array) {
    this.#step = step;
    this.#slab = parameters;
    this.#batches = new BatchMemory(step.fields);
  }

  buffers(count: number): BatchBuffers {
    return this.#batches.buffers(count);
  }

  /** They are read anew for every batch. */
  refresh(): void {}

  async computeGradients(count: number, key: NoiseKey, into: Float32Array): Promise<ShardLoss> {
    return tf.tidy(() => {
      let place = 0;
      const draw = (kind: 'uniform' | 'normal') => (shape: readonly number[]) => noiseTensor(kind, shape, key, place++);
      const { lossSum, divisor, gradients } = gradientStep(this.#step, this.#parameters(), this.#batch(count), {
        uniform: draw('uniform'),
        normal: draw('normal'),
      });
      gradients.forEach((gradient, i) => {
        tensorOf(into, this.#step.layout.tensors[i]).set(gradient.dataSync());
      });
      const result = { lossSum: lossSum.dataSync()[0], divisor: divisor ? divisor.dataSync()[0] : count };
      divisor?.dispose();
      return result;
    });
  }

  async evaluate(count: number): Promise<Evaluation[]> {
    return tf.tidy(() => {
      const values = (tensor: tf.Tensor) => tensor.dataSync() as Float32Array;
      const heads = evaluationStep(this.#step, this.#parameters(), this.#batch(count));
      return heads.map(({ outputs, losses, divisor, metrics, valid }) => {
        const counts = { divisor: divisor ? values(divisor)[0] : count, valid: valid && values(valid) };
        return { outputs: values(outputs), losses: values(losses), metrics: metrics.map(values), ...counts };
      });
    });
  }

  async dispose(): Promise<void> {
    this.#step.built.model.dispose();
  }

  #parameters(): tf.Tensor[] {
    // Copies, which are not shared: tfjs keeps what it is given.
    return this.#step.layout.tensors.map((tensor) =>
      tf.tensor(tensorOf(this.#slab, tensor).slice(), [...tensor.shape], 'float32'),
    );
  }

  #batch(count: number): BatchTensors {
    const buffers = this.buffers(count);
    const named = this.#step.fields.map(({ name, type, shape }, i): [string, tf.Tensor] => {
      const isBytes = type === 'uint8';
      const values = isBytes ? Int32Array.from(buffers[i]) : buffers[i].slice();
      return [name, tf.tensor(values, [count, ...shape], isBytes ? 'int32' : type)];
    });
    return new Map(named);
  }
}

function noiseTensor(kind: 'uniform' | 'normal', shape: readonly number[], key: NoiseKey, place: number): tf.Tensor {
  const length = elements(shape);
  const memory = new PrivateMemory([length * 4]);
  const values = memory.floats(length);
  fillNoise(loadNoiseKernels(memory.memory), kind, values, key, place);
  return tf.tensor(values.slice(), [...shape], 'float32');
}
