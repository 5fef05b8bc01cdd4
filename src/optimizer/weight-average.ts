/** A moving average of the weights, which is evaluated and saved in their place. */
import type { OptimizerConfig } from '../config/optimizer.js';
import type { SlabLayout } from '../model/slab.js';
import { type Optimizer, slotLike, type UpdateRule } from './optimizer.js';

/** Of an optimizer that keeps an average; undefined for others. */
export function averageMomentum(config: OptimizerConfig): number | undefined {
  const [{ emaMomentum }] = Object.values(config) as { readonly emaMomentum?: number }[];
  return emaMomentum;
}

/**
 * Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992), by the rule of Keras 3: after the first step
 * the average is the weights, after each other one momentum * average + (1 - momentum) * weights. It is the last of the slots.
 */
export function averaged(optimizer: Optimizer, momentum: number, layout: SlabLayout): Optimizer {
  const around =
    (rule: UpdateRule): UpdateRule =>
    (kernels, region, step, workspace) => {
      const { parameters, slots, length } = region;
      rule(kernels, { ...region, slots: slots.slice(0, -1) }, step, workspace);
      kernels.movingAverage(slots.at(-1)!, parameters, length, step.number === 1 ? 0 : momentum);
    };
  const slot = optimizer.slots.length;
  return {
    ...optimizer,
    slots: [...optimizer.slots, slotLike(layout, 'average', 'parameters')],
    pieces: optimizer.pieces.map((piece) => ({
      ...piece,
      slots: [...piece.slots, { slot, start: piece.from }],
      rule: around(piece.rule),
    })),
  };
}
