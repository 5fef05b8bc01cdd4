/** The kernels of slabs on the wire: copies are exact, the checksum notices every change, halves are rounded as arithmetic says. */
import { describe, expect, it } from 'vitest';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { bits, makeSlabs, randomFloats } from '../support/slabs.js';

const LENGTH = 4096;

/** Floats of every kind: random bits, borders of both formats with their neighbours, ties, subnormals, specials. */
function edgeCases(): Float32Array {
  const words = new Uint32Array(randomFloats(3, LENGTH).buffer);
  for (let i = 0; i < LENGTH; i++) words[i] = Math.imul(i + 1, 0x9e3779b1) ^ (words[i] << 7);
  const floats = new Float32Array(words.buffer);
  const borders = [
    ...[0, 1, 65504, 65519.996, 65520, 65536, 2 ** -14, 2 ** -15, 2 ** -24, 2 ** -25, 3 * 2 ** -25, 2 ** -26],
    ...[
      2 ** -126,
      2 ** -149,
      1e38,
      3.4028234e38,
      3.3961775e38,
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
    ],
  ];
  const near = borders.flatMap((value) => {
    const [word] = new Uint32Array(Float32Array.of(value).buffer);
    return [word, word + 1, Math.max(word - 1, 0)].flatMap((magnitude) => [magnitude, (magnitude | 0x80000000) >>> 0]);
  });
  words.set([...near, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff]);
  return floats;
}

/** Value of a half with so many bits of exponent (bias 2^(e-1) - 1) and of fraction. */
function decode(half: number, exponentBits: number, fractionBits: number): number {
  const sign = half >> 15 ? -1 : 1;
  const exponent = (half >> fractionBits) & ((1 << exponentBits) - 1);
  const fraction = half & ((1 << fractionBits) - 1);
  const bias = (1 << (exponentBits - 1)) - 1;
  if (exponent === (1 << exponentBits) - 1) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction / (1 << fractionBits)) * 2 ** (exponent - bias);
}

/** Nearest value of such a format, ties to even, in plain arithmetic. */
function nearest(x: number, exponentBits: number, fractionBits: number): number {
  const bias = (1 << (exponentBits - 1)) - 1;
  if (Number.isNaN(x) || !Number.isFinite(x) || x === 0) return x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), 1 - bias);
  const unit = 2 ** (exponent - fractionBits);
  const scaled = x / unit;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  const value = rounded * unit;
  const largest = (2 - 2 ** -fractionBits) * 2 ** bias;
  if (Math.abs(value) > largest) return Math.sign(x) * Number.POSITIVE_INFINITY;
  return value === 0 ? Math.sign(x) * 0 : value;
}

const formats = [
  { name: 'Bfloat16', exponentBits: 8, fractionBits: 7 },
  { name: 'Float16', exponentBits: 5, fractionBits: 10 },
] as const;

describe.each(formats)('$name', ({ name, exponentBits, fractionBits }) => {
  it('rounds to the nearest half, ties to even, and keeps NaN and infinities', () => {
    const { memory, offsets, views } = makeSlabs(2, LENGTH);
    const values = edgeCases();
    views[0].set(values);
    loadUpdateKernels(memory)[`to${name}`](offsets[1], offsets[0], LENGTH);
    const halves = new Uint16Array(memory.buffer, offsets[1], LENGTH);
    values.forEach((value, i) => {
      const wanted = nearest(value, exponentBits, fractionBits);
      const actual = decode(halves[i], exponentBits, fractionBits);
      if (!Object.is(actual, wanted)) expect.fail(`${value} became ${actual}, not ${wanted}`);
    });
  });

  it('widens all 65,536 halves exactly, and rounds each back to itself', () => {
    const { memory, offsets, views } = makeSlabs(3, 65536);
    const kernels = loadUpdateKernels(memory);
    const halves = new Uint16Array(memory.buffer, offsets[0], 65536);
    for (let half = 0; half < 65536; half++) halves[half] = half;
    kernels[`from${name}`](offsets[1], offsets[0], 65536);
    kernels[`to${name}`](offsets[2], offsets[1], 65536);
    const back = new Uint16Array(memory.buffer, offsets[2], 65536);
    for (let half = 0; half < 65536; half++) {
      const wanted = decode(half, exponentBits, fractionBits);
      if (!Object.is(views[1][half], wanted)) expect.fail(`${half} became ${views[1][half]}, not ${wanted}`);
      if (!Number.isNaN(wanted) && back[half] !== half) expect.fail(`${half} became ${back[half]}`);
      if (Number.isNaN(wanted) && !Number.isNaN(decode(back[half], exponentBits, fractionBits))) {
        expect.fail(`NaN ${half} became ${back[half]}`);
      }
    }
  });

  it('compresses a number and its residual, and keeps what rounding lost', () => {
    const { memory, offsets, views } = makeSlabs(5, LENGTH);
    const kernels = loadUpdateKernels(memory);
    const [values, residual] = [randomFloats(1, LENGTH), randomFloats(2, LENGTH).map((value) => value / 256)];
    views[0].set(values);
    views[1].set(residual);
    kernels[`compress${name}`](offsets[2], offsets[0], offsets[1], LENGTH);
    kernels[`from${name}`](offsets[3], offsets[2], LENGTH);
    const sums = values.map((value, i) => value + residual[i]);
    expect([...views[3]]).toEqual([...sums].map((sum) => nearest(sum, exponentBits, fractionBits)));
    expect(bits(views[1])).toEqual(bits(sums.map((sum, i) => sum - views[3][i])));
    expect(bits(views[0])).toEqual(bits(values));
  });
});

