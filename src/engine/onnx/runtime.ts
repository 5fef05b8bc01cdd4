/**
 * ONNX Runtime by its C API. The library is the one inside onnxruntime-node; that package's own binding is not used, because
 * it copies every output into fresh memory at each run, which V8 then collects, and takes no shared memory. Here tensors are
 * tied to a session once, wherever they lie, and a run moves no number.
 */
import './telemetry.js';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { elements } from '../../data/examples.js';
import type { ElementType } from './proto.js';

/** Numbers that a session reads or writes in place: row-major, not on V8's own heap, and not moved while it lives. */
export interface Tensor {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}
export type Tensors = Readonly<Record<string, Tensor>>;

/** A model made ready to run in this thread. */
export interface Session {
  /**
   * Ties tensors to all inputs and outputs.
   * @returns runs the model on them, in this thread
   * @throws Error when they are not as many, or not as large, as the model's; what else does not fit, a run throws
   */
  bind(inputs: Tensors, outputs: Tensors): () => void;
  /** Frees what the session and its runs hold. */
  release(): void;
}

type Pointer = bigint;
type Native = (...values: unknown[]) => Pointer | null;

// Places of functions in OrtApi (onnxruntime_c_api.h): later versions append functions and never move one.
const places = {
  GetErrorMessage: [2, 'str', 'void *'],
  CreateEnv: [3, 'void *', 'int', 'str', '_Out_ void * *'],
  CreateSessionFromArray: [8, 'void *', 'void *', 'void *', 'size_t', 'void *', '_Out_ void * *'],
  CreateSessionOptions: [10, 'void *', '_Out_ void * *'],
  SetSessionLogSeverityLevel: [22, 'void *', 'void *', 'int'],
  SetSessionGraphOptimizationLevel: [23, 'void *', 'void *', 'int'],
  SetIntraOpNumThreads: [24, 'void *', 'void *', 'int'],
  SetInterOpNumThreads: [25, 'void *', 'void *', 'int'],
  SessionGetInputCount: [30, 'void *', 'void *', '_Out_ size_t *'],
  SessionGetOutputCount: [31, 'void *', 'void *', '_Out_ size_t *'],
  CreateTensorWithDataAsOrtValue: [
    ...([49, 'void *', 'void *', 'void *', 'size_t'] as const),
    ...(['int64_t *', 'size_t', 'int', '_Out_ void * *'] as const),
  ],
  CreateCpuMemoryInfo: [69, 'void *', 'int', 'int', '_Out_ void * *'],
  ReleaseStatus: [93, 'void', 'void *'],
  ReleaseSession: [95, 'void', 'void *'],
  ReleaseValue: [96, 'void', 'void *'],
  ReleaseSessionOptions: [100, 'void', 'void *'],
  RunWithBinding: [133, 'void *', 'void *', 'void *', 'void *'],
  CreateIoBinding: [134, 'void *', 'void *', '_Out_ void * *'],
  ReleaseIoBinding: [135, 'void', 'void *'],
  BindInput: [136, 'void *', 'void *', 'str', 'void *'],
  BindOutput: [137, 'void *', 'void *', 'str', 'void *'],
} as const;
type Name = keyof typeof places;

/** The oldest version of the API that has all these functions. */
const apiVersion = 7;
/** What fails is thrown. */
const logFatal = 4;
const optimizeAll = 99;
const arenaAllocator = 1;
const defaultMemory = 0;
/** ONNXTensorElementDataType. */
const typeCodes: Readonly<Record<ElementType, number>> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

