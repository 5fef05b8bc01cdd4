/** The compiled engine: one ONNX Runtime session a graph, which reads and writes where the numbers are. */
import { type Field, ofRole } from '../../data/field.js';
import { elements } from '../../ground/elements.js';
import { loadNoiseKernels } from '../../kernels/load-kernels.js';
import { type SlabLayout, tensorOf } from '../../model/slab.js';
import type { BatchBuffers, Evaluation, GradientEngine, NoiseKey, ShardLoss } from '../engine.js';
import { BatchMemory, handedNumbers, PrivateMemory } from '../private-memory.js';
import { fillNoise } from '../step-noise.js';
import { boundGraph, boundLoops, sessionsOf } from './bound-graph.js';
import type { CompiledGraph } from './compile.js';
import type { DeviceMemory, DeviceTensor } from './device-memory.js';
import { memoryPlan } from './memory-plan.js';
import {
  divisorName,
  gradientName,
  graphInputName,
  headNames,
  inverseScaleName,
  isScaled,
  lossScaleName,
  noiseName,
  parameterName,
} from './names.js';
import type { Session } from './runtime.js';
import type { SessionTensor, SessionTensors } from './session-tensor.js';

/** A compiled model as plain data: graphs by batch size. */
export interface CompiledModel {
  readonly layout: SlabLayout;
  /** What a batch consists of. */
  readonly fields: readonly Field[];
  readonly gradients: ReadonlyMap<number, CompiledGraph>;
  readonly evaluations: ReadonlyMap<number, CompiledGraph>;
}

/** A compiled graph made ready to run in this thread, but for the gradients that it writes. */
interface Prepared {
  readonly graph: CompiledGraph;
  /** Those of each subgraph. */
  readonly sessions: readonly (readonly Session[])[];
  readonly loops: ReturnType<typeof boundLoops>;
  /** What a step is given, and what subgraphs write except gradients; the latter in one memory, where kernels can reach them. */
  readonly tensors: SessionTensors;
  readonly memory: WebAssembly.Memory;
  /** What of it goes to the device for each batch. */
  readonly sent: readonly DeviceTensor[];
  /** Draws fresh noise into the inputs. */
  readonly draw: (key: NoiseKey) => void;
  /** Gives the loss its factor, where the graph has one. */
  readonly scale: (lossScale: number | undefined) => void;
  /** Runs all subgraphs; an entry for each array of gradients. */
  readonly runs: Map<Float32Array, () => void>;
}

const noGradients = new Float32Array();

export class OnnxEngine implements GradientEngine {
  readonly #model: CompiledModel;
  readonly #parameters: Float32Array;
  readonly #batches: BatchMemory;
  readonly #prepared = new Map<CompiledGraph, Prepared>();
  /** Where the parameters are on a device. */
  #device: { readonly memory: DeviceMemory; readonly parameters: Record<string, DeviceTensor> } | undefined;
  /** Whether the device has the parameters of now. */
  #isFresh = false;

  /** @param parameters slab to compute with; starts at a multiple of 64 bytes, as gradients do */
  constructor(model: CompiledModel, parameters: Float32Array) {
    this.#model = model;
    this.#parameters = parameters;
    this.#batches = new BatchMemory(model.fields);
  }

  buffers(count: number): BatchBuffers {
    return this.#batches.buffers(count);
  }

  refresh(): void {
    this.#isFresh = false;
  }

  async computeGradients(
    count: number,
    key: NoiseKey,
    gradients: Float32Array,
    lossScale?: number,
  ): Promise<ShardLoss> {
    const prepared = this.#prepare(this.#model.gradients.get(count)!, count);
    prepared.draw(key);
    prepared.scale(lossScale);
    this.#send(prepared);
    this.#run(prepared, gradients)();
    const { loss, [divisorName]: divisor } = prepared.tensors;
    return { lossSum: loss.data[0], divisor: divisor ? divisor.data[0] : count };
  }

