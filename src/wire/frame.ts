/** The bytes of a frame. One WebSocket message is one frame: a control message, a piece of a slab, or a piece of a blob. */

/** A piece of the gradient slab on its way through an exchange. Payload starts at byte 32; its bytes are checked by the receiver. */
export interface SlabFrame {
  readonly stage: 'partial' | 'total';
  readonly precision: 'float32' | 'bfloat16' | 'float16';
  readonly attempt: number;
  readonly round: number;
  /** Node of the tree whose sum this is: shards [low, high). */
  readonly low: number;
  readonly high: number;
  /** Number of the segment: floats [segment * SEGMENT, (segment + 1) * SEGMENT) of the slab's state region. */
  readonly segment: number;
  /** See `checksum` of the update kernels, over the payload as float32 words (two halves a word). */
  readonly checksum: number;
  readonly payload: Uint8Array;
}

/** A piece of a blob; its CRC-32 has been checked. */
export interface BlobFrame {
  readonly transfer: number;
  readonly offset: number;
  readonly payload: Uint8Array;
}
