/** The update kernels against the same arithmetic in JavaScript, bit for bit. */
import { describe, expect, it } from 'vitest';
import { loadNoiseKernels, loadUpdateKernels, type UpdateKernels } from '../../src/kernels/load-kernels.js';
import { bits, makeSlabs, randomFloats } from '../support/slabs.js';

const f = Math.fround;
const LENGTH = 16 * 37;

/** One kernel: how to call it on a slice, and what it does to one float of each slab. All slabs may change. */
interface Case {
  readonly name: string;
  run(kernels: UpdateKernels, at: readonly number[], n: number): void;
  expected(x: number, y: number, z: number, w: number): readonly number[];
}

const scale = f(0.37);
const rate = f(0.01);
const beta1 = f(0.9);
const beta2 = f(0.999);
const epsilon = f(1e-8);
const decay = f(0.003);

const mean = (old: number, value: number, keep: number) => f(f(old * keep) + f(value * f(1 - keep)));

const cases: readonly Case[] = [
  { name: 'add', run: (k, [x, y], n) => k.add(x, y, n), expected: (x, y) => [f(x + y)] },
  {
    name: 'scaledCopy',
    run: (k, [x, y], n) => k.scaledCopy(x, y, n, scale),
    expected: (_, y) => [f(y * scale)],
  },
  {
    name: 'sgd',
    run: (k, [x, y], n) => k.sgd(x, y, n, scale, rate),
    expected: (x, y) => [f(x - f(rate * f(y * scale)))],
  },
  ...[false, true].map((nesterov) => ({
    name: `momentum, nesterov ${nesterov}`,
    run: (k: UpdateKernels, [x, y, z]: readonly number[], n: number) =>
      k.momentum(x, y, z, n, scale, rate, beta1, nesterov),
    expected: (x: number, y: number, z: number) => {
      const g = f(y * scale);
      const velocity = f(f(beta1 * z) + g);
      return [f(x - f(rate * (nesterov ? f(g + f(beta1 * velocity)) : velocity))), y, velocity];
    },
  })),
  {
    name: 'adagrad',
    run: (k, [x, y, , w], n) => k.adagrad(x, y, w, n, scale, rate, epsilon),
    expected: (x, y, z, w) => {
      const g = f(y * scale);
      const sum = f(w + f(g * g));
      return [f(x - f(f(rate * g) / f(f(Math.sqrt(sum)) + epsilon))), y, z, sum];
    },
  },
  {
    name: 'rmsprop',
    run: (k, [x, y, , w], n) => k.rmsprop(x, y, w, n, scale, rate, beta1, epsilon),
    expected: (x, y, z, w) => {
      const g = f(y * scale);
      const square = mean(w, f(g * g), beta1);
      return [f(x - f(f(rate * g) / f(f(Math.sqrt(square)) + epsilon))), y, z, square];
    },
  },
  {
    name: 'adam',
    run: (k, [x, y, z, w], n) => k.adam(x, y, z, w, n, scale, rate, beta1, beta2, epsilon, decay),
    expected: (x, y, z, w) => {
      const g = f(y * scale);
      const first = mean(z, g, beta1);
      const second = mean(w, f(g * g), beta2);
      const quotient = f(f(rate * first) / f(f(Math.sqrt(second)) + epsilon));
      return [f(x - f(quotient + f(decay * x))), y, first, second];
    },
  },
];

/** Four slabs of random numbers, the last not negative; the gradient (the second) spans many magnitudes. */
function filledSlabs() {
  const slabs = makeSlabs(4, LENGTH);
  slabs.views.forEach((view, index) => {
    view.set(randomFloats(index + 1, LENGTH));
  });
  slabs.views[1].forEach((value, index) => {
    slabs.views[1][index] = value * 10 ** ((index % 25) - 18);
  });
  slabs.views[3].forEach((value, index) => {
    slabs.views[3][index] = Math.abs(value);
  });
  return slabs;
}

