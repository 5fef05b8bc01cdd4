/** Memory of other processes of this machine and user, which Linux lets a process read (process_vm_readv, Linux 3.2). */
import { createRequire } from 'node:module';

type NativeCalls = typeof import('koffi');

const require = createRequire(import.meta.url);

/** Bytes of another process. */
export interface ForeignPlace {
  readonly at: bigint;
  readonly bytes: number;
}

type ReadCall = (pid: number, to: BigUint64Array, parts: number, from: BigUint64Array, n: number, flags: 0) => number;

export class ForeignMemory {
  readonly #koffi: NativeCalls;
  readonly #read: ReadCall;

  constructor(koffi: NativeCalls) {
    this.#koffi = koffi;
    const long = ['int', 'void *', 'unsigned long', 'void *', 'unsigned long', 'unsigned long'];
    this.#read = koffi.load(null).func('process_vm_readv', 'long', long);
  }

  /** Where bytes lie that do not move: those of shared memory. */
  address(bytes: NodeJS.ArrayBufferView): bigint {
    return this.#koffi.address(bytes) as bigint;
  }

  /**
   * Reads places, one after the other.
   * @returns whether all were read: not where the process is gone, or does not let itself be read
   */
  read(pid: number, from: readonly ForeignPlace[], to: readonly NodeJS.ArrayBufferView[]): boolean {
    const far = new BigUint64Array(from.flatMap(({ at, bytes }) => [at, BigInt(bytes)]));
    const near = new BigUint64Array(to.flatMap((bytes) => [this.address(bytes), BigInt(bytes.byteLength)]));
    const all = from.reduce((sum, { bytes }) => sum + bytes, 0);
    return this.#read(pid, near, to.length, far, from.length, 0) === all;
  }
}

let loaded: ForeignMemory | undefined;
let isTried = false;

/** Undefined where the system has no such call. */
export function foreignMemory(): ForeignMemory | undefined {
  if (isTried) return loaded;
  isTried = true;
  if (process.platform !== 'linux') return undefined;
  try {
    loaded = new ForeignMemory(require('koffi') as NativeCalls);
  } catch {
    // A C library without it: all goes by sockets.
  }
  return loaded;
}
