/**
 * What this machine's arithmetic comes to, to the bit. ONNX Runtime picks its kernels by what the processor can do, so two
 * machines may round differently; a run across both would then depend on who computed what. Equal hashes of one small graph
 * tell that they do not.
 */
import { createHash } from 'node:crypto';
import { addBytes } from '../../ground/checksum.js';
import { elements } from '../../ground/elements.js';
import { loadNoiseKernels, loadUpdateKernels } from '../../kernels/load-kernels.js';
import { PrivateMemory } from '../private-memory.js';
import { hasBlocks } from './blocks.js';
import { processorName } from './processor.js';
import { encodeModel, type OnnxNode, type OnnxPort } from './proto.js';
import { createSession, runtimeVersion } from './runtime.js';
import type { SessionTensor } from './session-tensor.js';

export interface NumericFingerprint {
  /** SHA-256 in hex. */
  readonly hash: string;
  /** Name and version of the engine. */
  readonly engine: string;
  /** Name and features of the processor, for people. */
  readonly processor: string;
}

/** Sizes that no vector divides, and one that fills several panels of a matrix product. */
const inputs: readonly { readonly name: string; readonly shape: readonly number[] }[] = [
  { name: 'rows', shape: [67, 129] },
  { name: 'weights', shape: [129, 131] },
  { name: 'tall', shape: [256, 384] },
  { name: 'wide', shape: [384, 192] },
  { name: 'bias', shape: [131] },
  { name: 'images', shape: [5, 7, 19, 17] },
  { name: 'filter', shape: [11, 7, 3, 3] },
  { name: 'depthFilter', shape: [11, 1, 5, 5] },
];

interface Operation {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly shape: readonly number[];
  readonly attributes?: OnnxNode['attributes'];
}

const vector = [67, 131];
const convolution = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
/** One of each kind of kernel that lowerings use and that rounds. */
const operations: readonly Operation[] = [
  { op: 'Gemm', inputs: ['rows', 'weights', 'bias'], output: 'product', shape: vector },
  { op: 'Gemm', inputs: ['tall', 'wide'], output: 'large', shape: [256, 192] },
  { op: 'Gemm', inputs: ['product', 'product'], output: 'gram', shape: [131, 131], attributes: { transA: 1 } },
  { op: 'Conv', inputs: ['images', 'filter'], output: 'convolved', shape: [5, 11, 19, 17], attributes: convolution },
  {
    op: 'Conv',
    inputs: ['convolved', 'depthFilter'],
    output: 'depthwise',
    shape: [5, 11, 8, 7],
    attributes: { kernel_shape: [5, 5], strides: [2, 2], group: 11 },
  },
  {
    op: 'ConvTranspose',
    inputs: ['convolved', 'filter'],
    output: 'transposed',
    shape: [5, 7, 19, 17],
    attributes: convolution,
  },
  {
    op: 'AveragePool',
    inputs: ['convolved'],
    output: 'pooled',
    shape: [5, 11, 17, 15],
    attributes: { kernel_shape: [3, 3] },
  },
  {
    op: 'ReduceMean',
    inputs: ['convolved'],
    output: 'means',
    shape: [11],
    attributes: { axes: [0, 2, 3], keepdims: 0 },
  },
  {
    op: 'ReduceSum',
    inputs: ['product', 'lastAxis'],
    output: 'sums',
    shape: [67],
    attributes: { keepdims: 0 },
  },
  {
    op: 'ReduceSum',
    inputs: ['product', 'firstAxis'],
    output: 'columnSums',
    shape: [131],
    attributes: { keepdims: 0 },
  },
  { op: 'Softmax', inputs: ['product'], output: 'softmax', shape: vector, attributes: { axis: -1 } },
  { op: 'LogSoftmax', inputs: ['product'], output: 'logSoftmax', shape: vector, attributes: { axis: -1 } },
  ...['Exp', 'Tanh', 'Sigmoid', 'Erf', 'Elu', 'Softplus', 'Sin'].map((op) => ({
    op,
    inputs: ['product'],
    output: op.toLowerCase(),
    shape: vector,
  })),
  { op: 'Sqrt', inputs: ['exp'], output: 'root', shape: vector },
  { op: 'Reciprocal', inputs: ['root'], output: 'reciprocal', shape: vector },
  { op: 'Log', inputs: ['exp'], output: 'log', shape: vector },
  { op: 'Pow', inputs: ['exp', 'tanh'], output: 'power', shape: vector },
  { op: 'Div', inputs: ['product', 'exp'], output: 'quotient', shape: vector },
];

