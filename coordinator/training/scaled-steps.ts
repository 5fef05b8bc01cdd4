/** The loss scale of a run whose products are float16: in checkpoints, and in what is told of steps. */
import type { Progress } from '../../src/checkpoint/state.js';
import { readScaling, writeScaling } from '../../src/pool/step-scaling.js';
import type { LossScale } from '../../src/report/events.js';
import type { Trainer } from './trainer.js';

type Scaled = Pick<Trainer, 'scaling'>;

/** As it is after the last step, for a checkpoint: nothing where the loss is not scaled. */
export function scalingIn({ scaling }: Scaled): Pick<Progress, 'lossScaling'> {
  const lossScaling = scaling && readScaling(scaling);
  return lossScaling ? { lossScaling } : {};
}

/** Goes on where a checkpoint was: with its losses of the epoch, and its scale. */
export function restoreSteps(
  { stepLosses, scaling }: Pick<Trainer, 'stepLosses' | 'scaling'>,
  { losses, lossScaling }: Progress,
): void {
  stepLosses.set(losses);
  if (scaling && lossScaling) writeScaling(scaling, lossScaling);
}

/** For an event. */
export function scaleAfter(trainer: Scaled): LossScale {
  const { lossScaling } = scalingIn(trainer);
  return lossScaling ? { lossScale: lossScaling.scale, skippedSteps: lossScaling.skipped } : {};
}

/** That of a step of the epoch under way, for an event. */
export function stepScale({ scaling }: Scaled, step: number): Pick<LossScale, 'lossScale'> {
  const lossScale = scaling?.steps[step];
  return lossScale === undefined ? {} : { lossScale };
}
