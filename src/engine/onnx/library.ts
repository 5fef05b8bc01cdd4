/**
 * ONNX Runtime by its C API. The library is the one inside onnxruntime-node; that package's own binding is not used, because
 * it copies every output into fresh memory at each run, which V8 then has to collect, and takes no shared memory.
 */
import './telemetry.js';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { LibraryHandle } from 'koffi';
import { EngineError } from '../../errors.js';
import type { ElementType } from './proto.js';
import { chosenProvider, type ExecutionProvider } from './providers.js';

type Koffi = typeof import('koffi');
export type Pointer = bigint;
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
  CreateRunOptions: [39, 'void *', '_Out_ void * *'],
  CreateTensorAsOrtValue: [48, 'void *', 'void *', 'int64_t *', 'size_t', 'int', '_Out_ void * *'],
  CreateTensorWithDataAsOrtValue: [
    ...([49, 'void *', 'void *', 'void *', 'size_t'] as const),
    ...(['int64_t *', 'size_t', 'int', '_Out_ void * *'] as const),
  ],
  GetTensorMutableData: [51, 'void *', 'void *', '_Out_ void * *'],
  CreateMemoryInfo: [68, 'void *', 'str', 'int', 'int', 'int', '_Out_ void * *'],
  CreateCpuMemoryInfo: [69, 'void *', 'int', 'int', '_Out_ void * *'],
  ReleaseStatus: [93, 'void', 'void *'],
  ReleaseSession: [95, 'void', 'void *'],
  ReleaseMemoryInfo: [94, 'void', 'void *'],
  ReleaseValue: [96, 'void', 'void *'],
  ReleaseRunOptions: [97, 'void', 'void *'],
  ReleaseSessionOptions: [100, 'void', 'void *'],
  AddSessionConfigEntry: [130, 'void *', 'void *', 'str', 'str'],
  CreateAllocator: [131, 'void *', 'void *', 'void *', '_Out_ void * *'],
  ReleaseAllocator: [132, 'void', 'void *'],
  RunWithBinding: [133, 'void *', 'void *', 'void *', 'void *'],
  CreateIoBinding: [134, 'void *', 'void *', '_Out_ void * *'],
  ReleaseIoBinding: [135, 'void', 'void *'],
  BindInput: [136, 'void *', 'void *', 'str', 'void *'],
  BindOutput: [137, 'void *', 'void *', 'str', 'void *'],
  CreateAndRegisterAllocator: [144, 'void *', 'void *', 'void *', 'void *'],
  AddRunConfigEntry: [165, 'void *', 'void *', 'str', 'str'],
  SessionOptionsAppendExecutionProvider: [216, 'void *', 'void *', 'str', 'str *', 'str *', 'size_t'],
  CopyTensors: [386, 'void *', 'void *', 'uint64_t *', 'uint64_t *', 'void *', 'size_t'],
  Session_GetEpGraphAssignmentInfo: [407, 'void *', 'void *', '_Out_ void * *', '_Out_ size_t *'],
  EpAssignedSubgraph_GetEpName: [408, 'void *', 'void *', '_Out_ str *'],
  EpAssignedSubgraph_GetNodes: [409, 'void *', 'void *', '_Out_ void * *', '_Out_ size_t *'],
  EpAssignedNode_GetName: [410, 'void *', 'void *', '_Out_ str *'],
  EpAssignedNode_GetOperatorType: [412, 'void *', 'void *', '_Out_ str *'],
} as const;
type Name = keyof typeof places;

/** The oldest version of the API that has all these functions. */
const apiVersion = 24;
/** What fails is thrown. */
const logFatal = 4;
const optimizeAll = 99;
const optimizeNothing = 0;
const arenaAllocator = 1;
const deviceAllocator = 0;
const defaultMemory = 0;
/** ONNXTensorElementDataType. */
const typeCodes: Readonly<Record<ElementType, number>> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