function canonicalModel(): Uint8Array {
  const port = ({ name, shape }: { name: string; shape: readonly number[] }): OnnxPort => ({
    name,
    shape,
    type: 'float32',
  });
  const axis = (name: string, value: bigint) => ({
    name,
    shape: [1],
    type: 'int64' as const,
    data: BigInt64Array.of(value),
  });
  return encodeModel({
    nodes: operations.map(({ op, inputs, output, attributes = {} }) => ({ op, inputs, outputs: [output], attributes })),
    inputs: inputs.map(port),
    outputs: operations.map(({ output, shape }) => port({ name: output, shape })),
    constants: [axis('firstAxis', 0n), axis('lastAxis', 1n)],
  });
}

/** Numbers in [-1, 1) by integer arithmetic and exact steps: the same on every machine. @returns one tensor an input */
export function canonicalInputs(): Float32Array[] {
  const lengths = inputs.map(({ shape }) => elements(shape));
  const memory = new PrivateMemory(lengths.map((length) => length * 4));
  const kernels = loadNoiseKernels(memory.memory);
  return lengths.map((length, i) => {
    const values = memory.floats(length);
    kernels.uniform(values.byteOffset, length, 1, 2, i, 0, 0);
    for (let at = 0; at < length; at++) values[at] = 2 * values[at] - 1;
    return values;
  });
}

/** Runs the canonical graph and the optimizers on given inputs. @returns SHA-256 of all that comes out */
export function numericHash(values: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  const session = createSession(canonicalModel());
  try {
    const lengths = operations.map(({ shape }) => elements(shape));
    const memory = new PrivateMemory(lengths.map((length) => length * 4));
    const results = operations.map(({ output, shape }, i): [string, SessionTensor] => [
      output,
      { type: 'float32', shape, data: memory.floats(lengths[i]) },
    ]);
    const given = inputs.map(({ name, shape }, i): [string, SessionTensor] => [
      name,
      { type: 'float32', shape, data: values[i] },
    ]);
    session.bind(Object.fromEntries(given), Object.fromEntries(results))();
    for (const [, { data }] of results) addBytes(hash, data as Float32Array);
  } finally {
    session.release();
  }
  addBytes(hash, updated(values[2], values[3]));
  addBytes(hash, corrections());
  // Another length of blocks is another order of numbers in the graphs that are sent.
  if (hasBlocks()) hash.update('blocks');
  return hash.digest('hex');
}

/** Parameters and slots after steps of the optimizers' kernels. */
function updated(parameters: Float32Array, gradients: Float32Array): Float32Array {
  const length = 4096;
  const bytes = length * 4;
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 65536, shared: true });
  const kernels = loadUpdateKernels(memory);
  const all = new Float32Array(memory.buffer, 0, 4 * length);
  const [p, g, first, second] = [0, bytes, 2 * bytes, 3 * bytes];
  all.set(parameters.subarray(0, length));
  all.set(gradients.subarray(0, length), length);
  for (let step = 0; step < 3; step++) {
    kernels.adam(p, g, first, second, length, 1 / 96, 1e-3, 0.9, 0.999, 1e-8, 1e-5);
    kernels.momentum(p, g, first, length, 1 / 96, 1e-2, 0.9, true);
    kernels.rmsprop(p, g, second, length, 1 / 96, 1e-3, 0.9, 1e-8);
  }
  return Float32Array.of(...all.subarray(0, length), ...all.subarray(2 * length), kernels.sumOfSquares(g, length));
}

/** Adam's bias corrections are worked out in JavaScript, whose functions are not the same everywhere. */
function corrections(): Float64Array {
  const bases = [0.9, 0.999, 0.95].map(Math.fround);
  return Float64Array.from({ length: 300 }, (_, i) => Math.sqrt(-Math.expm1((i + 1) * Math.log(bases[i % 3]))));
}

/** The fingerprint of this machine: the same in each of its threads and processes. Takes tens of milliseconds. */
export function numericFingerprint(): NumericFingerprint {
  const hash = numericHash(canonicalInputs());
  return { hash, engine: `onnxruntime-node ${runtimeVersion()}`, processor: processorName() };
}
