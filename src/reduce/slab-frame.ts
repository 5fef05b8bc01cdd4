/**
 * The bytes of a piece of the gradient slab: a header of 32 bytes, little-endian, then the numbers.
 *
 * 0 u8 2 | 1 u8 stage | 2 u8 precision | 3 u8 attempt | 4 u32 round | 8 u16 low | 10 u16 high | 12 u32 segment |
 * 16 u32 checksum of the payload | 20 u32 CRC-32 of bytes 0 to 19 | 24 eight zeros
 */
import { crc32 } from 'node:zlib';
import { WireError } from '../errors.js';
import type { WirePrecision } from './plan.js';

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
  if (buffer.length < HEADER_BYTES) throw damaged(`has ${buffer.length} bytes, its header alone ${HEADER_BYTES}`);
  const expected = crc32(buffer.subarray(0, 20));
  const actual = buffer.readUInt32LE(20);
  if (actual !== expected) throw damaged(`has the header's CRC-32 ${hex(actual)}, its bytes make ${hex(expected)}`);
  const [stage, precision] = [stages[buffer[1]], precisions[buffer[2]]];
  const [low, high] = [buffer.readUInt16LE(8), buffer.readUInt16LE(10)];
  if (buffer[0] !== KIND) throw damaged(`is of kind ${buffer[0]}, not ${KIND}`);
  if (stage === undefined) throw damaged(`has the stage ${buffer[1]}, which is neither 0 nor 1`);
  if (precision === undefined) throw damaged(`has the precision ${buffer[2]}, which is none of 0, 1 and 2`);
  if (low >= high) throw damaged(`is of the shards [${low}, ${high}), which are none`);
  if (buffer.readBigUInt64LE(24) !== 0n) throw damaged('has something in the bytes 24 to 31, which must be zero');
  return {
    stage,
    precision,
    attempt: buffer[3],
    round: buffer.readUInt32LE(4),
    low,
    high,
    segment: buffer.readUInt32LE(12),
    checksum: buffer.readUInt32LE(16),
    payload: buffer.subarray(HEADER_BYTES),
    bytes: buffer,
  };
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

function damaged(problem: string): WireError {
  return new WireError(`a frame of gradients ${problem}`, 'its sender must run the same version of Lockstep');
}