const libraryNames: Partial<Record<NodeJS.Platform, string>> = {
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

function libraryFile(): string {
  const root = dirname(require.resolve('onnxruntime-node/package.json'));
  const { platform, arch } = process;
  return join(root, 'bin', 'napi-v6', platform, arch, libraryNames[platform] ?? 'libonnxruntime.so.1');
}

/** A node, and the execution provider that computes it, by ONNX Runtime's names. */
export interface AssignedNode {
  readonly provider: string;
  readonly name: string;
  readonly operator: string;
}

export class OnnxLibrary {
  readonly version: string;
  /** Collected, it would take the code with it. */
  protected readonly handle: LibraryHandle;
  readonly #koffi: Koffi;
  readonly #functions: Readonly<Record<Name, Native>>;
  readonly #environment: Pointer;
  readonly #memory: Pointer;

  /** @throws Error when the library is not there or does not load */
  constructor(koffi: Koffi) {
    this.#koffi = koffi;
    this.handle = koffi.load(libraryFile());
    const base: Pointer = this.handle.func('OrtGetApiBase', 'void *', [])();
    const functionAt = (table: Pointer, place: number, result: string, parameters: readonly string[]): Native => {
      const address: Pointer = koffi.decode(table, place * koffi.sizeof('void *'), 'void *');
      return koffi.decode(
        address,
        koffi.proto(
          result,
          parameters.map((text) => parameterType(koffi, text)),
        ),
      );
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
    // The parts of a step run one after the other: with one arena they take what they need in turn, where each would keep its own.
    // One thread says so: the library reads without a lock, where sessions are made, what this writes.
    if (isMainThread) this.call('CreateAndRegisterAllocator', this.#environment, this.#memory, null);
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

  /**
   * Makes a session of an encoded ModelProto.
   * @param optimized false takes less time, for one that only looks whether it can
   * @param recorded keeps what nodesOf tells
   * @throws EngineError when the provider is not there, Error when the model is refused
   */
  session(
    model: Uint8Array,
    threads: number,
    optimized = true,
    provider = chosenProvider(),
    recorded = false,
  ): Pointer {
    const options = this.make('CreateSessionOptions');
    try {
      this.call('SetIntraOpNumThreads', options, threads);
      this.call('SetInterOpNumThreads', options, 1);
      this.call('SetSessionGraphOptimizationLevel', options, optimized ? optimizeAll : optimizeNothing);
      this.call('SetSessionLogSeverityLevel', options, logFatal);
      this.call('AddSessionConfigEntry', options, 'session.use_env_allocators', '1');
      if (recorded) this.call('AddSessionConfigEntry', options, 'session.record_ep_graph_assignment_info', '1');
      this.#compute(options, provider);
      return this.make('CreateSessionFromArray', this.#environment, model, model.byteLength, options);
    } finally {
      this.free('ReleaseSessionOptions', options);
    }
  }

  /** The nodes of a session that was made with `recorded`, after its optimizations. */
  nodesOf(session: Pointer): AssignedNode[] {
    return this.#list('Session_GetEpGraphAssignmentInfo', session).flatMap((part) => {
      const provider = this.#text('EpAssignedSubgraph_GetEpName', part);
      return this.#list('EpAssignedSubgraph_GetNodes', part).map((node) => ({
        provider,
        name: this.#text('EpAssignedNode_GetName', node),
        operator: this.#text('EpAssignedNode_GetOperatorType', node),
      }));
    });
  }

  #list(name: Name, of: Pointer): Pointer[] {
    const [first, count]: [[Pointer | null], [number]] = [[null], [0]];
    this.call(name, of, first, count);
    return Number(count[0]) === 0 ? [] : this.#koffi.decode(first[0], 'void *', Number(count[0]));
  }

  #text = (name: Name, of: Pointer): string => String(this.make(name, of));

  /** Without a word ONNX Runtime takes the processor. */
  #compute(session: Pointer, { name, options, remedy }: ExecutionProvider): void {
    if (name === 'CPU') return;
    const [keys, values] = [Object.keys(options), Object.values(options)];
    try {
      this.call('SessionOptionsAppendExecutionProvider', session, name, keys, values, keys.length);
    } catch (error) {
      throw new EngineError(`execution provider ${name} does not load here (${reasonOf(error as Error)})`, remedy);
    }
  }

  /**
   * Runs a session on what is bound.
   * @param releases gives back the memory that the run took, where it would be kept for the next one
   */
  run(session: Pointer, binding: Pointer, releases: boolean): void {
    if (!releases) {
      this.call('RunWithBinding', session, null, binding);
      return;
    }
    const options = this.make('CreateRunOptions');
    try {
      this.call('AddRunConfigEntry', options, 'memory.enable_memory_arena_shrinkage', 'cpu:0');
      this.call('RunWithBinding', session, options, binding);
    } finally {
      this.free('ReleaseRunOptions', options);
    }
  }

  /** A tensor over numbers where they are. */
  value(data: Float32Array | Int32Array | Uint8Array, type: ElementType, shape: readonly number[]): Pointer {
    return this.valueAt(this.#memory, this.#koffi.address(data) as Pointer, data.byteLength, type, shape);
  }

  /** @param memory where it is, as ONNX Runtime describes it */
  valueAt(memory: Pointer, place: Pointer, bytes: number, type: ElementType, shape: readonly number[]): Pointer {
    const dimensions = BigInt64Array.from(shape, BigInt);
    const like = [dimensions, shape.length, typeCodes[type]];
    return this.make('CreateTensorWithDataAsOrtValue', memory, place, bytes, ...like);
  }

  /** Room for a tensor. */
  room(allocator: Pointer, type: ElementType, shape: readonly number[]): Pointer {
    const dimensions = BigInt64Array.from(shape, BigInt);
    return this.make('CreateTensorAsOrtValue', allocator, dimensions, shape.length, typeCodes[type]);
  }

  /** What a device calls its memory, described. */
  deviceMemory(name: string): Pointer {
    return this.make('CreateMemoryInfo', name, deviceAllocator, 0, defaultMemory);
  }

  /** Copies tensors, wherever they are, one to one. */
  copy(from: readonly Pointer[], to: readonly Pointer[]): void {
    const [sources, targets] = [BigUint64Array.from(from), BigUint64Array.from(to)];
    this.call('CopyTensors', this.#environment, sources, targets, null, from.length);
  }
}

/** What the library says of a failure, without the place in its source. */
export const reasonOf = ({ message }: Error): string =>
  message
    .trim()
    .split('\n')[0]!
    .replace(/^\S+\.(?:cc|h):\d+ .* was false\. /, '');

/** `_Out_ T *` is where a function puts a T. */
function parameterType(koffi: Koffi, text: string) {
  const [, made] = /^_Out_ (.+) \*$/.exec(text) ?? [];
  return made ? koffi.out(koffi.pointer(made)) : text;
}

const require = createRequire(import.meta.url);

/** @throws EngineError when the library does not load on this machine */
export function loadLibrary(): OnnxLibrary {
  try {
    // Only now: where npm left out its part for this platform, importing it throws.
    return new OnnxLibrary(require('koffi') as Koffi);
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new EngineError(
      `engine onnx: ONNX Runtime does not load on ${process.platform} ${process.arch} (${reason})`,
      'reinstall with npm ci, optional packages included; engine tfjs works without it, and is many times slower',
    );
  }
}
