/**
 * The bytes of a piece of the gradient slab, or of updated parameters: a header of 32 bytes, little-endian, then the numbers.
 *
 * 0 u8 2 | 1 u8 what it holds, and 128 more without a checksum of the payload | 2 u8 precision | 3 u8 attempt | 4 u32 round | 8 u16 low | 10 u16 high | 12 u32 segment |
 * 16 u32 checksum of the payload | 20 u32 CRC-32 of bytes 0 to 19 | 24 eight zeros
 */
import { crc32 } from 'node:zlib';
import { wirePrecisions } from '../config/cluster.js';
import { WireError } from '../errors.js';
import { blockPrecisions, type WirePrecision } from './plan.js';
import { LARGEST_SEGMENT, payloadBytes } from './segments.js';

/** First byte of every slab frame. */
const SLAB = 2;
/** Of what is carried by something that promises to bring all as it was, which MPI does: MPI 3.1, section 2.8. */
const BARE = 128;
/** Bytes of the header. */
export const SLAB_HEADER = 32;
const kinds = ['partial', 'total', 'parameters'] as const;
/** Frames have a byte for the place in this list. */
export const slabPrecisions: readonly WirePrecision[] = [...wirePrecisions, ...blockPrecisions];
/** Bytes that payloads are multiples of. */
const units: Readonly<Record<WirePrecision, number>> = {
  float32: 4,
  bfloat16: 2,
  float16: 2,
  int8: 32,
  mxint8: 32,
  mxint4: 32,
};

interface SlabHeader {
  readonly kind: (typeof kinds)[number];
  readonly precision: WirePrecision;
  readonly attempt: number;
  readonly round: number;
  /** Node of the tree whose sum this is: shards [low, high). */
  readonly low: number;
  readonly high: number;
  /** Which part of the slab; see segments.ts. Of parameters: their first number, divided by 16. */
  readonly segment: number;
  /** See `checksum` of the update kernels, over the payload as 32-bit words. */
  readonly checksum: number | undefined;
}

/** A piece of the gradient slab on its way through an all-reduce, or of updated parameters. Whether the payload fits its checksum is for the receiver to see. */
export interface SlabFrame extends SlabHeader {
  readonly payload: Uint8Array;
}

/** A frame to be sent: its header, and the payload where it lies. */
export interface SlabParts {
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
  /** What a header without a checksum lacks. */
  readonly checksum?: () => number;
  /** Told once the payload is not read any more, where the frame was sent. */
  readonly sent?: () => void;
}

/** Its header, for one who does not know that the payload arrives as it is. */
export function checkedHeader({ header, checksum }: SlabParts): Uint8Array {
  if (!checksum) return header;
  const buffer = Buffer.from(header);
  buffer[1] &= ~BARE;
  buffer.writeUInt32LE(checksum(), 16);
  return signed(buffer);
}

function signed(header: Buffer): Buffer {
  header.writeUInt32LE(crc32(header.subarray(0, 20)), 20);
  return header;
}

/** The header of a frame, as bytes. */
export function sealSlab(header: SlabHeader): Buffer {
  const buffer = Buffer.alloc(SLAB_HEADER);
  buffer[0] = SLAB;
  buffer[1] = kinds.indexOf(header.kind) + (header.checksum === undefined ? BARE : 0);
  buffer[2] = slabPrecisions.indexOf(header.precision);
  buffer[3] = header.attempt;
  buffer.writeUInt32LE(header.round, 4);
  buffer.writeUInt16LE(header.low, 8);
  buffer.writeUInt16LE(header.high, 10);
  buffer.writeUInt32LE(header.segment, 12);
  buffer.writeUInt32LE(header.checksum ?? 0, 16);
  return signed(buffer);
}

/**
 * Reads the header of a frame; the payload stays where it is.
 *
 * @throws WireError for anything that `sealSlab` does not write
 */
export function openSlab(bytes: Uint8Array): SlabFrame {
  if (bytes.length < SLAB_HEADER) throw damaged(`is cut off after ${bytes.length} of ${SLAB_HEADER} bytes`);
  // A copy: not everything may read shared memory.
  const buffer = Buffer.from(bytes.subarray(0, SLAB_HEADER));
  if (crc32(buffer.subarray(0, 20)) !== buffer.readUInt32LE(20))
    throw damaged('has a header whose checksum (CRC-32) is wrong');
  const [kind, precision] = [kinds[buffer[1] & ~BARE], slabPrecisions[buffer[2]]];
  const [low, high] = [buffer.readUInt16LE(8), buffer.readUInt16LE(10)];
  if (buffer[0] !== SLAB) throw damaged(`is of kind ${buffer[0]}, not ${SLAB}`);
  if (kind === undefined)
    throw damaged(`is of kind ${buffer[1]}: ${kinds.map((name, i) => `${i} (${name})`).join(', ')} are known`);
  if (precision === undefined)
    throw damaged(
      `is of precision ${buffer[2]}: ${slabPrecisions.map((name, i) => `${i} (${name})`).join(', ')} are known`,
    );
  if (low >= high) throw damaged(`is of the shards [${low}, ${high}), which are none`);
  if (buffer.readBigUInt64LE(24) !== 0n) throw damaged('has something in the bytes 24 to 31, which must be zero');
  const payload = bytes.subarray(SLAB_HEADER);
  checkPayload(payload.length, precision);
  return {
    kind,
    precision,
    attempt: buffer[3],
    round: buffer.readUInt32LE(4),
    low,
    high,
    segment: buffer.readUInt32LE(12),
    checksum: buffer[1] & BARE ? undefined : buffer.readUInt32LE(16),
    payload,
  };
}

function checkPayload(length: number, precision: WirePrecision): void {
  const each = units[precision];
  const most = payloadBytes(precision, LARGEST_SEGMENT);
  if (length === 0) throw damaged('has no payload');
  if (length > most) throw damaged(`has ${length} bytes of payload, more than ${most}`);
  if (length % each !== 0) throw damaged(`has ${length} bytes of ${precision}, not a multiple of ${each}`);
}

function damaged(problem: string): WireError {
  return new WireError(`a slab frame ${problem}`, 'the bytes were changed on their way, or the other side is broken');
}
