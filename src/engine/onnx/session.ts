/** The compiled engine: one ONNX Runtime session a graph, fed from private memory. */
import { elements } from '../../data/examples.js';
import './telemetry.js';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { loadNoiseKernels, loadPoolKernels } from '../../kernels/load.js';
import { type SlabLayout, tensorOf } from '../../model/slab.js';
import type { BatchBuffers, BatchSpec, Evaluation, GradientEngine, NoiseKey } from '../engine.js';
import { BatchMemory, PrivateMemory } from '../memory.js';
import { fillNoise } from '../noise.js';
import type { CompiledGraph } from './compile.js';
import { gradientName, metricName, noiseName, parameterName } from './names.js';

/** A compiled model as plain data: graphs by batch size. */
export interface CompiledModel {
  readonly layout: SlabLayout;
  readonly batch: BatchSpec;
  readonly gradients: ReadonlyMap<number, CompiledGraph>;
  readonly evaluations: ReadonlyMap<number, CompiledGraph>;
}

type Tensors = Record<string, Tensor>;
type RunStage = () => Promise<unknown>;

/** A compiled graph made ready to run in this thread. */
interface Bound {
  readonly sessions: readonly InferenceSession[];
  readonly stages: readonly RunStage[];
  readonly tensors: Readonly<Tensors>;
  /** Draws fresh noise into the inputs. */
  readonly draw: (key: NoiseKey) => void;
}

// One thread a session: shards are the parallelism, and a sum split over threads would depend on their number.
export const sessionOptions: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
};

export class OnnxEngine implements GradientEngine {
  readonly parameters: Float32Array;
  readonly gradients: Float32Array;
  readonly #model: CompiledModel;
  readonly #batches: BatchMemory;
  readonly #sessions = new Map<CompiledGraph, Promise<Bound>>();

  constructor(model: CompiledModel) {
    this.#model = model;
    this.#batches = new BatchMemory(model.batch);
    const { length, state } = model.layout;
    const memory = new PrivateMemory([length * 4, state * 4]);
    this.parameters = memory.floats(length);
    this.gradients = memory.floats(state);
  }

  buffers(count: number): BatchBuffers {
    return this.#batches.buffers(count);
  }

  async computeGradients(count: number, key: NoiseKey): Promise<number> {
    const { stages, tensors, draw } = await this.#bound(this.#model.gradients.get(count)!, count);
    draw(key);
    for (const run of stages) await run();
    return (tensors.loss.data as Float32Array)[0];
  }

  async evaluate(count: number): Promise<Evaluation> {
    const { stages, tensors } = await this.#bound(this.#model.evaluations.get(count)!, count);
    for (const run of stages) await run();
    const values = (name: string) => tensors[name].data as Float32Array;
    const metrics: Float32Array[] = [];
    while (tensors[metricName(metrics.length)]) metrics.push(values(metricName(metrics.length)));
    return { outputs: values('outputs'), losses: values('losses'), metrics };
  }

  async dispose(): Promise<void> {
    for (const bound of this.#sessions.values()) {
      for (const session of (await bound).sessions) await session.release();
    }
    this.#sessions.clear();
  }

  #bound(graph: CompiledGraph, count: number): Promise<Bound> {
    let bound = this.#sessions.get(graph);
    if (!bound) {
      bound = this.#bind(graph, count);
      this.#sessions.set(graph, bound);
    }
    return bound;
  }

  async #bind(graph: CompiledGraph, count: number): Promise<Bound> {
    const noise = noiseTensors(graph);
    const { memory, tensors: written } = this.#writtenTensors(graph);
    const tensors: Tensors = { ...this.#givenTensors(count), ...noise.tensors, ...written };
    const pick = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, tensors[name]]));
    const sessions: InferenceSession[] = [];
    const stages: RunStage[] = [];
    for (const stage of graph.stages) {
      if (stage.kind === 'session') {
        const session = await InferenceSession.create(stage.bytes, sessionOptions);
        const [feeds, fetches] = [pick(stage.inputs), pick(stage.outputs)];
        sessions.push(session);
        stages.push(() => session.run(feeds, fetches));
      } else {
        const kernels = loadPoolKernels(memory) as unknown as Record<string, (...numbers: number[]) => void>;
        const addresses = [...stage.inputs, stage.output].map(
          (name) => (tensors[name].data as Float32Array).byteOffset,
        );
        stages.push(async () => kernels[stage.kernel](...addresses, ...stage.numbers));
      }
    }
    return { sessions, stages, tensors, draw: noise.draw };
  }

  /** What a step is given: the batch and the parameters. */
  #givenTensors(count: number): Tensors {
    const { layout, batch } = this.#model;
    const { features, targets, weights } = this.buffers(count);
    const given: Tensors = {
      features: new Tensor(batch.featureType, features, [count, ...batch.featureShape]),
      targets: new Tensor(batch.targetType, targets, [count, ...batch.targetShape]),
    };
    if (weights) given.weights = new Tensor('float32', weights, [count]);
    layout.tensors.forEach((tensor, i) => {
      given[parameterName(i)] = new Tensor('float32', tensorOf(this.parameters, tensor), tensor.shape);
    });
    return given;
  }

  /** What stages write: gradients at their place in the slab, everything else in one memory, where kernels can reach it. */
  #writtenTensors({ written }: CompiledGraph): { memory: WebAssembly.Memory; tensors: Tensors } {
    const inSlab = new Map(this.#model.layout.tensors.map((tensor, i) => [gradientName(i), tensor]));
    const apart = written.filter(({ name }) => !inSlab.has(name));
    const memory = new PrivateMemory(apart.map(({ shape }) => elements(shape) * 4));
    const tensors: Tensors = {};
    for (const { name, type, shape } of written) {
      const tensor = inSlab.get(name);
      const values = tensor
        ? tensorOf(this.gradients, tensor)
        : type === 'int32'
          ? memory.integers(elements(shape))
          : memory.floats(elements(shape));
      tensors[name] = new Tensor(type as 'float32', values as Float32Array, shape);
    }
    return { memory: memory.memory, tensors };
  }
}

function noiseTensors({ noise }: CompiledGraph): { tensors: Tensors; draw: (key: NoiseKey) => void } {
  if (noise.length === 0) return { tensors: {}, draw: () => {} };
  const memory = new PrivateMemory(noise.map(({ shape }) => elements(shape) * 4));
  const values = noise.map(({ shape }) => memory.floats(elements(shape)));
  const kernels = loadNoiseKernels(memory.memory);
  return {
    tensors: Object.fromEntries(values.map((data, i) => [noiseName(i), new Tensor('float32', data, noise[i].shape)])),
    draw: (key) => {
      values.forEach((data, place) => {
        fillNoise(kernels, noise[place].kind, data, key, place);
      });
    },
  };
}
