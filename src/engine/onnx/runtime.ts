/** Sessions of ONNX Runtime: tensors are tied to one once, wherever they lie, and a run moves no number. */
import { EngineError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { DeviceMemory } from './device-memory.js';
import { type AssignedNode, loadLibrary, type OnnxLibrary, type Pointer, reasonOf } from './library.js';
import { chosenProvider } from './providers.js';
import type { SessionTensor, SessionTensors } from './session-tensor.js';

/** A model made ready to run in this thread. */
export interface Session {
  /**
   * Ties tensors to all inputs and outputs.
   * @returns runs the model on them, in this thread
   * @throws Error when they are not as many, or not as large, as the model's; what else does not fit, a run throws
   */
  bind(inputs: SessionTensors, outputs: SessionTensors): () => void;
  /**
   * Memory of the device on which it computes, for any session there; undefined where numbers are here. It goes with this session, which
   * is to be released after all others that use it.
   */
  deviceMemory(): DeviceMemory | undefined;
  /** Frees what the session and its runs hold. */
  release(): void;
}

let library: OnnxLibrary | undefined;
/** As this thread sees it. */
function loaded(): OnnxLibrary {
  library ??= loadLibrary();
  return library;
}

/** Version of the library. @throws EngineError when it does not load */
export const runtimeVersion = (): string => loaded().version;

/** What native code holds for a session, to be freed in this order. */
class SessionHoldings {
  readonly bindings: Pointer[] = [];
  readonly values: Pointer[] = [];
  memory: DeviceMemory | undefined;
  constructor(readonly session: Pointer) {}

  free(): void {
    const library = loaded();
    for (const binding of this.bindings) library.free('ReleaseIoBinding', binding);
    this.memory?.release();
    for (const value of this.values) library.free('ReleaseValue', value);
    library.free('ReleaseSession', this.session);
  }
}

/** Frees the sessions that nobody has released, once nobody can run them. Not those of a thread that ends before. */
const forgotten = new FinalizationRegistry<SessionHoldings>((holdings) => holdings.free());

class OnnxSession implements Session {
  readonly #holdings: SessionHoldings;
  /** What native code reads and writes must not be collected before the session is. */
  readonly #tensors: SessionTensors[] = [];
  readonly #inPlace = chosenProvider().inPlace;
  #hasRun = false;

  constructor(model: Uint8Array, threads: number) {
    this.#holdings = new SessionHoldings(loaded().session(model, threads));
    forgotten.register(this, this.#holdings, this);
  }

  bind(inputs: SessionTensors, outputs: SessionTensors): () => void {
    const library = loaded();
    const { session, bindings, values } = this.#holdings;
    const binding = library.make('CreateIoBinding', session);
    bindings.push(binding);
    const tie = (how: 'BindInput' | 'BindOutput', tensors: SessionTensors) => {
      const tied = Object.entries(tensors).map(([name, tensor]): [string, Pointer] => {
        if (tensor.device !== undefined) return [name, tensor.device];
        checkSize(name, tensor);
        const value = library.value(tensor.data, tensor.type, tensor.shape);
        values.push(value);
        return [name, value];
      });
      return () => {
        for (const [name, value] of tied) library.call(how, binding, name, value);
      };
    };
    const [kept, given] = apart(inputs);
    this.#checkNumber('SessionGetInputCount', inputs);
    this.#checkNumber('SessionGetOutputCount', outputs);
    tie('BindInput', kept)();
    const give = tie('BindInput', given);
    tie('BindOutput', outputs)();
    this.#tensors.push(inputs, outputs);
    if (this.#inPlace) {
      give();
      return () => this.#run(binding);
    }
    return () => {
      try {
        // As it binds an input, ONNX Runtime copies it to where the provider computes.
        give();
        this.#run(binding);
      } catch (error) {
        throw deviceError(error as Error);
      }
    };
  }

  #checkNumber(of: 'SessionGetInputCount' | 'SessionGetOutputCount', tensors: SessionTensors): void {
    const wanted = Number(loaded().make(of, this.#holdings.session));
    const names = Object.keys(tensors);
    if (names.length === wanted) return;
    throw new Error(`the model has ${wanted} inputs or outputs where these are given: ${names.join(', ')}`);
  }

  deviceMemory(): DeviceMemory | undefined {
    const { memory } = chosenProvider();
    if (memory === undefined) return undefined;
    // Sessions that nobody has released are freed in any order: this one stays.
    forgotten.unregister(this);
    this.#holdings.memory ??= new DeviceMemory(loaded(), this.#holdings.session, memory, deviceError);
    return this.#holdings.memory;
  }

  release(): void {
    if (!forgotten.unregister(this) && !this.#holdings.memory) return;
    this.#holdings.free();
    this.#holdings.memory = undefined;
    this.#tensors.length = 0;
  }

  /**
   * The first run takes its memory tensor by tensor. ONNX Runtime then knows the sizes, and plans one block for all later runs:
   * what the first took would lie idle beside it.
   */
  #run(binding: Pointer): void {
    loaded().run(this.#holdings.session, binding, !this.#hasRun);
    this.#hasRun = true;
  }
}

/**
 * @param model an encoded ModelProto
 * @param threads that share one operator. In training it is one: shards are the parallelism, and a sum split over threads would
 *   depend on their number.
 * @throws Error when ONNX Runtime refuses the model
 */
export const createSession = (model: Uint8Array, threads = 1): Session => new OnnxSession(model, threads);

/** @throws Error with what ONNX Runtime says, when it refuses the model */
export function checkRuns(model: Uint8Array): void {
  loaded().free('ReleaseSession', loaded().session(model, 1, false));
}

/** Memory that a device has not, or a device that is lost: nothing that the model or the program could have known. */
const deviceError = (error: Error): EngineError =>
  new EngineError(
    `execution provider ${chosenProvider().name} failed as it computed (${reasonOf(error)})`,
    'where its memory is too small, use more training.shards or a smaller training.batchSize; where it was lost, go on from the newest checkpoint with --resume; --device cpu computes without it',
  );

/** The nodes of a model that the chosen device leaves to the processor, as ONNX Runtime says. */
export function leftToProcessor(model: Uint8Array): AssignedNode[] {
  const library = loaded();
  const session = library.session(model, 1, true, chosenProvider(), true);
  try {
    return library.nodesOf(session).filter(({ provider }) => provider === 'CPUExecutionProvider');
  } finally {
    library.free('ReleaseSession', session);
  }
}

/** @returns the tensors that are on a device, and those that are here */
function apart(tensors: SessionTensors): [SessionTensors, SessionTensors] {
  const entries = Object.entries(tensors);
  const isKept = ([, { device }]: (typeof entries)[number]) => device !== undefined;
  return [Object.fromEntries(entries.filter(isKept)), Object.fromEntries(entries.filter((entry) => !isKept(entry)))];
}

/** The library would read and write beyond an array that is too short. */
function checkSize(name: string, { shape, data }: SessionTensor): void {
  if (data.length === elements(shape)) return;
  throw new Error(`tensor ${name} of shape [${shape.join(', ')}] was given ${data.length} numbers`);
}
