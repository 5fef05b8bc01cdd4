/** Slab frames in one piece, as they are on the wire, and in two, as they are sent. */
import { checkedHeader, SLAB_HEADER, type SlabParts, sealSlab } from '../../src/reduce/slab-frame.js';

export const inTwo = (frame: Buffer): SlabParts => ({
  header: frame.subarray(0, SLAB_HEADER),
  payload: frame.subarray(SLAB_HEADER),
});

export const inOne = (frame: SlabParts): Buffer => Buffer.concat([checkedHeader(frame), frame.payload]);

export const slabFrame = (header: Parameters<typeof sealSlab>[0], payload: Uint8Array): Buffer =>
  inOne({ header: sealSlab(header), payload });

/** Writes another header over that of a frame. */
export const reseal = (frame: Buffer, header: Parameters<typeof sealSlab>[0]): void => {
  frame.set(sealSlab(header));
};
