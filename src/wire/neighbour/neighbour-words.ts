/**
 * What two processes of one machine say, as frames of a kind of their own, little-endian:
 *
 *     0 u8 10 | 1 u8 what is said | 2 two zeros | 4 u32 | 8 u64 | 16 thirty-two bytes
 */
import { SLAB_HEADER } from '../../reduce/slab-frame.js';

const first = 10;
const bytesOfAll = 16 + SLAB_HEADER;

export type NeighbourWord =
  /** Show that I can read your memory: what belongs to this number is to be found there. */
  | { readonly kind: 'challenge'; readonly nonce: Uint8Array }
  /** It is at this address of this process. */
  | { readonly kind: 'answer'; readonly pid: number; readonly at: bigint }
  /** I have found it. */
  | { readonly kind: 'ready' }
  /** A slab: its header, and where its payload is. */
  | { readonly kind: 'slab'; readonly bytes: number; readonly at: bigint; readonly header: Uint8Array }
  /** So many slabs more were read. */
  | { readonly kind: 'taken'; readonly count: number };

const kinds = ['challenge', 'answer', 'ready', 'slab', 'taken'] as const;

export function encodeNeighbourWord(said: NeighbourWord): Buffer {
  const frame = Buffer.alloc(bytesOfAll);
  frame[0] = first;
  frame[1] = kinds.indexOf(said.kind);
  if (said.kind === 'challenge') frame.set(said.nonce, 16);
  if (said.kind === 'answer') frame.writeUInt32LE(said.pid, 4);
  if (said.kind === 'taken') frame.writeUInt32LE(said.count, 4);
  if (said.kind === 'answer' || said.kind === 'slab') frame.writeBigUInt64LE(said.at, 8);
  if (said.kind === 'slab') {
    frame.writeUInt32LE(said.bytes, 4);
    frame.set(said.header, 16);
  }
  return frame;
}

/** @returns undefined for a frame that is none of these */
export function decodeNeighbourWord(frame: Buffer): NeighbourWord | undefined {
  if (frame[0] !== first || frame.length !== bytesOfAll) return undefined;
  const [number, at, rest] = [frame.readUInt32LE(4), frame.readBigUInt64LE(8), frame.subarray(16)];
  switch (kinds[frame[1]]) {
    case 'challenge':
      return { kind: 'challenge', nonce: rest };
    case 'answer':
      return { kind: 'answer', pid: number, at };
    case 'ready':
      return { kind: 'ready' };
    case 'slab':
      return { kind: 'slab', bytes: number, at, header: rest };
    case 'taken':
      return { kind: 'taken', count: number };
    default:
      return undefined;
  }
}
