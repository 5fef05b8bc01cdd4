/**
 * Dynamic loss scaling (Micikevicius et al., "Mixed Precision Training", 2018), with the numbers of PyTorch's GradScaler: gradients
 * that are too small for float16 are computed of a loss that is multiplied by the scale, which falls where they overflow and
 * rises after many steps where they do not.
 */

export interface LossScaling {
  /** What the mean loss of a step is multiplied by: a power of two. */
  readonly scale: number;
  /** Steps since it changed. */
  readonly good: number;
  /** Steps of the run that overflowed, and were not taken. */
  readonly skipped: number;
}

export const initialLossScaling: LossScaling = { scale: 65536, good: 0, skipped: 0 };
const growthInterval = 2000;
/** Far above what float16 can need: it and its reciprocal are exact. */
const greatest = 2 ** 60;

/** @param finite whether loss and gradient of the step are */
export function scalingAfter({ scale, good, skipped }: LossScaling, finite: boolean): LossScaling {
  if (!finite) return { scale: scale / 2, good: 0, skipped: skipped + 1 };
  if (good + 1 < growthInterval) return { scale, good: good + 1, skipped };
  return { scale: Math.min(2 * scale, greatest), good: 0, skipped };
}

/** Whether a step that overflows is skipped: at a scale of 1 it is not the scale that makes it overflow. */
export const canSkip = ({ scale }: LossScaling): boolean => scale > 1;

/**
 * What the sum of the losses of a shard is multiplied by, a power of two.
 * @param examples of the step, over whose losses the mean is
 */
export const sumScale = ({ scale }: LossScaling, examples: number): number =>
  scale / 2 ** (examples > 1 ? 32 - Math.clz32(examples - 1) : 0);
