/** What a member's part in all-reduces is made with. */
import type { WireError } from '../errors.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';
import type { Collective } from './collective.js';
import { normBlocks } from './norm.js';
import { type AllReduceLayout, SEGMENT } from './segments.js';
import type { ParameterRange } from './shares.js';
import type { SlabParts } from './slab-frame.js';

export interface AllReduceOptions {
  /** Id of this member. */
  readonly self: number;
  readonly memory: WebAssembly.Memory;
  readonly kernels: UpdateKernels;
  readonly layout: AllReduceLayout;
  /** Parts of the parameters of which a plan may name one. */
  readonly parts?: readonly (readonly ParameterRange[])[];
  /** Byte offset of a slab of `layout.state` floats for the total, which is none of the slots. MPI's own sum takes the place of this member's. */
  readonly total: number;
  /** Byte offset of `SCRATCH_FLOATS` floats. */
  readonly scratch: number;
  /** Number of its first segment, by which its frames are known where a round has several sums; default 0. */
  readonly firstSegment?: number;
  /**
   * Bytes of numbers kept of one sender while the plan that they belong to is on its way. A sender may hold a sum for
   * every level of the tree on either side: 2 log2(shards) slabs are always enough.
   */
  readonly earlyBytes: number;
  /**
   * Sends a frame. Its payload may lie in the memory, and stays as it is until the member that it is for has the total, or
   * until the next all-reduce begins. Frames for this member may come back with `receive` at once.
   */
  readonly send: (to: number, frame: SlabParts) => void;
  /** By which plans of algorithm mpi are followed; undefined as long as, and where, there is none. */
  readonly collective?: () => Collective | undefined;
  /** Told of a frame that broke the protocol, as `receive` would have thrown, had its plan been there in time. */
  readonly refused: (from: number, error: WireError) => void;
}

/** What is kept of one sender. The last segment of each share may be small. */
export function earlyLimit({
  layout,
  earlyBytes,
  parts = [],
}: Pick<AllReduceOptions, 'layout' | 'earlyBytes' | 'parts'>) {
  const slabs = Math.ceil(earlyBytes / (layout.state * 4));
  const ends = Math.min(1000, normBlocks(layout.trainable)) + parts.flat().length;
  const frames = slabs * (Math.ceil(layout.state / SEGMENT) + ends);
  return { bytes: earlyBytes, frames };
}
