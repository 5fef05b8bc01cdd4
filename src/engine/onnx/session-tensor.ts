/** What sessions read and write. */
import type { Pointer } from './library.js';
import type { ElementType } from './proto.js';

/** Numbers that a session reads or writes in place: row-major, not on V8's own heap, and not moved while it lives. */
export interface SessionTensor {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
  /** The same tensor in the memory of a device: a session reads and writes that one, and leaves the numbers here alone. */
  readonly device?: Pointer;
}
export type SessionTensors = Readonly<Record<string, SessionTensor>>;
