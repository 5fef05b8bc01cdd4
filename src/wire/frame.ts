/** The bytes of a frame. One WebSocket message is one frame: a control message, a piece of a slab, or a piece of a blob. */

/** A piece of a blob; its CRC-32 has been checked. */
export interface BlobFrame {
  readonly transfer: number;
  readonly offset: number;
  readonly payload: Uint8Array;
}