  async evaluate(count: number): Promise<Evaluation[]> {
    const prepared = this.#prepare(this.#model.evaluations.get(count)!, count);
    this.#send(prepared);
    this.#run(prepared, noGradients)();
    const { tensors } = prepared;
    const values = (name: string) => tensors[name].data as Float32Array;
    return ofRole(this.#model.fields, 'target').map((target) => {
      const names = headNames(target);
      const metrics: Float32Array[] = [];
      while (tensors[names.metric(metrics.length)]) metrics.push(values(names.metric(metrics.length)));
      const divisor = tensors[names.divisor] ? values(names.divisor)[0] : count;
      const valid = tensors[names.valid] && values(names.valid);
      return { outputs: values(names.outputs), losses: values(names.losses), divisor, metrics, valid };
    });
  }

  /**
   * The step on `count` examples, tied to tensors of the device.
   * @param tensors parameters and results, by their names in the graph
   * @returns sends the batch and starts the step, which is done some time later
   */
  tie(count: number, tensors: Readonly<Record<string, DeviceTensor>>): (key: NoiseKey, lossScale?: number) => void {
    const prepared = this.#prepare(this.#model.gradients.get(count)!, count);
    const all = { ...prepared.tensors, ...tensors };
    const run = boundGraph(prepared.graph, prepared.sessions, all, prepared.memory, prepared.loops);
    return (key, lossScale) => {
      prepared.draw(key);
      prepared.scale(lossScale);
      this.#device!.memory.upload(prepared.sent);
      run();
    };
  }

  async dispose(): Promise<void> {
    // The first has the memory of all.
    const sessions = [...this.#prepared.values()].flatMap((prepared) => prepared.sessions.flat());
    for (const session of sessions.toReversed()) session.release();
    this.#prepared.clear();
  }

  #prepare(graph: CompiledGraph, count: number): Prepared {
    const known = this.#prepared.get(graph);
    if (known) return known;
    const noise = noiseTensors(graph);
    const { memory, tensors: written } = this.#writtenTensors(graph);
    const sessions = sessionsOf(graph);
    const device = this.#deviceOf(sessions);
    const scaled = scaleTensors(graph);
    const batch = { ...this.#batchTensors(count), ...noise.tensors, ...scaled.tensors };
    const sent = device && onDevice(device.memory, batch);
    const prepared = {
      graph,
      memory,
      sent: sent ? Object.values(sent) : [],
      draw: noise.draw,
      scale: scaled.scale,
      runs: new Map(),
      tensors: { ...(device?.parameters ?? this.#parameterTensors()), ...(sent ?? batch), ...written },
      sessions,
      loops: boundLoops(graph, sessions, written, memory),
    };
    this.#prepared.set(graph, prepared);
    return prepared;
  }

  #run(prepared: Prepared, gradients: Float32Array): () => void {
    const known = prepared.runs.get(gradients);
    if (known) return known;
    const { graph, memory, loops } = prepared;
    const tensors = { ...prepared.tensors, ...this.#gradientTensors(graph, gradients) };
    const run = boundGraph(graph, prepared.sessions, tensors, memory, loops);
    prepared.runs.set(gradients, run);
    return run;
  }

  /** Where the provider keeps tensors. */
  #deviceOf(sessions: Prepared['sessions']) {
    const memory = this.#device ? undefined : sessions.flat()[0]?.deviceMemory();
    if (memory) this.#device = { memory, parameters: onDevice(memory, this.#parameterTensors()) };
    return this.#device;
  }

  /** Sends a batch to the device, and parameters that it has not. */
  #send({ sent }: Prepared): void {
    if (!this.#device) return;
    const { memory, parameters } = this.#device;
    memory.upload(this.#isFresh ? sent : [...sent, ...Object.values(parameters)]);
    this.#isFresh = true;
  }

  #batchTensors(count: number): SessionTensors {
    const buffers = this.buffers(count);
    const named = this.#model.fields.map((field, i): [string, SessionTensor] => [
      graphInputName(field),
      { type: field.type, shape: [count, ...field.shape], data: buffers[i] },
    ]);
    return Object.fromEntries(named);
  }

  #parameterTensors(): SessionTensors {
    const named = this.#model.layout.tensors.map((tensor, i): [string, SessionTensor] => [
      parameterName(i),
      { type: 'float32', shape: tensor.shape, data: tensorOf(this.#parameters, tensor) },
    ]);
    return Object.fromEntries(named);
  }

  /** Gradients at their places in the slab, of the shapes in which the graph has them. */
  #gradientTensors({ written }: CompiledGraph, gradients: Float32Array): SessionTensors {
    const shapes = new Map(written.map(({ name, shape }) => [name, shape]));
    const named = this.#model.layout.tensors.flatMap((tensor, i): [string, SessionTensor][] => {
      const shape = shapes.get(gradientName(i));
      return shape ? [[gradientName(i), { type: 'float32', shape, data: tensorOf(gradients, tensor) }]] : [];
    });
    return Object.fromEntries(named);
  }

  /** The tensors that subgraphs write, except gradients. */
  #writtenTensors(graph: CompiledGraph): { memory: WebAssembly.Memory; tensors: SessionTensors } {
    const inSlab = new Set(this.#model.layout.tensors.map((_, i) => gradientName(i)));
    const { bytes, places } = memoryPlan(graph, (name) => inSlab.has(name));
    const { memory } = new PrivateMemory([bytes]);
    const tensors: Record<string, SessionTensor> = {};
    for (const { name, type, shape } of graph.written) {
      const place = places.get(name);
      if (place === undefined) continue;
      tensors[name] = { type, shape, data: handedNumbers(type, memory, place, elements(shape)) };
    }
    return { memory, tensors };
  }
}

/** Tensors with room for them on the device. */
const onDevice = (memory: DeviceMemory, tensors: SessionTensors): Record<string, DeviceTensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, memory.room(tensor)]));

function scaleTensors(graph: CompiledGraph): { tensors: SessionTensors; scale: Prepared['scale'] } {
  if (!isScaled(graph)) return { tensors: {}, scale: () => {} };
  const memory = new PrivateMemory([4, 4]);
  const [factor, inverse] = [memory.floats(1), memory.floats(1)];
  const scalar = (data: Float32Array): SessionTensor => ({ type: 'float32', shape: [], data });
  return {
    tensors: { [lossScaleName]: scalar(factor), [inverseScaleName]: scalar(inverse) },
    scale: (lossScale = 1) => {
      factor[0] = lossScale;
      inverse[0] = 1 / lossScale;
    },
  };
}

function noiseTensors({ noise }: CompiledGraph): { tensors: SessionTensors; draw: (key: NoiseKey) => void } {
  if (noise.length === 0) return { tensors: {}, draw: () => {} };
  const memory = new PrivateMemory(noise.map(({ shape }) => elements(shape) * 4));
  const values = noise.map(({ shape }) => memory.floats(elements(shape)));
  const kernels = loadNoiseKernels(memory.memory);
  const named = values.map((data, i): [string, SessionTensor] => [
    noiseName(i),
    { type: 'float32', shape: noise[i].shape, data },
  ]);
  return {
    tensors: Object.fromEntries(named),
    draw: (key) => {
      values.forEach((data, place) => {
        fillNoise(kernels, noise[place].kind, data, key, place);
      });
    },
  };
}
