/** Fills noise tensors from a counter-based generator, so that they are a function of seed, step, shard and place. */
import type { NoiseKernels } from '../kernels/load-kernels.js';
import type { NoiseKey } from './engine.js';

/** @param place which of the step's noise tensors it is, in the order in which the model draws them */
export function fillNoise(
  kernels: NoiseKernels,
  kind: 'uniform' | 'normal',
  values: Float32Array,
  key: NoiseKey,
  place: number,
): void {
  kernels[kind](values.byteOffset, values.length, key.seed, key.step, key.shard, place, 0);
}
