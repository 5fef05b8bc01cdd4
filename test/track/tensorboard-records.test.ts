/** Records of event files: checksums, and that a reader stops at the first that is not whole. */
import { expect, it } from 'vitest';
import { distributionOf } from '../../src/track/tensorboard/distribution.js';
import { bodiesIn, crc32c, framed } from '../../src/track/tensorboard/framing.js';

it.each([
  // RFC 3720, B.4, and the check value that catalogues of CRCs give.
  [Buffer.alloc(32), 0x8a91_36aa],
  [Buffer.alloc(32, 0xff), 0x62a8_ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd_794e],
  [Buffer.from('123456789'), 0xe306_9283],
])('CRC-32C %#', (bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

it('whole records come back, and nothing behind a damaged one', () => {
  const bodies = ['one', '', 'three'].map((text) => Buffer.from(text));
  const file = Buffer.concat(bodies.map(framed));
  const texts = (bytes: Buffer) => [...bodiesIn(bytes)].map(String);
  expect(texts(file)).toEqual(['one', '', 'three']);
  expect(texts(file.subarray(0, -1))).toEqual(['one', '']);
  for (let at = 0; at < file.length; at++) {
    const damaged = Buffer.from(file);
    damaged[at] ^= 1;
    expect(texts(damaged).length).toBe(at < 19 ? 0 : at < 35 ? 1 : 2);
  }
});

it('a histogram counts every number that is finite', () => {
  const found = distributionOf(Float32Array.of(3, -1, Number.NaN, 1, Number.POSITIVE_INFINITY, 3))!;
  expect(found).toMatchObject({ min: -1, max: 3, count: 4, sum: 6, squares: 20 });
  expect(found.counts.reduce((sum, count) => sum + count)).toBe(4);
  expect([found.counts[0], found.counts.at(-1), found.limits.at(-1)]).toEqual([1, 2, 3]);
  expect(found.limits.every((limit, i) => i === 0 || limit > found.limits[i - 1])).toBe(true);
  expect(distributionOf(Float32Array.of(2, 2))).toMatchObject({ min: 2, max: 2, limits: Float64Array.of(2) });
  expect(distributionOf(Float32Array.of(Number.NaN))).toBeUndefined();
});
