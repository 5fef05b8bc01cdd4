/** The compiled engine: one ONNX Runtime session a graph, fed from private memory. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { loadNoiseKernels } from '../../kernels/load.js';
import { type SlabLayout, tensorOf } from '../../model/slab.js';
import type { BatchBuffers, BatchSpec, Evaluation, GradientEngine, NoiseKey } from '../engine.js';
import { BatchMemory, PrivateMemory } from '../memory.js';
import { fillNoise } from '../noise.js';
import type { CompiledGraph } from './compile.js';
import { gradientName, noiseName, parameterName } from './names.js';

/** A compiled model as plain data: graphs by batch size. */
export interface CompiledModel {
  readonly layout: SlabLayout;
  readonly batch: BatchSpec;
  readonly gradients: ReadonlyMap<number, CompiledGraph>;
  readonly evaluations: ReadonlyMap<number, CompiledGraph>;
}

type Tensors = Record<string, Tensor>;
interface BoundSession {
  readonly session: InferenceSession;
  readonly feeds: Tensors;
  readonly fetches: Tensors;
  /** Draws fresh noise into the feeds. */
  readonly draw: (key: NoiseKey) => void;
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

// One thread a session: shards are the parallelism, and a sum split over threads would depend on their number.
const options: InferenceSession.SessionOptions = {
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
  readonly #sessions = new Map<CompiledGraph, Promise<BoundSession>>();

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
    const { session, feeds, fetches, draw } = await this.#session(this.#model.gradients.get(count)!, count);
    draw(key);
    await session.run(feeds, fetches);
    return (fetches.loss.data as Float32Array)[0];
  }

  async evaluate(count: number): Promise<Evaluation> {
    const { session, feeds, fetches } = await this.#session(this.#model.evaluations.get(count)!, count);
    await session.run(feeds, fetches);
    return { outputs: fetches.outputs.data as Float32Array, losses: fetches.losses.data as Float32Array };
  }

  async dispose(): Promise<void> {
    for (const bound of this.#sessions.values()) await (await bound).session.release();
    this.#sessions.clear();
  }

  #session(graph: CompiledGraph, count: number): Promise<BoundSession> {
    let bound = this.#sessions.get(graph);
    if (!bound) {
      bound = this.#bind(graph, count);
      this.#sessions.set(graph, bound);
    }
    return bound;
  }

  async #bind(graph: CompiledGraph, count: number): Promise<BoundSession> {
    const session = await InferenceSession.create(graph.bytes, options);
    const noiseMemory = new PrivateMemory(graph.noise.map(({ shape }) => size(shape) * 4));
    const noise = graph.noise.map(({ shape }) => noiseMemory.floats(size(shape)));
    const feeds = this.#feeds(graph, count, noise);
    const kernels = noise.length > 0 ? loadNoiseKernels(noiseMemory.memory) : undefined;
    const draw = (key: NoiseKey) => {
      noise.forEach((values, place) => {
        fillNoise(kernels!, graph.noise[place].kind, values, key, place);
      });
    };
    return { session, feeds, fetches: this.#fetches(graph), draw };
  }

  #feeds(graph: CompiledGraph, count: number, noise: readonly Float32Array[]): Tensors {
    const { layout, batch } = this.#model;
    const { features, targets } = this.buffers(count);
    const all: Tensors = {
      features: new Tensor(batch.featureType, features, [count, ...batch.featureShape]),
      targets: new Tensor(batch.targetType, targets, [count, ...batch.targetShape]),
    };
    layout.tensors.forEach((tensor, i) => {
      all[parameterName(i)] = new Tensor('float32', tensorOf(this.parameters, tensor), tensor.shape);
    });
    noise.forEach((values, i) => {
      all[noiseName(i)] = new Tensor('float32', values, graph.noise[i].shape);
    });
    return Object.fromEntries(graph.inputs.map((name) => [name, all[name]]));
  }

  /** Gradients go straight to their place in the slab; everything else to memory of its own. */
  #fetches(graph: CompiledGraph): Tensors {
    const inSlab = new Map(this.#model.layout.tensors.map((tensor, i) => [gradientName(i), tensor]));
    const entries = Object.entries(graph.outputs);
    const rest = entries.filter(([name]) => !inSlab.has(name));
    const memory = new PrivateMemory(rest.map(([, shape]) => size(shape) * 4));
    return Object.fromEntries(
      entries.map(([name, shape]) => {
        const tensor = inSlab.get(name);
        const values = tensor ? tensorOf(this.gradients, tensor) : memory.floats(size(shape));
        return [name, new Tensor('float32', values, shape)];
      }),
    );
  }
}
