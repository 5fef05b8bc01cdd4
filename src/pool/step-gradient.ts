/** The gradient of a step, as threads leave it until the next one. */
import { activeShards } from '../data/geometry.js';
import { reductionPlan } from '../reduce/tree.js';
import type { TrainingOptions } from './pool-options.js';
import type { SharedState } from './shared-state.js';

export interface StepGradient {
  /** Sums over the examples of the batch, in the places of the trainable parameters: before clipping, and without weight decay. */
  readonly sums: Float32Array;
  /** Their mean is the sum divided by this. */
  readonly divisor: number;
}

/** @param step of the epoch: the last that was computed */
export function stepGradient(options: TrainingOptions, shared: SharedState, step: number): StepGradient {
  const { geometry, layout, threads } = options;
  const active = activeShards(geometry, step);
  const { total } = reductionPlan(active, threads);
  const divisor = shared.shardDivisors.subarray(0, active).reduce((sum, each) => sum + each, 0);
  const sums = new Float32Array(shared.memory.buffer, shared.offsets.gradients[total], layout.trainable);
  return { sums, divisor: divisor || 1 };
}
