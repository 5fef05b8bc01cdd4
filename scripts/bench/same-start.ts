/**
 * Weights and texts that scripts/peers/torch_models.py has too: functions of places, with no generator to agree on. Two programs that
 * start from them and compute the same have the same losses.
 */
import { elements } from '../../src/ground/elements.js';
import { type SlabLayout, tensorOf } from '../../src/model/slab.js';

export const vocabulary = 65;
/** Of the drawn numbers that make a text; those of weights are 0, 1, 2, ... */
const textStream = 1000;

/** Whole number of 24 bits of a place in a stream: the finalizer of MurmurHash3. */
function noise(stream: number, place: number): number {
  let h = (Math.imul(place, 2654435761) + stream * 97531 + 12345) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
  return (h ^ (h >>> 16)) >>> 8;
}

/** Weights within half of `spread` around 0; the factors of normalizations, around 1. */
export function sameWeights({ tensors, length }: SlabLayout, spread: number): Float32Array {
  const slab = new Float32Array(length);
  tensors.forEach((tensor, stream) => {
    const around = tensor.name.includes('gamma') ? 1 : 0;
    const values = tensorOf(slab, tensor);
    for (let i = 0; i < values.length; i++) values[i] = around + (noise(stream, i) / 2 ** 24 - 0.5) * spread;
  });
  return slab;
}

/** [examples, places]: a token follows from the one before, or from nothing, by the toss of a coin. */
export function sameText(examples: number, places: number): Int32Array {
  const tokens = new Int32Array(elements([examples, places]));
  for (let i = 0; i < tokens.length; i++) {
    const drawn = noise(textStream, i);
    const follows = i % places > 0 && drawn >> 20 < 8;
    tokens[i] = follows ? (3 * tokens[i - 1] + 7) % vocabulary : drawn % vocabulary;
  }
  return tokens;
}
