/** The bytes of a piece of the gradient slab, written and read. */

import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { WireError } from '../../src/errors.js';
import { checkedHeader, openSlab, sealSlab } from '../../src/reduce/slab-frame.js';
import { slabFrame } from '../support/slab-frames.js';

const header = {
  kind: 'total',
  precision: 'bfloat16',
  attempt: 3,
  round: 0x01020304,
  low: 0x0506,
  high: 0x0708,
  segment: 0x090a0b0c,
  checksum: 0xf0e0d0c0,
} as const;

function frame(): Buffer {
  return slabFrame(header, Uint8Array.of(1, 2, 3, 4));
}

/** The frame with some bytes replaced; `sealed` with a header that its CRC-32 fits. */
function changed(at: number, values: readonly number[], sealed = true): Buffer {
  const buffer = frame();
  buffer.set(values, at);
  if (sealed) buffer.writeUInt32LE(crc32(buffer.subarray(0, 20)), 20);
  return buffer;
}

describe('slab frames', () => {
  it('have one layout', () => {
    const bytes = frame();
    const words = '02010103 04030201 06050807 0c0b0a09 c0d0e0f0'.replaceAll(' ', '');
    expect(bytes.subarray(0, 20).toString('hex')).toBe(words);
    expect(bytes.readUInt32LE(20)).toBe(crc32(Buffer.from(words, 'hex')));
    expect(bytes.subarray(24).toString('hex')).toBe(`${'00'.repeat(8)}01020304`);
  });

  it('are read as they were written, without a copy, wherever they lie', () => {
    const bytes = frame();
    const elsewhere = new Uint8Array(bytes.length + 3);
    elsewhere.set(bytes, 3);
    const { payload, ...rest } = openSlab(elsewhere.subarray(3));
    expect(rest).toEqual(header);
    expect([...payload]).toEqual([1, 2, 3, 4]);
    expect(payload.buffer).toBe(elsewhere.buffer);
  });

  it('have no checksum where what carries them needs none, and get it where that is needed', () => {
    const [payload, bare] = [Buffer.from([1, 2, 3, 4]), { ...header, checksum: undefined }];
    const parts = { header: sealSlab(bare), payload, checksum: () => header.checksum };
    expect(openSlab(Buffer.concat([parts.header, payload]))).toEqual({ ...bare, payload });
    expect(Buffer.concat([checkedHeader(parts), payload])).toEqual(frame());
    expect(checkedHeader({ header: sealSlab(header), payload })).toEqual(sealSlab(header));
  });

  it.each([
    ['cut off', frame().subarray(0, 31), /cut off after 31 of 32 bytes/],
    ['empty', Buffer.alloc(0), /cut off after 0 of 32 bytes/],
    ['of another kind', changed(0, [3]), /kind 3/],
    ['of an unknown kind', changed(1, [3]), /kind 3/],
    ['of an unknown precision', changed(2, [9]), /precision 9/],
    ['of no shards', changed(10, [6, 5]), /\[1286, 1286\)/],
    ['marked where zeros belong', changed(25, [1]), /bytes 24 to 31/],
    ['changed on the way', changed(5, [9], false), /CRC-32/],
  ])('that are %s are refused', (_, bytes, message) => {
    expect(() => openSlab(bytes)).toThrow(WireError);
    expect(() => openSlab(bytes)).toThrow(message);
  });
});