const libraryNames: Partial<Record<NodeJS.Platform, string>> = {
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

function libraryFile(): string {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const { platform, arch } = process;
  return join(root, 'bin', 'napi-v6', platform, arch, libraryNames[platform] ?? 'libonnxruntime.so.1');
}

/** The library as this thread sees it. */
class Runtime {
  readonly version: string;
  /** Collected, it would take the code with it. */
  protected readonly library: LibraryHandle;
  readonly #functions: Readonly<Record<Name, Native>>;
  readonly #environment: Pointer;
  readonly #memory: Pointer;

  /** @throws Error when the library is not there or does not load */
  constructor() {
    this.library = koffi.load(libraryFile());
    const base: Pointer = this.library.func('OrtGetApiBase', 'void *', [])();
    const functionAt = (table: Pointer, place: number, result: string, parameters: readonly string[]): Native => {
      const address: Pointer = koffi.decode(table, place * koffi.sizeof('void *'), 'void *');
      return koffi.decode(address, koffi.proto(result, parameters.map(parameterType)));
    };
    this.version = functionAt(base, 1, 'str', [])() as unknown as string;
    const api = functionAt(base, 0, 'void *', ['uint32_t'])(apiVersion);
    if (api === null) throw new Error(`ONNX Runtime ${this.version} has no version ${apiVersion} of its API`);
    const entries = Object.entries(places).map(([name, [place, result, ...parameters]]) => [
      name,
      functionAt(api, place, result, parameters),
    ]);
    this.#functions = Object.fromEntries(entries) as Record<Name, Native>;
    this.#environment = this.make('CreateEnv', logFatal, 'lockstep');
    this.#memory = this.make('CreateCpuMemoryInfo', arenaAllocator, defaultMemory);
  }

  /** @throws Error with what the library says, when it fails */
  call(name: Name, ...values: unknown[]): void {
    const status = this.#functions[name](...values);
    if (status !== null) this.#fail(status);
  }

  #fail(status: Pointer): never {
    const message = this.#functions.GetErrorMessage(status);
    this.#functions.ReleaseStatus(status);
    throw new Error(String(message));
  }

  /** Calls a function whose last parameter is where it puts what it makes. */
  make(name: Name, ...values: unknown[]): Pointer {
    const made: [Pointer | null] = [null];
    this.call(name, ...values, made);
    return made[0]!;
  }

  free(name: Extract<Name, `Release${string}`>, pointer: Pointer): void {
    this.#functions[name](pointer);
  }

  session(model: Uint8Array, threads: number): Pointer {
    const options = this.make('CreateSessionOptions');
    try {
      this.call('SetIntraOpNumThreads', options, threads);
      this.call('SetInterOpNumThreads', options, 1);
      this.call('SetSessionGraphOptimizationLevel', options, optimizeAll);
      this.call('SetSessionLogSeverityLevel', options, logFatal);
      return this.make('CreateSessionFromArray', this.#environment, model, model.byteLength, options);
    } finally {
      this.free('ReleaseSessionOptions', options);
    }
  }

  value({ type, shape, data }: Tensor): Pointer {
    const dimensions = BigInt64Array.from(shape, BigInt);
    const place = [koffi.address(data), data.byteLength, dimensions, shape.length, typeCodes[type]];
    return this.make('CreateTensorWithDataAsOrtValue', this.#memory, ...place);
  }
}

/** `_Out_ T *` is where a function puts a T. */
function parameterType(text: string) {
  const [, made] = /^_Out_ (.+) \*$/.exec(text) ?? [];
  return made ? koffi.out(koffi.pointer(made)) : text;
}

let runtime: Runtime | undefined;
const loaded = (): Runtime => {
  runtime ??= new Runtime();
  return runtime;
};

/** Version of the library. @throws Error when it does not load */
export const runtimeVersion = (): string => loaded().version;

/** What native code holds for a session, to be freed in this order. */
class Holdings {
  readonly bindings: Pointer[] = [];
  readonly values: Pointer[] = [];
  constructor(readonly session: Pointer) {}

  free(): void {
    const library = loaded();
    for (const binding of this.bindings) library.free('ReleaseIoBinding', binding);
    for (const value of this.values) library.free('ReleaseValue', value);
    library.free('ReleaseSession', this.session);
  }
}

/** Frees the sessions that nobody has released, once nobody can run them. Not those of a thread that ends before. */
const forgotten = new FinalizationRegistry<Holdings>((holdings) => holdings.free());

class OnnxSession implements Session {
  readonly #holdings: Holdings;
  /** What native code reads and writes must not be collected before the session is. */
  readonly #tensors: Tensors[] = [];

  constructor(model: Uint8Array, threads: number) {
    this.#holdings = new Holdings(loaded().session(model, threads));
    forgotten.register(this, this.#holdings, this);
  }

  bind(inputs: Tensors, outputs: Tensors): () => void {
    const library = loaded();
    const { session, bindings, values } = this.#holdings;
    const binding = library.make('CreateIoBinding', session);
    bindings.push(binding);
    const tie = (how: 'BindInput' | 'BindOutput', tensors: Tensors) => {
      for (const [name, tensor] of Object.entries(tensors)) {
        checkSize(name, tensor);
        const value = library.value(tensor);
        values.push(value);
        library.call(how, binding, name, value);
      }
    };
    this.#checkNumber('SessionGetInputCount', inputs);
    this.#checkNumber('SessionGetOutputCount', outputs);
    tie('BindInput', inputs);
    tie('BindOutput', outputs);
    this.#tensors.push(inputs, outputs);
    return () => this.#run(binding);
  }

  #checkNumber(of: 'SessionGetInputCount' | 'SessionGetOutputCount', tensors: Tensors): void {
    const wanted = Number(loaded().make(of, this.#holdings.session));
    const names = Object.keys(tensors);
    if (names.length === wanted) return;
    throw new Error(`the model has ${wanted} inputs or outputs where these are given: ${names.join(', ')}`);
  }

  release(): void {
    if (!forgotten.unregister(this)) return;
    this.#holdings.free();
    this.#tensors.length = 0;
  }

  #run(binding: Pointer): void {
    loaded().call('RunWithBinding', this.#holdings.session, null, binding);
  }
}

/**
 * @param model an encoded ModelProto
 * @param threads that share one operator. In training it is one: shards are the parallelism, and a sum split over threads would
 *   depend on their number.
 * @throws Error when ONNX Runtime refuses the model
 */
export const createSession = (model: Uint8Array, threads = 1): Session => new OnnxSession(model, threads);

/** The library would read and write beyond an array that is too short. */
function checkSize(name: string, { shape, data }: Tensor): void {
  if (data.length === elements(shape)) return;
  throw new Error(`tensor ${name} of shape [${shape.join(', ')}] was given ${data.length} numbers`);
}
