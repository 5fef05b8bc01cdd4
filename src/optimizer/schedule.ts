/** Learning-rate schedules: the rate of a step as a pure function of the config and the step's number. */
import type { ScheduleConfig } from '../config/schedule.js';

/**
 * The learning rate of one step: `base`, times the warm-up (step s of w has (s + 1) / w), times the decay.
 *
 * Linear and cosine decay start when warm-up ends, and would reach their end one step after the last, so that no step
 * is spent at a rate of zero. Cosine is that of Loshchilov and Hutter, "SGDR" (2017), without restarts. Step and
 * exponential decay count intervals from the start of the run. Plateau's drops depend on validation and are the run's to apply.
 *
 * @param step 0-based, below `totalSteps`
 * @param totalSteps optimizer steps of the whole run
 * @param stepsPerEpoch optimizer steps of one epoch
 */
export function learningRateAt(
  config: ScheduleConfig,
  base: number,
  step: number,
  totalSteps: number,
  stepsPerEpoch: number,
): number {
  if ('constant' in config) return base * warmup(config.constant.warmupSteps, step);
  if ('linear' in config) {
    const { end, warmupSteps } = config.linear;
    const remaining = 1 - progress(warmupSteps, step, totalSteps);
    return base * warmup(warmupSteps, step) * (end + (1 - end) * remaining);
  }
  if ('cosine' in config) {
    const { end, warmupSteps } = config.cosine;
    const remaining = (1 + Math.cos(Math.PI * progress(warmupSteps, step, totalSteps))) / 2;
    return base * warmup(warmupSteps, step) * (end + (1 - end) * remaining);
  }
  if ('step' in config) {
    const intervals = Math.floor(step / intervalSteps(config.step, stepsPerEpoch));
    return base * warmup(config.step.warmupSteps, step) * power(config.step.factor, intervals);
  }
  if ('plateau' in config) return base * warmup(config.plateau.warmupSteps, step);
  const intervals = step / intervalSteps(config.exponential, stepsPerEpoch);
  return base * warmup(config.exponential.warmupSteps, step) * power(config.exponential.factor, intervals);
}

function warmup(warmupSteps: number, step: number): number {
  return step < warmupSteps ? (step + 1) / warmupSteps : 1;
}

/** How much of the run after warm-up has passed: 0 up to its first step. */
function progress(warmupSteps: number, step: number, totalSteps: number): number {
  return step < warmupSteps ? 0 : (step - warmupSteps) / (totalSteps - warmupSteps);
}

function intervalSteps({ every, unit }: { every: number; unit: 'epochs' | 'steps' }, stepsPerEpoch: number): number {
  return unit === 'epochs' ? every * stepsPerEpoch : every;
}

/** `Math.pow` without the C library, whose last digit differs between platforms. */
function power(factor: number, exponent: number): number {
  return Math.exp(exponent * Math.log(factor));
}
