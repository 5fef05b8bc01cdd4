/**
 * The bytes of a piece of the gradient slab: a header of 32 bytes, little-endian, then the numbers.
 *
 * 0 u8 2 | 1 u8 stage | 2 u8 precision | 3 u8 attempt | 4 u32 round | 8 u16 low | 10 u16 high | 12 u32 segment |
 * 16 u32 checksum of the payload | 20 u32 CRC-32 of bytes 0 to 19 | 24 eight zeros
 */
import { crc32 } from 'node:zlib';
import { WireError } from '../errors.js';
import type { WirePrecision } from './plan.js';
import { SEGMENT } from './segments.js';

const KIND = 2;
const HEADER_BYTES = 32;
const stages = ['partial', 'total'] as const;
const precisions: readonly WirePrecision[] = ['float32', 'bfloat16', 'float16'];

interface SlabHeader {
  readonly stage: (typeof stages)[number];
  readonly precision: WirePrecision;
  readonly attempt: number;
  readonly round: number;
  /** Node of the tree whose sum this is: shards [low, high). */
  readonly low: number;
  readonly high: number;
  /** Which part of the slab; see segments.ts. */
  readonly segment: number;
  /** See `checksum` of the update kernels, over the payload as 32-bit words (two halves a word). */
  readonly checksum: number;
}

/** A piece of the gradient slab on its way through an exchange. Whether the payload fits its checksum is for the receiver to see. */
export interface SlabFrame extends SlabHeader {
  readonly payload: Uint8Array;
  /** The whole frame, to be passed on as it is. */
  readonly bytes: Buffer;
}

/** A frame with room for the payload, which is to be written before it is sealed. */
export function allocateSlab(payloadBytes: number): { buffer: Buffer; payload: Uint8Array } {
  // Not from Node's pool, so that a frame that waits in a socket keeps nothing else alive.
  const buffer = Buffer.allocUnsafeSlow(HEADER_BYTES + payloadBytes);
  return { buffer, payload: buffer.subarray(HEADER_BYTES) };
}

/** Writes the header of a frame. */
export function sealSlab(buffer: Buffer, header: SlabHeader): void {
  buffer[0] = KIND;
  buffer[1] = stages.indexOf(header.stage);
  buffer[2] = precisions.indexOf(header.precision);
  buffer[3] = header.attempt;
  buffer.writeUInt32LE(header.round, 4);
  buffer.writeUInt16LE(header.low, 8);
  buffer.writeUInt16LE(header.high, 10);
  buffer.writeUInt32LE(header.segment, 12);
  buffer.writeUInt32LE(header.checksum, 16);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, 20)), 20);
  buffer.fill(0, 24, HEADER_BYTES);
}

/**
 * Reads the header of a frame; payload and frame stay where they are.
 *
 * @throws WireError for anything that `sealSlab` does not write
 */
export function openSlab(bytes: Uint8Array): SlabFrame {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < HEADER_BYTES) throw damaged(`is cut off after ${buffer.length} of ${HEADER_BYTES} bytes`);
  if (crc32(buffer.subarray(0, 20)) !== buffer.readUInt32LE(20))
    throw damaged('has a header whose checksum (CRC-32) is wrong');
  const [stage, precision] = [stages[buffer[1]], precisions[buffer[2]]];
  const [low, high] = [buffer.readUInt16LE(8), buffer.readUInt16LE(10)];
  if (buffer[0] !== KIND) throw damaged(`is of kind ${buffer[0]}, not ${KIND}`);
  if (stage === undefined) throw damaged(`is of stage ${buffer[1]}: 0 (partial) and 1 (total) are known`);
  if (precision === undefined)
    throw damaged(`is of precision ${buffer[2]}: 0 (float32), 1 (bfloat16), 2 (float16) are known`);
  if (low >= high) throw damaged(`is of the shards [${low}, ${high}), which are none`);
  if (buffer.readBigUInt64LE(24) !== 0n) throw damaged('has something in the bytes 24 to 31, which must be zero');
  const payload = buffer.subarray(HEADER_BYTES);
  checkPayload(payload.length, precision);
  return {
    ...{ stage, precision, attempt: buffer[3], round: buffer.readUInt32LE(4), low, high },
    ...{ segment: buffer.readUInt32LE(12), checksum: buffer.readUInt32LE(16), payload, bytes: buffer },
  };
}

function checkPayload(length: number, precision: WirePrecision): void {
  const each = precision === 'float32' ? 4 : 2;
  if (length === 0) throw damaged('has no payload');
  if (length > each * SEGMENT) throw damaged(`has ${length} bytes of payload, more than ${each * SEGMENT}`);
  if (length % each !== 0) throw damaged(`has ${length} bytes of ${precision}, not a multiple of ${each}`);
}

function damaged(problem: string): WireError {
  return new WireError(`a slab frame ${problem}`, 'the bytes were changed on their way, or the other side is broken');
}
