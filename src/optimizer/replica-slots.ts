/** What a replica that takes local steps keeps from round to round. */
import type { OptimizerConfig } from '../config/optimizer.js';
import { isStreaming, type LocalRounds } from '../data/local-rounds.js';
import type { SlabLayout } from '../model/slab.js';
import { createOptimizer } from './create-optimizer.js';
import { type OptimizerSlot, slotLike } from './optimizer.js';

/** What belongs to a replica by itself, besides its optimizer: `LocalRounds` says whether. */
type ReplicaRule = Pick<LocalRounds, 'parts' | 'overlap' | 'quantize'> & { readonly optimizer: OptimizerConfig };

/** That of its optimizer, which comes first, then its parameters where it goes on with them, and what rounding has lost of its movements. */
export function replicaSlots(rule: ReplicaRule, layout: SlabLayout): readonly OptimizerSlot[] {
  const { slots } = createOptimizer(rule.optimizer, layout);
  const own: OptimizerSlot = {
    name: 'parameters',
    initial: 'parameters',
    tensors: layout.tensors.filter(({ offset }) => offset < layout.state),
    length: layout.state,
  };
  return [...slots, ...(isStreaming(rule) ? [own] : []), ...(rule.quantize ? [slotLike(layout, 'residual')] : [])];
}
