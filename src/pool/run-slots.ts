/** The slabs of optimizers that a pool keeps of the run, besides those of replicas. */
import type { OptimizerConfig } from '../config/optimizer.js';
import { createOptimizer } from '../optimizer/create-optimizer.js';
import type { OptimizerSlot } from '../optimizer/optimizer.js';
import type { EvaluationOptions, PoolOptions } from './pool-options.js';

/** The optimizer that takes the steps before the first local ones; undefined where there are none. */
export function warmUpOptimizer(options: PoolOptions): OptimizerConfig | undefined {
  if (options.use === 'updates') return options.warmUp;
  const local = options.use === 'rounds' ? options.local : undefined;
  return local && local.warmUpSteps > 0 ? local.optimizer : undefined;
}

/** Those of the optimizer of the run, then those of its warm-up. */
export function runSlots(options: Exclude<PoolOptions, EvaluationOptions>): OptimizerSlot[] {
  const warmUp = warmUpOptimizer(options);
  const optimizers = [options.optimizer, ...(warmUp ? [warmUp] : [])];
  return optimizers.flatMap((each) => createOptimizer(each, options.layout).slots);
}

/** The optimizer's slabs as they are before the first step. */
export function initialSlots(
  options: PoolOptions,
  {
    memory,
    offsets,
  }: { readonly memory: WebAssembly.Memory; readonly offsets: { readonly optimizer: readonly number[] } },
  parameters: Float32Array,
): Float32Array[] {
  if (options.use === 'evaluation') return [];
  return runSlots(options).map(({ initial, length }, i) => {
    const slab = new Float32Array(memory.buffer, offsets.optimizer[i], length);
    // What is never touched takes no memory.
    if (options.use === 'rounds' && options.sharded) return slab;
    if (initial === 'parameters') slab.set(parameters.subarray(0, length));
    else slab.fill(initial);
    return slab;
  });
}
