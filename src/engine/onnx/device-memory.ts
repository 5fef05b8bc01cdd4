/**
 * Tensors in the memory of a device. Each belongs to numbers of this process, and goes there and comes back only where somebody says
 * so: sessions that are given nothing else move no number.
 */
import { elements } from '../../ground/elements.js';
import type { OnnxLibrary, Pointer } from './library.js';
import type { SessionTensor } from './session-tensor.js';

export interface DeviceTensor extends SessionTensor {
  readonly device: Pointer;
}

export class DeviceMemory {
  readonly #library: OnnxLibrary;
  readonly #info: Pointer;
  readonly #allocator: Pointer;
  readonly #failure: (error: Error) => Error;
  readonly #values: Pointer[] = [];
  /** The numbers here, as tensors. */
  readonly #here = new Map<SessionTensor['data'], Pointer>();

  /**
   * @param session that computes on the device, and outlives this
   * @param name of the memory
   * @param failure says of what the library throws what it means
   */
  constructor(library: OnnxLibrary, session: Pointer, name: string, failure: (error: Error) => Error) {
    this.#library = library;
    this.#info = library.deviceMemory(name);
    this.#allocator = library.make('CreateAllocator', session, this.#info);
    this.#failure = failure;
  }

  /** Room for a tensor, whose numbers are not there yet. @throws EngineError when there is none */
  room({ type, shape, data }: SessionTensor): DeviceTensor {
    return { type, shape, data, device: this.#attempt(() => this.#library.room(this.#allocator, type, shape)) };
  }

  /** The same numbers in another shape of as many. */
  seenAs({ type, data, device }: DeviceTensor, shape: readonly number[]): DeviceTensor {
    const place = this.#library.make('GetTensorMutableData', device);
    const bytes = elements(shape) * data.BYTES_PER_ELEMENT;
    const seen = this.#attempt(() => this.#library.valueAt(this.#info, place, bytes, type, shape));
    return { type, shape, data, device: seen };
  }

  /** Sends numbers to the device. */
  upload(tensors: readonly DeviceTensor[]): void {
    this.#copy(this.#hereOf(tensors), devices(tensors));
  }

  /** Fetches numbers from the device, once it has computed them. */
  download(tensors: readonly DeviceTensor[]): void {
    this.#copy(devices(tensors), this.#hereOf(tensors));
  }

  release(): void {
    for (const value of this.#values) this.#library.free('ReleaseValue', value);
    this.#library.free('ReleaseAllocator', this.#allocator);
    this.#library.free('ReleaseMemoryInfo', this.#info);
  }

  #hereOf(tensors: readonly DeviceTensor[]): Pointer[] {
    return tensors.map(({ data, type, shape }) => {
      let here = this.#here.get(data);
      if (here === undefined) {
        here = this.#library.value(data, type, shape);
        this.#values.push(here);
        this.#here.set(data, here);
      }
      return here;
    });
  }

  #copy(from: readonly Pointer[], to: readonly Pointer[]): void {
    if (from.length === 0) return;
    try {
      this.#library.copy(from, to);
    } catch (error) {
      throw this.#failure(error as Error);
    }
  }

  #attempt(make: () => Pointer): Pointer {
    try {
      const value = make();
      this.#values.push(value);
      return value;
    } catch (error) {
      throw this.#failure(error as Error);
    }
  }
}

const devices = (tensors: readonly DeviceTensor[]): Pointer[] => tensors.map(({ device }) => device);
