/**
 * Slab frames as messages of MPI: 40 bytes that announce one, little-endian, and its payload, in the same message where it is
 * small, in the next one where it is not.
 *
 *     0 u32 frames that the sender had sent by socket before it | 4 u32 bytes of the payload | 8 header of the slab frame
 *
 * And what the two ends say of that by socket, as frames of their own kind:
 *
 *     0 u8 9 | 1 u8 what is said | 2 two zeros | 4 u32 | 8 u32 | 12 sixteen bytes
 */
import { SLAB_HEADER } from '../../reduce/slab-frame.js';

const announcement = 8 + SLAB_HEADER;
/** Payloads up to this go with their announcement: most MPIs send as much at once, whether it is waited for or not. */
export const smallPayload = 3072;
/** Bytes of the largest message that announces a slab. */
export const largestAnnouncement = announcement + smallPayload;

export interface Announced {
  /** Frames by socket that come first. */
  readonly behind: number;
  readonly header: Uint8Array;
  readonly payload: number;
}

/** Writes an announcement, and a small payload behind it. @returns bytes of it */
export function announce(to: Buffer, behind: number, header: Uint8Array, payload: Uint8Array): number {
  to.writeUInt32LE(behind, 0);
  to.writeUInt32LE(payload.length, 4);
  to.set(header, 8);
  if (payload.length > smallPayload) return announcement;
  to.set(payload, announcement);
  return announcement + payload.length;
}

export function announced(from: Buffer): Announced {
  const payload = from.readUInt32LE(4);
  return { behind: from.readUInt32LE(0), header: from.subarray(8, announcement), payload };
}

/** A small slab frame as a whole: header and payload. */
export const wholeFrame = (from: Buffer, payload: number): Buffer => from.subarray(8, announcement + payload);

/** First byte of what is said by socket. */
const lineFrame = 9;
const lineBytes = 28;

export type Said =
  /** Slabs for me are sent to this rank of this job, with this tag. */
  | { readonly kind: 'meet'; readonly rank: number; readonly tag: number; readonly job: Uint8Array }
  /** So many slabs were sent; more follow without a word, or (`rests`) not before the next one. */
  | { readonly kind: 'sent'; readonly count: number; readonly rests: boolean }
  /** So many slabs were sent, and with them the line ends. */
  | { readonly kind: 'end'; readonly count: number }
  /** Nothing has come for a while: I look no more once you have answered. */
  | { readonly kind: 'tired' };

const kinds = ['meet', 'sent', 'end', 'tired'] as const;

export function encodeSaid(said: Said): Buffer {
  const bytes = Buffer.alloc(lineBytes);
  bytes[0] = lineFrame;
  bytes[1] = kinds.indexOf(said.kind);
  if (said.kind === 'sent' || said.kind === 'end') bytes.writeUInt32LE(said.count, 4);
  if (said.kind === 'sent') bytes.writeUInt32LE(Number(said.rests), 8);
  if (said.kind === 'meet') {
    bytes.writeUInt32LE(said.rank, 4);
    bytes.writeUInt32LE(said.tag, 8);
    bytes.set(said.job, 12);
  }
  return bytes;
}

/** @returns undefined for a frame that is none of these */
export function decodeSaid(bytes: Buffer): Said | undefined {
  if (bytes[0] !== lineFrame || bytes.length !== lineBytes) return undefined;
  const [a, b] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
  switch (kinds[bytes[1]]) {
    case 'meet':
      return { kind: 'meet', rank: a, tag: b, job: bytes.subarray(12) };
    case 'sent':
      return { kind: 'sent', count: a, rests: b !== 0 };
    case 'end':
      return { kind: 'end', count: a };
    case 'tired':
      return { kind: 'tired' };
    default:
      return undefined;
  }
}
