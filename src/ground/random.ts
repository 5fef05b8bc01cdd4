/** Random streams keyed by what they are for, so that no draw depends on the order in which parts of a run happen. */
import { uniformFloat32 } from 'pure-rand/distribution/uniformFloat32';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** Fractional bits of pi: any four different words do, one for each lane of the state. */
const LANES = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];

/** MurmurHash3's 32-bit finalizer: a bijection that spreads every input bit over the word. */
function mix(word: number): number {
  let hash = word ^ (word >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * A generator whose output is a function of the purpose and the keys alone; other keys give an unrelated stream.
 *
 * @param keys safe integers, e.g. seed and epoch
 */
export function randomStream(purpose: string, ...keys: number[]): RandomGenerator {
  const words = Array.from(purpose, (letter) => letter.charCodeAt(0));
  for (const key of keys) words.push(key | 0, Math.floor(key / 2 ** 32) | 0);
  const state = LANES.map((lane) => words.reduce((hash, word) => mix((hash ^ word) + 0x9e3779b9), lane));
  return xoroshiro128plusFromState(state);
}

/** Uniform in [low, high). */
export function uniform(random: RandomGenerator, low: number, high: number): number {
  return low + (high - low) * uniformFloat32(random);
}

/**
 * Bell-shaped with mean 0 and standard deviation 1, never beyond 3.47: the sum of four uniform draws, which unlike
 * Box-Muller needs no transcendental function.
 */
export function bell(random: RandomGenerator): number {
  const sum = uniformFloat32(random) + uniformFloat32(random) + uniformFloat32(random) + uniformFloat32(random);
  return (sum - 2) * Math.sqrt(3);
}

/** Shuffles in place, every order equally likely (Fisher and Yates, Durstenfeld's form). */
export function shuffle(items: Int32Array, random: RandomGenerator): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = uniformInt(random, 0, last);
    const item = items[last];
    items[last] = items[other];
    items[other] = item;
  }
}
