/** Parameter groups: which weights are decayed, and which are not. */
import type { SlabLayout, SlabTensor } from '../model/slab.js';
import { type Optimizer, type OptimizerSlot, type SlabPiece, trainableIn, type UpdateRule } from './optimizer.js';
import { matchesAny } from './weight-patterns.js';

interface Decay {
  readonly weightDecay: number;
  /** Patterns of the weights that are not decayed. */
  readonly noDecay?: readonly string[];
}

/** @returns tells the decay of a weight */
export const decayOf =
  ({ weightDecay, noDecay = [] }: Decay) =>
  ({ name }: Pick<SlabTensor, 'name'>): number =>
    matchesAny(name, noDecay) ? 0 : weightDecay;

/**
 * One rule for all parameters, but for their decay.
 * @param slots each as long as the trainable parameters
 */
export function byDecay(
  layout: SlabLayout,
  slots: readonly OptimizerSlot[],
  decay: Decay,
  ruleOf: (weightDecay: number) => UpdateRule,
): Optimizer {
  const pieces = runsOf(layout, decayOf(decay)).map(
    ({ from, to, group }): SlabPiece => ({
      from,
      to,
      slots: slots.map((_, slot) => ({ slot, start: from })),
      rule: ruleOf(group),
    }),
  );
  return { slots, pieces };
}

/** The trainable parameters as ranges of neighbours of one group, as long as they can be. */
export function runsOf<Group>(layout: SlabLayout, groupOf: (tensor: SlabTensor) => Group) {
  const runs: { from: number; to: number; group: Group; readonly first: SlabTensor }[] = [];
  const trainable = trainableIn(layout);
  trainable.forEach((tensor, i) => {
    const to = trainable[i + 1]?.offset ?? layout.trainable;
    const group = groupOf(tensor);
    const last = runs.at(-1);
    if (last?.group === group) last.to = to;
    else runs.push({ from: tensor.offset, to, group, first: tensor });
  });
  return runs;
}
