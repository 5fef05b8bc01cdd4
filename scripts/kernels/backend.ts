/**
 * A tfjs backend for tests: backend `cpu`, but that each kernel call with a lowering is also compiled alone, and its result
 * taken, so that whoever looks at the numbers judges the compiled engine.
 */
import { createRequire } from 'node:module';
import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type * as Tfjs from '@tensorflow/tfjs-core';
import type { ElementType } from '../../src/engine/onnx/proto.js';
import { UnsupportedModelError } from '../../src/errors.js';
import { elements } from '../../src/ground/elements.js';
import { type Mode, type Numbers, runAlone, type TypedArray } from './alone.js';

const require = createRequire(import.meta.url);
const tf = require('@tensorflow/tfjs-core') as typeof Tfjs;
const cpu = require('@tensorflow/tfjs-backend-cpu') as { MathBackendCPU: new () => MathBackendCPU };

/** What became of one kernel call. `foreign` ones have strings or complex numbers, which no model has. */
export type Fate = 'compiled' | 'unsupported' | 'foreign' | 'late' | 'differs';
export interface Outcome {
  readonly kernel: string;
  readonly fate: Fate;
  readonly detail: string;
}

const numeric = ['float32', 'int32', 'bool'];
const listOf = (result: Tfjs.TensorInfo | Tfjs.TensorInfo[]): Tfjs.TensorInfo[] => [result].flat();

const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;
/** As tests may have given them, such as Uint8Array for integers. */
function numbersOf(backend: MathBackendCPU, { dataId, shape, dtype }: Tfjs.TensorInfo): Numbers {
  const values = backend.data.get(dataId).values as unknown as ArrayLike<number>;
  return { type: dtype as ElementType, shape, data: arrays[dtype as keyof typeof arrays].from(values) };
}

const near = (a: number, b: number): boolean =>
  Object.is(a, b) || a === b || Math.abs(a - b) <= 1e-5 + 1e-4 * Math.abs(b) || (Number.isNaN(a) && Number.isNaN(b));

/** What is not as backend `cpu` has it. */
function difference(actual: readonly Numbers[], expected: readonly Numbers[]): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} results for ${expected.length}`;
  for (const [i, { type, shape, data }] of actual.entries()) {
    const wanted = expected[i];
    if (type !== wanted.type) return `${type} for ${wanted.type}`;
    if (shape.join() !== wanted.shape.join()) return `shape [${shape}] for [${wanted.shape}]`;
    const at = data.findIndex((value, j) => !near(value, wanted.data[j]));
    if (at >= 0) return `${data[at]} for ${wanted.data[at]} at ${at} of ${elements(shape)}`;
  }
  return undefined;
}

let report: (outcome: Outcome) => void = () => {};
/** Tells `take` what becomes of every call from now on. */
export function observe(take: (outcome: Outcome) => void): void {
  report = take;
}

export const backendNameOf = (mode: Mode): string => `compiled-${mode}`;

function kernelOf(config: Tfjs.KernelConfig, mode: Mode): Tfjs.KernelFunc {
  const kernel = config.kernelName;
  const compute = (backend: MathBackendCPU, inputs: Tfjs.NamedTensorInfoMap, attrs?: Tfjs.NamedAttrMap) => {
    // Read first: a kernel may pass on what it was given.
    const given = Object.entries(inputs).filter(([, info]) => info);
    const isForeign = given.some(([, info]) => !numeric.includes(info!.dtype));
    const numbers = isForeign ? [] : given.map(([name, info]) => [name, numbersOf(backend, info!)] as const);
    const result = config.kernelFunc({ inputs, attrs, backend });
    const infos = listOf(result);
    if (isForeign || infos.some(({ dtype }) => !numeric.includes(dtype))) {
      report({ kernel, fate: 'foreign', detail: 'strings or complex numbers' });
      return result;
    }
    const expected = infos.map((info) => numbersOf(backend, info));
    try {
      const actual = runAlone({ kernel, inputs: Object.fromEntries(numbers), attributes: attrs }, mode);
      // The order of what is not sorted is anybody's.
      const detail = attrs?.sorted === false ? undefined : difference(actual, expected);
      report({ kernel, fate: detail ? 'differs' : 'compiled', detail: detail ?? '' });
      // What a kernel passes on is its caller's own.
      const passedOn = new Set(given.map(([, info]) => info!.dataId));
      infos.forEach(({ dataId, shape }, i) => {
        if (passedOn.has(dataId) || actual[i]?.data.length !== elements(shape)) return;
        backend.data.get(dataId).values = actual[i].data as TypedArray;
      });
    } catch (error) {
      const fate = error instanceof UnsupportedModelError ? 'unsupported' : 'late';
      report({ kernel, fate, detail: error instanceof UnsupportedModelError ? error.problem : String(error) });
    }
    return result;
  };
  return ({ inputs, attrs, backend }) => compute(backend as MathBackendCPU, inputs, attrs);
}

/** Registers a backend for each of these modes; tfjs goes through all kernels of all backends before each test. */
export function registerCompiledBackends(chosen: readonly Mode[]): void {
  for (const mode of chosen) {
    const backendName = backendNameOf(mode);
    tf.registerBackend(backendName, () => new cpu.MathBackendCPU());
    for (const config of tf.getKernelsForBackend('cpu')) {
      tf.registerKernel({ ...config, backendName, kernelFunc: kernelOf(config, mode) });
    }
  }
}