describe('int8', () => {
  const n = 2 * 128 + 48;
  /** The plain rule: a scale for each 128 numbers, to the nearest unit, ties to even. */
  const plain = (sums: Float32Array) =>
    sums.map((value, i) => {
      const from = i - (i % 128);
      const scale = Math.fround(Math.max(...sums.subarray(from, from + 128).map(Math.abs)) / 127);
      const [units, floor] = [Math.fround(value / scale), Math.floor(Math.fround(value / scale))];
      const rest = units - floor;
      const whole = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
      return whole * scale;
    });

  it('compresses a number and its residual, and keeps what rounding lost', () => {
    const { memory, offsets, views } = makeSlabs(4, 512);
    const kernels = loadUpdateKernels(memory);
    const [values, residual] = [randomFloats(1, n), randomFloats(2, n).map((value) => value / 256)];
    values[200] = 40;
    views[0].set(values);
    views[1].set(residual);
    new Uint8Array(memory.buffer, offsets[2], 4 * 512).fill(0xff);
    kernels.compressInt8(offsets[2], offsets[0], offsets[1], n);
    kernels.fromInt8(offsets[3], offsets[2], n);
    const sums = values.map((value, i) => value + residual[i]);
    const back = views[3].subarray(0, n);
    expect(bits(back)).toEqual(bits(plain(sums).map((value) => value + 0)));
    expect(bits(views[1].subarray(0, n))).toEqual(bits(sums.map((sum, i) => sum - back[i])));
    // Numbers, three scales, zeros, and nothing behind them.
    const payload = new Uint8Array(memory.buffer, offsets[2], 4 * 512);
    expect([...payload.subarray(n + 12, 320)]).toEqual([0, 0, 0, 0]);
    expect(payload[320]).toBe(0xff);
  });

  it('turns a group with a NaN or an infinity into NaN, and leaves nothing of zeros and of numbers too small for a scale', () => {
    const { memory, offsets, views } = makeSlabs(4, 512);
    const kernels = loadUpdateKernels(memory);
    views[0][3] = Number.NaN;
    views[0][130] = Number.POSITIVE_INFINITY;
    views[0][256] = 2 ** -149;
    kernels.compressInt8(offsets[2], offsets[0], offsets[1], 384);
    kernels.fromInt8(offsets[3], offsets[2], 384);
    expect(views[3].subarray(0, 256).every(Number.isNaN)).toBe(true);
    expect(views[3].subarray(256, 384).every((value) => value === 0)).toBe(true);
    expect(views[1][256]).toBe(2 ** -149);
  });
});

describe('copy', () => {
  it.each([0, 1, 4, 7, 32])('copies every bit from %i bytes behind a border, and nothing else', (shift) => {
    const { memory, offsets, views } = makeSlabs(2, 1024);
    views[0].set(edgeCases().subarray(0, 1024));
    const kernels = loadUpdateKernels(memory);
    for (const copy of [kernels.copy, kernels.copyWithChecksum]) {
      for (const n of [16, 1000, 1008]) {
        if (copy === kernels.copy && n % 16 !== 0) continue;
        views[1].fill(5);
        const wanted = new Uint8Array(memory.buffer).slice(offsets[0] + shift, offsets[0] + shift + 4 * n);
        copy(offsets[1], offsets[0] + shift, n);
        expect(new Uint8Array(memory.buffer).slice(offsets[1], offsets[1] + 4 * n)).toEqual(wanted);
        expect(views[1].subarray(n).every((value) => value === 5)).toBe(true);
      }
    }
  });
});

