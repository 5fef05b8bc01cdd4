/** A value of a graph that is being built: its shape, and the forms in which its numbers are there. */
import type { ElementType } from './proto.js';

/**
 * What a value's numbers are, in one or more forms. tfjs is channels-last ([N, H, W, C]), ONNX Runtime's convolutions are
 * channels-first ([N, C, H, W]); a form is made from another one only when somebody asks for it, and kept.
 */
export interface Storage {
  readonly type: ElementType;
  /** Names by shape of the row-major forms: reshapes of one another. */
  readonly rows: Map<string, string>;
  /** True when the value was made channels-first: what is made from it should then be so too. */
  readonly transposed?: boolean;
  /** The transposed form of a rank-4 value, and its shape before transposition. */
  channelsFirst?: { readonly name: string; readonly shape: readonly number[] };
  /** The transposed copy of a rank-2 value, and its shape before transposition. */
  columns?: { readonly name: string; readonly shape: readonly number[] };
  /** Data known at trace time. */
  readonly constant?: Float32Array | Int32Array | Uint8Array;
  /** The one value of every element, when it is known. */
  readonly splat?: number;
  /** Whole numbers that a gather has read by: none is negative, all are below this. */
  below?: number;
  /** The value of which this one, of shape `shape`, is a broadcast: its numbers are written out only for who needs them all. */
  readonly spread?: { readonly from: StoredValue; readonly shape: readonly number[] };
}

export interface StoredValue {
  readonly storage: Storage;
  readonly shape: readonly number[];
}
