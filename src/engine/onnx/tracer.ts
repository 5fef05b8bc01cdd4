/** A tfjs backend that computes nothing: each kernel call becomes nodes of an ONNX graph. */
import tf = require('@tensorflow/tfjs-core');

import { requireMemory } from '../../ground/memory.js';
import '../../model/tfjs/cpu-backend.js';
import { ModelError, UnsupportedModelError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { folded } from './constant-folding.js';
import { GraphBuilder, type StepGraph } from './graph.js';
import { binaryLowerings } from './lowerings/binary.js';
import { bitLowerings } from './lowerings/bits.js';
import { inBothFormats } from './lowerings/channels-first.js';
import { convolutionLowerings } from './lowerings/convolution.js';
import { einsumLowerings } from './lowerings/einsum.js';
import { functionLowerings } from './lowerings/functions.js';
import { indexingLowerings } from './lowerings/indexing.js';
import { type KernelCall, type Lowerings, unsupported } from './lowerings/lowering.js';
import { matmulLowerings } from './lowerings/matmul.js';
import { mirrorLowerings } from './lowerings/mirror.js';
import { normalizationLowerings } from './lowerings/normalization.js';
import { orderLowerings } from './lowerings/order.js';
import { peakLowerings } from './lowerings/peaks.js';
import { poolingLowerings } from './lowerings/pooling.js';
import { recurrenceLowerings } from './lowerings/recurrence.js';
import { reduceLowerings } from './lowerings/reduction.js';
import { resizeLowerings } from './lowerings/resize.js';
import { scanLowerings } from './lowerings/scan.js';
import { shapeLowerings } from './lowerings/shape.js';
import { crossEntropyLowerings, softmaxLowerings } from './lowerings/softmax.js';
import { spaceLowerings } from './lowerings/space.js';
import { elementTypeOf, onFloats } from './lowerings/types.js';
import { unaryLowerings } from './lowerings/unary.js';
import { volumeLowerings } from './lowerings/volume.js';
import type { ElementType } from './proto.js';
import { rewriteRules } from './rewrites/all-rules.js';
import { composedAttentions } from './rewrites/composed-attention.js';
import { rewritten } from './rewrites/rewrite.js';
import type { StoredValue } from './storage.js';

const lowerings: Lowerings = {
  ...unaryLowerings,
  ...binaryLowerings,
  ...reduceLowerings,
  ...shapeLowerings,
  ...matmulLowerings,
  ...onFloats({
    ...inBothFormats(convolutionLowerings),
    ...poolingLowerings,
    ...normalizationLowerings,
    ...softmaxLowerings,
    ...volumeLowerings,
    ...orderLowerings,
  }),
  ...functionLowerings,
  ...scanLowerings,
  ...indexingLowerings,
  ...bitLowerings,
  ...spaceLowerings,
  ...einsumLowerings,
  ...resizeLowerings,
  ...peakLowerings,
  ...mirrorLowerings,
  ...recurrenceLowerings,
  ...crossEntropyLowerings,
};

const backendName = 'lockstep-trace';

class TraceBackend extends tf.KernelBackend {
  readonly data = new tf.DataStorage<StoredValue>(this, tf.engine());
  graph!: GraphBuilder;
  /** Whether what is traced may be loops of ours: not where others are to run it. */
  get hasLoops(): boolean {
    return this.graph.turnsProducts;
  }

  /** Data that enters from JavaScript is a constant of the graph. */
  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    const dataId = {};
    this.move(dataId, values, shape, dtype);
    return dataId;
  }
  override move(dataId: object, values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): void {
    const type = elementTypeOf('a constant', dtype);
    // Copies, of typed arrays at the speed of memory: tfjs's gradients make large ones of zeros.
    const typed =
      type === 'float32'
        ? new Float32Array(values as Float32Array)
        : type === 'bool'
          ? new Uint8Array(values as Uint8Array)
          : new Int32Array(values as Int32Array);
    this.data.set(dataId, this.graph.constant(typed, shape, type));
  }
  override readSync(dataId: object): tf.backend_util.BackendValues {
    const { constant, splat } = this.data.get(dataId).storage;
    if (constant) return constant;
    if (splat !== undefined) return Float32Array.of(splat);
    throw new UnsupportedModelError(
      'the model reads the values of a tensor while it runs, which a compiled step cannot do',
      'use --engine tfjs',
    );
  }
  override async read(dataId: object) {
    return this.readSync(dataId);
  }
  override disposeData(): boolean {
    return true;
  }
  override refCount(): number {
    return 1;
  }
  override incRef(): void {}
  override numDataIds(): number {
    return 0;
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override timerAvailable(): boolean {
    return false;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }
  override dispose(): void {}

  info(value: StoredValue): tf.TensorInfo {
    const dataId = {};
    this.data.set(dataId, value);
    const { type } = value.storage;
    return { dataId, shape: [...value.shape], dtype: (type === 'uint8' ? 'int32' : type) as tf.DataType };
  }
  valueIn({ dataId, shape }: tf.TensorInfo): StoredValue {
    return { storage: this.data.get(dataId).storage, shape };
  }
}

/**
 * Appends the nodes of one kernel call to `graph`.
 * @throws UnsupportedModelError when the kernel has no lowering, or none for these inputs and attributes
 */
export function lower(
  graph: GraphBuilder,
  kernel: string,
  inputs: Readonly<Record<string, StoredValue | undefined>>,
  attrs: tf.NamedAttrMap | undefined,
): StoredValue | StoredValue[] {
  const call: KernelCall = {
    kernel,
    optional: (name) => inputs[name],
    input: (name) => {
      const value = inputs[name];
      if (!value) throw new Error(`kernel ${kernel} was called without input ${name}`);
      return value;
    },
    list: () => Object.values(inputs).filter((value) => value !== undefined),
    attribute: <T>(name: string, fallback?: T) => (attrs?.[name] ?? fallback) as T,
  };
  graph.origin.kernel = kernel;
  const result = attempt(call, () => {
    try {
      return (lowerings[kernel] ?? missing)(graph, call);
    } catch (error) {
      const known = folded(graph, kernel, inputs, attrs);
      if (known) return known;
      throw error;
    }
  });
  const filled = (value: StoredValue) => {
    const size = elements(value.shape);
    // Where there is nothing, nothing need be computed.
    if (size === 0) return graph.splat(0, value.shape, value.storage.type);
    if (size > fewest && value.storage.splat === undefined) requireTensor(kernel, value.shape);
    return value;
  };
  return Array.isArray(result) ? result.map(filled) : filled(result);
}

/** Elements that any machine has memory for. */
const fewest = 2 ** 24;

/** One tensor must fit into the memory; what all of them need at a time is the library's to arrange. */
function requireTensor(kernel: string, shape: readonly number[]): void {
  requireMemory(
    `${kernel} of the model makes a tensor of ${shape.join(' x ')} numbers for one shard of examples`,
    4 * elements(shape),
    ModelError,
    'use a smaller training.batchSize, more training.shards, or smaller layers',
  );
}

function missing(_: GraphBuilder, { kernel }: KernelCall): never {
  throw new UnsupportedModelError(
    `the compiled engine has no lowering for the tfjs kernel ${kernel}`,
    'use --engine tfjs, or change the layer that needs it',
  );
}

/** A lowering that stumbles over what it does not know has none for that. */
function attempt<T>({ kernel }: KernelCall, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      unsupported(kernel, `these options (${error.message})`);
    throw error;
  }
}