describe('adding what arrives', () => {
  const setup = () => {
    const { memory, offsets, views } = makeSlabs(3, 1024);
    views[0].set(randomFloats(1, 1024));
    views[1].set(randomFloats(2, 1024));
    const wanted = views[0].map((value, i) => value + views[1][i]);
    return { offsets, views, wanted, kernels: loadUpdateKernels(memory) };
  };

  it('gives the sum and the checksum, apart and in place', () => {
    const { offsets, views, wanted, kernels } = setup();
    const [a, b, c] = offsets;
    const checksum = kernels.checksum(b, 1024) >>> 0;
    expect(kernels.addChecked(c, a, b, 1024)).toBe(checksum);
    expect(bits(views[2])).toEqual(bits(wanted));
    expect(kernels.addChecked(a, a, b, 1024)).toBe(checksum);
    expect(bits(views[0])).toEqual(bits(wanted));
  });

  it('gives the sum without a checksum, apart and in place', () => {
    const { offsets, views, wanted, kernels } = setup();
    const [a, b, c] = offsets;
    expect(kernels.addFinite(c, a, b, 1024)).toBe(1);
    expect(bits(views[2])).toEqual(bits(wanted));
    expect(kernels.addFinite(a, a, b, 1024)).toBe(1);
    expect(bits(views[0])).toEqual(bits(wanted));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('tells of %d, wherever it is', (value) => {
    const { offsets, views, kernels } = setup();
    const [a, b, c] = offsets;
    for (const at of [0, 5, 10, 15, 16, 1023]) {
      const before = views[1][at];
      views[1][at] = value;
      expect(kernels.addChecked(c, a, b, 1024)).toBe((kernels.checksum(b, 1024) >>> 0) + 2 ** 32);
      expect(kernels.addFinite(c, a, b, 1024)).toBe(0);
      views[1][at] = before;
    }
    // Of what it is added to it tells nothing.
    views[0][3] = value;
    expect(kernels.addChecked(c, a, b, 1024)).toBe(kernels.checksum(b, 1024) >>> 0);
    expect(kernels.addFinite(c, a, b, 1024)).toBe(1);
  });
});

describe('checksum', () => {
  const WORDS = 16 * 24;
  const setup = () => {
    const { memory, offsets } = makeSlabs(2, WORDS);
    const words = new Int32Array(memory.buffer, offsets[0], WORDS);
    words.set(new Int32Array(randomFloats(9, WORDS).buffer));
    const kernels = loadUpdateKernels(memory);
    const sum = (n = WORDS) => kernels.checksum(offsets[0], n);
    return { words, sum, copied: (n: number) => kernels.copyWithChecksum(offsets[1], offsets[0], n) };
  };

  it('equals a plain loop over sixteen hashes', () => {
    const { words, sum, copied } = setup();
    const mix = (hash: number, word: number) => {
      const product = Math.imul(hash ^ word, 0x9e3779b1);
      return product ^ (product >>> 15);
    };
    for (const n of [WORDS, 16, 8, 24, 0]) {
      const hashes = Array.from({ length: 16 }, (_, lane) => lane + 1);
      for (let i = 0; i < n; i++) hashes[i % 16] = mix(hashes[i % 16], words[i]);
      expect(sum(n)).toBe(hashes.reduce(mix, n));
      expect(copied(n)).toBe(sum(n));
    }
  });

  it('changes with every single bit', () => {
    const { words, sum } = setup();
    const before = sum();
    for (let word = 0; word < WORDS; word += 7) {
      for (let bit = 0; bit < 32; bit++) {
        words[word] ^= 1 << bit;
        expect(sum()).not.toBe(before);
        words[word] ^= 1 << bit;
      }
    }
    expect(sum()).toBe(before);
  });

  it('notices words that changed places, two changed signs, and zeros that moved', () => {
    const { words, sum } = setup();
    const before = sum();
    for (const [a, b] of [
      [0, 1],
      [0, 4],
      [0, 16],
      [3, 3 + 160],
      [17, 300],
      [368, 383],
    ]) {
      [words[a], words[b]] = [words[b], words[a]];
      expect(sum()).not.toBe(before);
      [words[a], words[b]] = [words[b], words[a]];
      for (const place of [a, b]) words[place] ^= 1 << 31;
      expect(sum()).not.toBe(before);
      for (const place of [a, b]) words[place] ^= 1 << 31;
    }
    words.fill(0);
    expect(sum(32)).not.toBe(sum(48));
    words[0] = 1;
    const first = sum();
    [words[0], words[16]] = [0, 1];
    expect(sum()).not.toBe(first);
  });
});

describe('finite', () => {
  it('sees a NaN or an infinity wherever it is, and takes nothing else for one', () => {
    const { memory, offsets, views } = makeSlabs(1, 48);
    const { finite } = loadUpdateKernels(memory);
    views[0].fill(-3.4028234663852886e38);
    views[0].set([0, -0, 2 ** -149, 1]);
    expect(finite(offsets[0], 48)).toBe(1);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let place = 0; place < 48; place++) {
        const before = views[0][place];
        views[0][place] = bad;
        expect(finite(offsets[0], 48)).toBe(0);
        views[0][place] = before;
      }
    }
  });
});
