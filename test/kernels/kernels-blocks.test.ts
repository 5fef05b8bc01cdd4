/** Blocks of small integers with a power of two for their scale: rounded as arithmetic says, and packed without loss. */
import { describe, expect, it } from 'vitest';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { payloadBytes } from '../../src/reduce/segments.js';
import { bits, makeSlabs, randomFloats } from '../support/slabs.js';

const LENGTH = 16 * 39;

/** Blocks of very different size, one of zeros, one of subnormals, one with the largest numbers. */
function numbers(seed: number): Float32Array {
  const scales = [1, 1e-3, 0, 1e-42, 1e38, 1e-30, 127, 7, 1e20];
  return randomFloats(seed, LENGTH).map((x, i) => x * scales[Math.floor(i / 32) % scales.length]);
}

/** In float64, which holds all of it exactly but for the first sum. */
function rounded(values: Float32Array, residual: Float32Array, most: number): [Float32Array, Float32Array] {
  const sums = values.map((value, i) => value + residual[i]);
  const kept = new Float32Array(LENGTH);
  for (let from = 0; from < LENGTH; from += 32) {
    const block = sums.subarray(from, from + 32);
    const largest = block.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    let scale = 2 ** -126;
    while (largest / scale > most) scale *= 2;
    block.forEach((x, i) => {
      const [floor, rest] = [Math.floor(x / scale), x / scale - Math.floor(x / scale)];
      const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
      kept[from + i] = (floor + (up ? 1 : 0)) * scale;
    });
  }
  return [kept, sums.map((sum, i) => sum - kept[i])];
}

describe.each([
  ['mxint8', 127],
  ['mxint4', 7],
] as const)('%s', (precision, most) => {
  const slabs = makeSlabs(4, LENGTH);
  const [values, residual, packed, back] = slabs.offsets;
  const kernels = loadUpdateKernels(slabs.memory);
  const [pack, unpack] =
    precision === 'mxint8'
      ? [kernels.packBlocks8, kernels.unpackBlocks8]
      : [kernels.packBlocks4, kernels.unpackBlocks4];

  it('has the nearest units of the largest number of its block, and keeps what that loses', () => {
    const [first, second] = [numbers(1), numbers(2).map((x) => x / 300)];
    slabs.views[0].set(first);
    slabs.views[1].set(second);
    kernels.quantizeBlocks(values, residual, LENGTH, most);
    const [expected, rest] = rounded(first, second, most);
    expect([...slabs.views[0]].map((x) => x + 0)).toEqual([...expected].map((x) => x + 0));
    expect([...slabs.views[1]].map((x) => x + 0)).toEqual([...rest].map((x) => x + 0));
  });

  it('is packed and unpacked to the same numbers, in the bytes that a payload has', () => {
    slabs.views[0].set(numbers(3));
    slabs.views[1].fill(0);
    kernels.quantizeBlocks(values, residual, LENGTH, most);
    slabs.views[2].fill(Number.NaN);
    pack(packed, values, LENGTH);
    const bytes = new Uint8Array(slabs.memory.buffer, packed, LENGTH * 4);
    const end = payloadBytes(precision, LENGTH);
    expect(end).toBe(Math.ceil(((LENGTH * (precision === 'mxint8' ? 8 : 4)) / 8 + Math.ceil(LENGTH / 32)) / 32) * 32);
    expect(bytes[end + 3]).toBe(0x7f);
    unpack(back, packed, LENGTH);
    expect([...slabs.views[3]].map((x) => x + 0)).toEqual([...slabs.views[0]].map((x) => x + 0));
    // What was rounded once is not rounded again.
    kernels.quantizeBlocks(back, residual, LENGTH, most);
    expect(bits(slabs.views[3].map((x) => x + 0))).toEqual(bits(slabs.views[0].map((x) => x + 0)));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('with %s is no numbers, in its block alone', (broken) => {
    slabs.views[0].set(numbers(4));
    slabs.views[0][40] = broken;
    slabs.views[1].fill(0);
    kernels.quantizeBlocks(values, residual, LENGTH, most);
    pack(packed, values, LENGTH);
    unpack(back, packed, LENGTH);
    const broke = [...slabs.views[3]].flatMap((x, i) => (Number.isFinite(x) ? [] : [i]));
    expect(broke).toEqual(Array.from({ length: 32 }, (_, i) => 32 + i));
  });
});
