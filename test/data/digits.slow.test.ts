/** Synthetic digits: a pure function of seed and index, balanced, fast, and neither trivial nor noise. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateDigits } from '../../src/data/digits/digits.js';
import { partsOf } from '../support/parts.js';

const PIXELS = 28 * 28;

const count = 9_000;
const drawn = partsOf(await generateDigits(count, 0));

/** Accuracy on the last `tested` examples of softmax regression, trained on the others one by one. */
function linearAccuracy(tested: number, epochs: number): number {
  const { features, featureScale, targets } = drawn;
  const inputs = Float64Array.from(features, (byte) => byte * featureScale);
  const weights = Array.from({ length: 10 }, () => new Float64Array(PIXELS));
  const biases = new Float64Array(10);
  const logitsOf = (input: Float64Array) =>
    weights.map((row, digit) => {
      let sum = biases[digit];
      for (let i = 0; i < PIXELS; i++) sum += row[i] * input[i];
      return sum;
    });
  const imageOf = (example: number) => inputs.subarray(example * PIXELS, (example + 1) * PIXELS);

  const trained = count - tested;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const rate = 0.02 * (1 - epoch / epochs);
    for (let example = 0; example < trained; example++) {
      const input = imageOf(example);
      const logits = logitsOf(input);
      const largest = Math.max(...logits);
      const exps = logits.map((logit) => Math.exp(logit - largest));
      const total = exps.reduce((sum, value) => sum + value);
      exps.forEach((value, digit) => {
        const step = rate * (Number(digit === targets[example]) - value / total);
        for (let i = 0; i < PIXELS; i++) weights[digit][i] += step * input[i];
        biases[digit] += step;
      });
    }
  }
  let right = 0;
  for (let example = trained; example < count; example++) {
    const logits = logitsOf(imageOf(example));
    if (logits.indexOf(Math.max(...logits)) === targets[example]) right++;
  }
  return right / tested;
}

describe('generateDigits', () => {
  it('gives 28 x 28 x 1 bytes in shared memory with balanced classes', async () => {
    const digits = await generateDigits(105, 3);
    expect(partsOf(digits).featureShape).toEqual([28, 28, 1]);
    expect(partsOf(digits).featureScale).toBe(1 / 255);
    expect(partsOf(digits).features).toBeInstanceOf(Uint8Array);
    expect(partsOf(digits).features.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(partsOf(digits).targets.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(partsOf(digits).features.length).toBe(105 * PIXELS);
    expect(partsOf(digits).classes).toBe(10);
    const perClass = new Array(10).fill(0);
    for (const digit of partsOf(digits).targets) perClass[digit]++;
    expect(perClass).toEqual([11, 11, 11, 11, 11, 10, 10, 10, 10, 10]);
  });

  it('makes example i the same whatever the count', async () => {
    const few = partsOf(await generateDigits(30, 7)).features;
    const many = partsOf(await generateDigits(60, 7)).features;
    expect(Buffer.from(many.slice(0, few.length)).equals(Buffer.from(few.slice()))).toBe(true);
  });

  it('makes the same bytes on every machine', () => {
    const bytes = drawn.features.slice(0, 500 * PIXELS);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      '53271f5d74cb90269f83f4a6b9e36884aacb111898bc777af2433901d8b0b8be',
    );
  });

  it('makes no two images alike, within a set or across seeds', async () => {
    const digests = new Set<string>();
    for (const seed of [0, 1, 2 ** 32]) {
      const { features } = partsOf(await generateDigits(300, seed));
      for (let i = 0; i < 300; i++) {
        const image = features.slice(i * PIXELS, (i + 1) * PIXELS);
        digests.add(createHash('sha256').update(image).digest('hex'));
      }
    }
    expect(digests.size).toBe(900);
  });

  it('puts a visible digit on a dark ground in every image', () => {
    for (let i = 0; i < 2000; i++) {
      const image = drawn.features.slice(i * PIXELS, (i + 1) * PIXELS);
      const ink = image.filter((value) => value > 128).length;
      expect(ink).toBeGreaterThan(10);
      expect(ink).toBeLessThan(300);
    }
  });

  it('is learnable but not by a linear model alone', () => {
    const accuracy = linearAccuracy(1500, 2);
    expect(accuracy).toBeGreaterThan(0.8);
    expect(accuracy).toBeLessThan(0.95);
  });
});