let registered: TraceBackend | undefined;

function traceBackend(): TraceBackend {
  if (registered) return registered;
  const backend = new TraceBackend();
  const names = new Set([...Object.keys(lowerings), ...tf.getKernelsForBackend('cpu').map((k) => k.kernelName)]);
  for (const kernelName of names) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => {
        const values = Object.entries(inputs).map(([name, info]) => [name, info && backend.valueIn(info)] as const);
        const result = lower(backend.graph, kernelName, Object.fromEntries(values), attrs);
        return Array.isArray(result) ? result.map((value) => backend.info(value)) : backend.info(result);
      },
    });
  }
  tf.registerBackend(backendName, () => backend);
  registered = backend;
  return backend;
}

/** Declares the graph's inputs and outputs while a trace runs. */
export interface Trace {
  /** A symbolic tensor that the graph takes as input `name`. */
  input(name: string, shape: readonly number[], dtype: 'float32' | 'int32', stored?: ElementType): tf.Tensor;
  /** @param shaped in the tensor's shape, not only its order */
  output(name: string, tensor: tf.Tensor, shaped?: boolean): void;
  /** What comes next is of this block of layers. */
  layerBlock(number: number | undefined): void;
}

/**
 * Runs `body` with tfjs recording instead of computing, and returns the graph of everything that reaches an output.
 * @param turnsProducts see GraphBuilder
 * @throws UnsupportedModelError when a kernel has no lowering or reads a tensor's values
 */
export function trace(body: (trace: Trace) => void, turnsProducts: boolean): StepGraph {
  const backend = traceBackend();
  const previous = tf.getBackend();
  backend.graph = new GraphBuilder(turnsProducts);
  const { graph } = backend;
  const engine = tf.engine();
  tf.setBackend(backendName);
  try {
    tf.tidy(() =>
      body({
        input: (name, shape, dtype, stored = dtype) => {
          const value = graph.input(name, shape, stored);
          const info = backend.info(value);
          return engine.makeTensorFromDataId(info.dataId, [...shape], dtype, backend);
        },
        output: (name, tensor, shaped) => graph.output(name, backend.valueIn(tensor), shaped),
        layerBlock: (number) => {
          graph.origin.layerBlock = number;
        },
      }),
    );
    // Others have no kernels of ours.
    return rewritten(graph.build(), turnsProducts ? rewriteRules : [...rewriteRules, composedAttentions]);
  } finally {
    tf.setBackend(previous);
  }
}
