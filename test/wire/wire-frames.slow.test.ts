/** Frames to the byte, and that no damage passes for a frame. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { LockstepError, WireError } from '../../src/errors.js';
import type { SlabFrame } from '../../src/reduce/slab-frame.js';
import { blobChunk, decodeFrame, encodeBlob, encodeControl } from '../../src/wire/frame.js';
import type { Message } from '../../src/wire/messages.js';
import { pack, unpack } from '../../src/wire/msgpack.js';
import { samples } from '../support/messages.js';
import { slabFrame } from '../support/slab-frames.js';

const header: Omit<SlabFrame, 'payload' | 'bytes'> = {
  kind: 'total',
  precision: 'float32',
  attempt: 3,
  round: 0x01020304,
  low: 4,
  high: 8,
  segment: 0x0a0b,
  checksum: 0xdeadbeef,
};

function slab(payload: Uint8Array, changes: Partial<SlabFrame> = {}): Buffer {
  return slabFrame({ ...header, ...changes }, payload);
}

const control = (body: Uint8Array) => {
  const frame = Buffer.concat([Buffer.of(1, 0, 0, 0, 0, 0, 0, 0), body]);
  frame.writeUInt32LE(crc32(body), 4);
  return frame;
};

const frames = {
  control: encodeControl(samples.allReduce),
  slab: slab(Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64)),
  blob: encodeBlob({ transfer: 7, offset: 2 ** 40, payload: Uint8Array.of(1, 2, 3) }),
};
/** Bytes that are protected by a checksum of the frame; a slab's payload has its own. */
const guarded = { control: frames.control.length, slab: 32, blob: frames.blob.length };
const kinds = ['control', 'slab', 'blob'] as const;

describe('a frame', () => {
  it('of a slab has its fields where the protocol says', () => {
    const hex = '020100030403020104000800' + '0b0a0000efbeadde';
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(crc32(Buffer.from(hex, 'hex')));
    expect(frames.slab.toString('hex')).toBe(`${hex}${sum.toString('hex')}${'00'.repeat(8)}0000803f00000040`);
    const payload = Buffer.from('0000803f00000040', 'hex');
    expect(decodeFrame(frames.slab)).toMatchObject({ kind: 'slab', frame: { ...header, payload } });
  });

  it('of a blob has its fields where the protocol says', () => {
    expect(frames.blob.subarray(0, 16).toString('hex')).toBe('03000000070000000000000000007042');
    expect(frames.blob.subarray(16).toString('hex')).toBe(`1d80bc55d7f8a364${'00'.repeat(8)}010203`);
    const payload = Buffer.of(1, 2, 3);
    expect(decodeFrame(frames.blob)).toEqual({ kind: 'blob', frame: { transfer: 7, offset: 2 ** 40, payload } });
  });

  it('of a control message is its checksum and MessagePack', () => {
    const body = Buffer.concat([Buffer.of(0x81, 0xa4), Buffer.from('kind'), Buffer.of(0xa5), Buffer.from('ready')]);
    expect(encodeControl(samples.ready).toString('hex')).toBe(control(body).toString('hex'));
  });

  it('of a control message has its number in bytes 1 to 3', () => {
    const bytes = encodeControl(samples.ready, 0x010203);
    expect(bytes.subarray(0, 4).toString('hex')).toBe('01030201');
    expect(decodeFrame(bytes)).toEqual({ kind: 'control', number: 0x010203, message: samples.ready });
  });

  it.each(kinds)('of kind %s is refused when it is cut off at any byte', (kind) => {
    const bytes = frames[kind];
    // Of a slab, a whole number of elements is as good as any other: the exchange knows how many it needs.
    const whole = (length: number) => kind === 'slab' && length > 32 && length % 4 === 0;
    for (let length = 0; length < bytes.length; length++) {
      if (!whole(length)) expect(() => decodeFrame(bytes.subarray(0, length)), `${length}`).toThrow(WireError);
    }
  });

  it.each(kinds)('of kind %s is refused when any bit is another', (kind) => {
    for (let bit = 0; bit < 8 * guarded[kind]; bit++) {
      const bytes = Buffer.from(frames[kind]);
      bytes[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeFrame(bytes), `bit ${bit}`).toThrow(WireError);
    }
  });

  const big = (bytes: number) => new Uint8Array(bytes);
  const refusals: readonly [string, Buffer, RegExp][] = [
    ['nothing', Buffer.alloc(0), /a frame is empty/],
    ['another kind', Buffer.of(9, 0, 0), /a frame is of kind 9/],
    [
      'a blob too large',
      encodeBlob({ transfer: 1, offset: 0, payload: big(blobChunk + 1) }),
      /524289 bytes.*than 524288/,
    ],
    ['an empty blob', encodeBlob({ transfer: 1, offset: 0, payload: big(0) }), /no payload/],
    ['half an offset', encodeBlob({ transfer: 1, offset: 0.5, payload: big(1) }), /offset 0.5/],
    ['an offset below zero', encodeBlob({ transfer: 1, offset: -1, payload: big(1) }), /offset -1/],
    ['a slab too large', slab(big(2 ** 20 + 4)), /1048580 bytes of payload, more than 1048576/],
    [
      'half precision too large',
      slab(big(2 ** 19 + 2), { precision: 'float16' }),
      /524290 bytes of payload, more than 524288/,
    ],
    ['an empty slab', slab(big(0)), /no payload/],
    ['part of an element', slab(big(6)), /6 bytes of float32, not a multiple of 4/],
    ['part of a half', slab(big(7), { precision: 'bfloat16' }), /7 bytes of bfloat16, not a multiple of 2/],
    ['no shards', slab(big(4), { low: 8, high: 8 }), /shards \[8, 8\)/],
    ['shards backwards', slab(big(4), { low: 9, high: 8 }), /shards \[9, 8\)/],
    ['an unknown kind', slab(big(4), { kind: 'x' as 'total' }), /kind 255/],
    ['an unknown precision', slab(big(4), { precision: 'x' as 'float32' }), /precision 255/],
    [
      'a control message too large',
      encodeControl({ ...samples.evaluated, sums: new Float64Array(2 ** 20) }),
      /more than 8388608/,
    ],
  ];
  it.each(refusals)('is refused with %s', (_, bytes, problem) => {
    expect(() => decodeFrame(bytes)).toThrow(problem);
  });

  it('of control is refused beyond the limit that the caller sets', () => {
    const bytes = encodeControl(samples.hello);
    expect(decodeFrame(bytes, bytes.length).kind).toBe('control');
    expect(() => decodeFrame(bytes, bytes.length - 1)).toThrow(/more than/);
  });
});

