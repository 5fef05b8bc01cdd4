/** What a replica that takes local steps keeps from round to round. */
import type { OptimizerConfig } from '../config/optimizer.js';
import type { LocalRounds } from '../data/local-rounds.js';
import type { SlabLayout } from '../model/slab.js';
import { createOptimizer } from './create-optimizer.js';
import { type OptimizerSlot, slotLike } from './optimizer.js';

/** That of its optimizer, which comes first, and what rounding has lost of its movements. */
export function replicaSlots(
  { optimizer, quantize }: Pick<LocalRounds, 'quantize'> & { readonly optimizer: OptimizerConfig },
  layout: SlabLayout,
): readonly OptimizerSlot[] {
  const { slots } = createOptimizer(optimizer, layout);
  return quantize ? [...slots, slotLike(layout, 'residual')] : slots;
}
