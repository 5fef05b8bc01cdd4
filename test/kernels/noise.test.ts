/** The noise kernels: published test vectors, distributions, and independence of how and where they are called. */
import { describe, expect, it } from 'vitest';
import { loadNoiseKernels } from '../../src/kernels/load-kernels.js';

const memory = new WebAssembly.Memory({ initial: 64 });
const kernels = loadNoiseKernels(memory);
const floats = new Float32Array(memory.buffer);
const words = new Uint32Array(memory.buffer);
const COUNT = 400_000;

type Stream = readonly [key0: number, key1: number, counter1: number, counter2: number, counter3: number];
const stream: Stream = [42, 7, 1, 2, 3];

const generate = (kind: 'uniform' | 'normal', n: number, of: Stream = stream): Float32Array => {
  kernels[kind](0, n, ...of);
  return floats.slice(0, n);
};

/** Largest distance between the empirical and the given distribution function, times sqrt(n): 1.95 has p = 0.001. */
function kolmogorovSmirnov(sample: Float32Array, distribution: (x: number) => number): number {
  const n = sample.length;
  const distance = sample.toSorted().reduce((largest, x, i) => {
    const below = distribution(x);
    return Math.max(largest, below - i / n, (i + 1) / n - below);
  }, 0);
  return distance * Math.sqrt(n);
}

function moments(sample: Float32Array): { mean: number; variance: number; kurtosis: number } {
  const power = (exponent: number, center: number) =>
    sample.reduce((sum, x) => sum + (x - center) ** exponent, 0) / sample.length;
  const mean = power(1, 0);
  const variance = power(2, mean);
  return { mean, variance, kurtosis: power(4, mean) / variance ** 2 };
}

/** Correlation of each number with the one `lag` later. */
function correlation(sample: Float32Array, lag: number): number {
  const { mean, variance } = moments(sample);
  let sum = 0;
  for (let i = lag; i < sample.length; i++) sum += (sample[i] - mean) * (sample[i - lag] - mean);
  return sum / (sample.length - lag) / variance;
}

/** Normal distribution function by the series of Marsaglia (2004), exact to float64 for |x| < 7. */
function normalDistribution(x: number): number {
  let sum = x;
  let term = x;
  for (let i = 3; Math.abs(term) > 1e-17; i += 2) {
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

describe('Philox4x32-10', () => {
  // Random123, tests/kat_vectors: counter, key, output.
  it.each([
    ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ])('counter %s, key %s', (counter, key, output) => {
    const parse = (text: string) => text.split(' ').map((word) => Number.parseInt(word, 16));
    const [c0, c1, c2, c3] = parse(counter);
    const [k0, k1] = parse(key);
    kernels.words(0, 4, k0, k1, c0, c1, c2, c3);
    expect([...words.subarray(0, 4)]).toEqual(parse(output));
  });

  it('gives each block of a long run the words of that block alone', () => {
    kernels.words(0, 4000, 1, 2, 0xffff_fff0, 4, 5, 6);
    const run = words.slice(0, 4000);
    for (let block = 0; block < 1000; block++) {
      kernels.words(0, 4, 1, 2, 0xffff_fff0 + block, 4, 5, 6);
      expect(words.slice(0, 4)).toEqual(run.slice(block * 4, block * 4 + 4));
    }
  });
});

describe.each(['uniform', 'normal'] as const)('%s', (kind) => {
  it('depends on the index alone: not on the count, the place or what was there', () => {
    const all = generate(kind, 64);
    for (let n = 0; n <= 64; n++) {
      for (const start of [0, 1, 1000]) {
        floats.fill(-9, 0, 1100);
        kernels[kind](start * 4, n, ...stream);
        expect(floats.slice(start, start + n)).toEqual(all.slice(0, n));
        expect([floats[start + n], floats[start + n + 1]]).toEqual([-9, -9]);
      }
    }
  });

  it.each([0, 1, 2, 3, 4])('is another stream for another word %i of key and counter', (index) => {
    const other = stream.map((word, at) => (at === index ? word + 1 : word)) as unknown as Stream;
    const a = generate(kind, 10_000);
    const b = generate(kind, 10_000, other);
    const { mean, variance } = moments(a);
    const together = a.reduce((sum, x, i) => sum + (x - mean) * (b[i] - mean), 0) / a.length / variance;
    expect(Math.abs(together)).toBeLessThan(0.04); // four standard deviations
  });

  it('has neighbours that are independent', () => {
    const sample = generate(kind, COUNT);
    for (const lag of [1, 2, 3, 4, 8, 16]) {
      expect(Math.abs(correlation(sample, lag))).toBeLessThan(4 / Math.sqrt(COUNT));
      expect(Math.abs(correlation(sample.map(Math.abs), lag))).toBeLessThan(4 / Math.sqrt(COUNT));
    }
  });
});

describe('uniform', () => {
  it('is the top 24 bits of the words, in [0, 1)', () => {
    const sample = generate('uniform', 1000);
    kernels.words(0, 1000, stream[0], stream[1], 0, stream[2], stream[3], stream[4]);
    expect(sample).toEqual(Float32Array.from(words.subarray(0, 1000), (word) => (word >>> 8) / 2 ** 24));
  });

  it('is uniform', () => {
    const sample = generate('uniform', COUNT);
    const { mean, variance } = moments(sample);
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.0018); // four standard deviations
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.0005);
    expect(kolmogorovSmirnov(sample, (x) => x)).toBeLessThan(1.95);
    expect(sample.every((x) => x >= 0 && x < 1)).toBe(true);
  });
});

describe('normal', () => {
  it('is the Box-Muller transform of the words', () => {
    const n = 100_000;
    const sample = generate('normal', n);
    kernels.words(0, n, stream[0], stream[1], 0, stream[2], stream[3], stream[4]);
    let worst = 0;
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((words[i] + 0.5) / 2 ** 32));
      // The top two bits choose the quadrant, the others the angle around its axis.
      const quadrant = words[i + 1] >>> 30;
      const angle = (quadrant + ((words[i + 1] << 2) >> 2) / 2 ** 30) * (Math.PI / 2);
      // Float32 holds 1 - u to 2^-25 only, which shows where the radius is small.
      const allowed = 1e-6 + 1e-7 / radius;
      worst = Math.max(worst, Math.abs(sample[i] - radius * Math.cos(angle)) / allowed);
      worst = Math.max(worst, Math.abs(sample[i + 1] - radius * Math.sin(angle)) / allowed);
    }
    expect(worst).toBeLessThan(1);
  });

  it('is normal', () => {
    const sample = generate('normal', COUNT);
    const { mean, variance, kurtosis } = moments(sample);
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(COUNT));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / COUNT));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(4 * Math.sqrt(24 / COUNT));
    expect(kolmogorovSmirnov(sample, normalDistribution)).toBeLessThan(1.95);
    const tail = sample.reduce((count, x) => count + Number(Math.abs(x) > 4), 0);
    expect(Math.abs(tail - COUNT * 6.334e-5)).toBeLessThan(4 * Math.sqrt(COUNT * 6.334e-5));
  });
});