describe('MessagePack', () => {
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
  const refusals: readonly [string, Buffer, RegExp][] = [
    ['a regular expression', hex('d4 78 00 92 a1 61 a0'), /type 0xd4/],
    ['a record definition', hex('d4 72 40 91 a1 61 01'), /type 0xd4/],
    ['a reference', hex('d6 70 00 00 00 01'), /type 0xd6/],
    ['a date', hex('c7 0c ff 00 00 00 00 00 00 00 00 00 00 00 00'), /extension of type 255/],
    ['an array of another kind', hex('c7 05 74 06 00 00 80 3f'), /extension of type 116/],
    ['an array with half an element', hex('c7 04 74 05 00 00 00'), /part of an element/],
    ['an array without its kind', hex('c7 00 74'), /cut off/],
    ['the byte that is never used', hex('c1'), /type 0xc1/],
    ['a list that claims four billion values', hex('dd ff ff ff ff'), /cut off/],
    ['a text that claims four billion characters', hex('db ff ff ff ff 61'), /cut off/],
    ['a name that is a number', hex('81 01 02'), /not a text/],
    ['a name that is a list', hex('81 90 02'), /not a text/],
    ['more after the value', hex('c0 c0'), /followed by 1 bytes/],
    ['a hundred thousand lists in each other', Buffer.alloc(100_000, 0x91), /nested deeper than 8/],
    [
      'two million small values',
      Buffer.concat([hex('dd 00 20 00 00'), Buffer.alloc(2 ** 21, 0x90)]),
      /more than 1048576/,
    ],
  ];
  it.each(refusals)('is refused with %s', (_, bytes, problem) => {
    expect(() => unpack(bytes)).toThrow(WireError);
    expect(() => unpack(bytes)).toThrow(problem);
    expect(() => decodeFrame(control(bytes))).toThrow(problem);
  });

  it('changes no prototype', () => {
    const body = hex(`81 a9 ${Buffer.from('__proto__').toString('hex')} 81 a1 78 01`);
    expect((unpack(body) as { x?: number }).x).toBeUndefined();
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it('of any message, cut off or damaged, is refused or is a message', () => {
    let refused = 0;
    for (const sample of Object.values(samples) as Message[]) {
      const body = pack(sample);
      for (let length = 0; length < body.length; length++) {
        expect(() => unpack(body.subarray(0, length)), `${sample.kind} ${length}`).toThrow(WireError);
      }
      for (let bit = 0; bit < 8 * body.length; bit++) {
        const damaged = Buffer.from(body);
        damaged[bit >> 3] ^= 1 << (bit & 7);
        try {
          decodeFrame(control(damaged));
        } catch (error) {
          if (!(error instanceof LockstepError)) throw error;
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