describe.each(cases)('$name', ({ run, expected }) => {
  it('equals a plain loop bit for bit and touches nothing else', () => {
    const { memory, offsets, views } = filledSlabs();
    const before = views.map((view) => Float32Array.from(view));
    run(loadUpdateKernels(memory), offsets, LENGTH);
    const wanted = before.map((slab) => Float32Array.from(slab));
    for (let i = 0; i < LENGTH; i++) {
      expected(before[0][i], before[1][i], before[2][i], before[3][i]).forEach((value, slab) => {
        wanted[slab][i] = value;
      });
    }
    views.forEach((view, slab) => {
      expect(bits(view)).toEqual(bits(wanted[slab]));
    });
    expect(bits(views[0])).not.toEqual(bits(before[0]));
    for (const offset of offsets) {
      expect(new Float32Array(memory.buffer, offset - 64, 16).every((guard) => guard === 0)).toBe(true);
      expect(new Float32Array(memory.buffer, offset + LENGTH * 4, 16).every((guard) => guard === 0)).toBe(true);
    }
  });

  it('has the same bits however it is sliced', () => {
    const whole = filledSlabs();
    run(loadUpdateKernels(whole.memory), whole.offsets, LENGTH);
    for (const cuts of [
      [0, 16, LENGTH],
      [0, 160, 160, 400, LENGTH],
    ]) {
      const sliced = filledSlabs();
      const kernels = loadUpdateKernels(sliced.memory);
      for (let slice = cuts.length - 2; slice >= 0; slice--) {
        const at = sliced.offsets.map((offset) => offset + cuts[slice] * 4);
        run(kernels, at, cuts[slice + 1] - cuts[slice]);
      }
      expect(sliced.views.map(bits)).toEqual(whole.views.map(bits));
    }
  });

  it('passes NaN on, and only where it was', () => {
    const { memory, offsets, views } = filledSlabs();
    views[1][5] = Number.NaN;
    run(loadUpdateKernels(memory), offsets, LENGTH);
    expect([...views[0]].flatMap((value, index) => (Number.isNaN(value) ? [index] : []))).toEqual([5]);
  });
});

describe('sumOfSquares', () => {
  it('equals a float64 loop', () => {
    const { memory, offsets, views } = filledSlabs();
    const kernels = loadUpdateKernels(memory);
    for (const slab of [0, 1, 2]) {
      let sum = 0;
      for (const value of views[slab]) sum += value * value;
      expect(Math.abs(kernels.sumOfSquares(offsets[slab], LENGTH) / sum - 1)).toBeLessThan(1e-14);
    }
    expect(kernels.sumOfSquares(offsets[0], 0)).toBe(0);
  });

  it('does not overflow where float32 would, and passes NaN on', () => {
    const { memory, offsets, views } = makeSlabs(1, 16);
    views[0].fill(1e30);
    const kernels = loadUpdateKernels(memory);
    expect(kernels.sumOfSquares(offsets[0], 16)).toBe(16 * f(1e30) ** 2);
    views[0][7] = Number.NaN;
    expect(kernels.sumOfSquares(offsets[0], 16)).toBeNaN();
  });
});

describe('flushSubnormals', () => {
  it('clears subnormals and nothing else', () => {
    const { memory, offsets, views } = makeSlabs(1, 16);
    const smallest = 2 ** -126;
    views[0].set([2 ** -149, -(2 ** -130), smallest - 2 ** -149, smallest, -smallest, 1, -3, Number.NaN]);
    views[0].set([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], 8);
    loadUpdateKernels(memory).flushSubnormals(offsets[0], 16);
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const kept = [0, 0, 0, smallest, -smallest, 1, -3, nan, infinity, -infinity, 0, 0, 0, 0, 0, 0];
    expect([...views[0]]).toEqual(kept);
  });
});

it('leaves the memory alone when it is loaded', () => {
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const own = new WebAssembly.Memory({ initial: 1 });
  for (const { buffer } of [shared, own]) new Uint8Array(buffer).fill(0xab);
  loadUpdateKernels(shared);
  loadNoiseKernels(own);
  for (const { buffer } of [shared, own]) expect(new Uint8Array(buffer).every((byte) => byte === 0xab)).toBe(true);
});
