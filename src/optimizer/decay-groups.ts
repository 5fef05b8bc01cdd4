/** Parameter groups: which weights are decayed, and which are not. */
import type { SlabLayout } from '../model/slab.js';
import { type Optimizer, type OptimizerSlot, type SlabPiece, trainableIn, type UpdateRule } from './optimizer.js';
import { matchesAny } from './weight-patterns.js';

interface Decay {
  readonly weightDecay: number;
  /** Patterns of the weights that are not decayed. */
  readonly noDecay?: readonly string[];
}

/**
 * One rule for all parameters, but for their decay.
 * @param slots each as long as the trainable parameters
 */
export function byDecay(
  layout: SlabLayout,
  slots: readonly OptimizerSlot[],
  { weightDecay, noDecay = [] }: Decay,
  ruleOf: (weightDecay: number) => UpdateRule,
): Optimizer {
  const rules = { decayed: ruleOf(weightDecay), spared: ruleOf(0) };
  const pieces = runsOf(layout, ({ name }) => (matchesAny(name, noDecay) ? 'spared' : 'decayed')).map(
    ({ from, to, group }): SlabPiece => ({
      from,
      to,
      slots: slots.map((_, slot) => ({ slot, start: from })),
      rule: rules[group],
    }),
  );
  return { slots, pieces };
}

/** The trainable parameters as ranges of neighbours of one group, as long as they can be. */
export function runsOf<Group>(layout: SlabLayout, groupOf: (tensor: SlabLayout['tensors'][number]) => Group) {
  const runs: { from: number; to: number; group: Group }[] = [];
  const trainable = trainableIn(layout);
  trainable.forEach((tensor, i) => {
    const to = trainable[i + 1]?.offset ?? layout.trainable;
    const group = groupOf(tensor);
    const last = runs.at(-1);
    if (last?.group === group) last.to = to;
    else runs.push({ from: tensor.offset, to, group });
  });
  return runs;
}
