/**
 * The bytes of a frame: a control message, a piece of a slab, or a piece of a blob.
 * All numbers are little-endian.
 *
 *     control  0 kind 1 | 1 number, 24 bits | 4 crc32 of the rest, started with the number | 8 MessagePack
 *     slab     0 kind 2 | 1 stage | 2 precision | 3 attempt | 4 round | 8 low | 10 high | 12 segment | 16 checksum
 *              | 20 crc32 of bytes 0 to 19 | 24 zero | 32 payload
 *     blob     0 kind 3 | 1 zero | 4 transfer | 8 offset, float64 | 16 crc32 of the payload
 *              | 20 crc32 of bytes 0 to 19 | 24 zero | 32 payload
 *
 * Frames of kind 9 and 10 are of transports, for themselves: mpi/message.ts, neighbour/neighbour-words.ts.
 */
import { crc32 } from 'node:zlib';
import { WireError } from '../errors.js';
import { LARGEST_SEGMENT } from '../reduce/segments.js';
import { openSlab, SLAB_HEADER, type SlabFrame } from '../reduce/slab-frame.js';
import type { Message } from './messages.js';
import { pack, unpack } from './msgpack.js';
import { validateMessage } from './validate.js';

/** A piece of a blob; its CRC-32 has been checked. */
export interface BlobFrame {
  readonly transfer: number;
  readonly offset: number;
  readonly payload: Uint8Array;
}

export type Frame =
  | { readonly kind: 'control'; readonly message: Message; readonly number: number }
  | { readonly kind: 'slab'; readonly frame: SlabFrame }
  | { readonly kind: 'blob'; readonly frame: BlobFrame };

/** Largest frame, in bytes: a control message that lists the rows of a step. */
export const largestFrame = 8 * 2 ** 20;
/** Largest frame, and all frames together, of a peer that has not proven yet that it knows the token. */
export const largestGreeting = 65_536;
/** Largest slab frame, in bytes. */
export const largestSlab = SLAB_HEADER + LARGEST_SEGMENT * 4;
/** Bytes of a blob in one frame. */
export const blobChunk = 512 * 1024;
/** Control messages of a connection are numbered from 1 up to this, and then from 1 again. */
export const largestNumber = 0xff_ffff;

/** The number of the control message after this one. */
export const following = (number: number): number => (number % largestNumber) + 1;

const kinds = { control: 1, slab: 2, blob: 3 } as const;

const controlHeader = 8;
const dataHeader = 32;
const remedy = 'the bytes were changed on their way, or the other side is broken: the connection is closed';

/**
 * No field may be undefined, and the frame no larger than `largestFrame`: the other side would drop this one.
 * @param number by which the other side sees that a message is missing or comes twice; 0 for none
 */
export function encodeControl(message: Message, number = 0): Buffer {
  const body = pack(message);
  const frame = Buffer.alloc(controlHeader + body.length);
  frame[0] = kinds.control;
  frame.writeUIntLE(number, 1, 3);
  frame.writeUInt32LE(crc32(body, number), 4);
  body.copy(frame, controlHeader);
  return frame;
}

/** Whether a frame with this first byte is a slab frame. */
export const isSlab = (first: number): boolean => first === kinds.slab;

/** Copies the payload, which may be shared memory. */
export function encodeBlob({ transfer, offset, payload }: BlobFrame): Buffer {
  const frame = Buffer.allocUnsafeSlow(dataHeader + payload.length);
  frame.set(payload, dataHeader);
  frame.writeUInt32LE(kinds.blob, 0);
  frame.writeUInt32LE(transfer, 4);
  frame.writeDoubleLE(offset, 8);
  frame.writeUInt32LE(crc32(frame.subarray(dataHeader)), 16);
  sealHeader(frame);
  return frame;
}

function sealHeader(frame: Buffer): void {
  frame.writeUInt32LE(crc32(frame.subarray(0, 20)), 20);
  frame.fill(0, 24, dataHeader);
}

/**
 * Payloads are views of `bytes`; typed arrays of messages are copies.
 *
 * @param largest bytes that a control message may have
 * @throws WireError naming what is wrong with the frame, or with which field of its message
 * @throws RefusedError when the other side speaks another version of the protocol
 */
export function decodeFrame(bytes: Buffer, largest = largestFrame): Frame {
  if (bytes.length === 0) refuse('a frame is empty');
  switch (bytes[0]) {
    case kinds.control:
      return decodeControl(bytes, largest);
    case kinds.slab:
      return { kind: 'slab', frame: openSlab(bytes) };
    case kinds.blob:
      return { kind: 'blob', frame: decodeBlob(bytes) };
    default:
      return refuse(`a frame is of kind ${bytes[0]}, which is none of 1, 2 and 3`);
  }
}

function refuse(problem: string): never {
  throw new WireError(problem, remedy);
}

function decodeControl(bytes: Buffer, largest: number): Frame {
  if (bytes.length <= controlHeader) refuse(`a control frame is cut off after ${bytes.length} bytes`);
  if (bytes.length > largest) refuse(`a control frame has ${bytes.length} bytes, more than ${largest}`);
  const number = bytes.readUIntLE(1, 3);
  const body = bytes.subarray(controlHeader);
  if (crc32(body, number) !== bytes.readUInt32LE(4)) refuse('the checksum (CRC-32) of a control frame is wrong');
  return { kind: 'control', number, message: validateMessage(unpack(body)) };
}

function decodeBlob(bytes: Buffer): BlobFrame {
  const payload = payloadOf(bytes);
  if (bytes.readUInt32LE(0) !== kinds.blob) refuse('bytes 1 to 3 of a blob frame are not zero');
  assertPayload(payload, blobChunk);
  const offset = bytes.readDoubleLE(8);
  if (!Number.isSafeInteger(offset) || offset < 0) refuse(`a blob frame is at offset ${offset}, which is no place`);
  if (crc32(payload) !== bytes.readUInt32LE(16)) refuse('the checksum (CRC-32) of a blob frame is wrong');
  return { transfer: bytes.readUInt32LE(4), offset, payload };
}

/** Checks the header as a whole. */
function payloadOf(bytes: Buffer): Buffer {
  if (bytes.length < dataHeader) refuse(`a blob frame is cut off after ${bytes.length} of ${dataHeader} bytes`);
  if (crc32(bytes.subarray(0, 20)) !== bytes.readUInt32LE(20)) {
    refuse(`the checksum (CRC-32) of a blob frame's header is wrong`);
  }
  if (bytes.readUInt32LE(24) !== 0 || bytes.readUInt32LE(28) !== 0) {
    refuse(`bytes 24 to 31 of a blob frame are not zero`);
  }
  return bytes.subarray(dataHeader);
}

function assertPayload(payload: Buffer, most: number): void {
  if (payload.length === 0) refuse(`a blob frame has no payload`);
  if (payload.length > most) refuse(`a blob frame has ${payload.length} bytes of payload, more than ${most}`);
}
