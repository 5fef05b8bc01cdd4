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
  if ('wsd' in config) {
    const { warmupSteps } = config.wsd;
    return base * warmup(warmupSteps, step) * afterStable(config.wsd, step, totalSteps);
  }
  if ('oneCycle' in config) return base * oneCycle(config.oneCycle, step, totalSteps);
  if ('plateau' in config) return base * warmup(config.plateau.warmupSteps, step);
  const intervals = step / intervalSteps(config.exponential, stepsPerEpoch);
  return base * warmup(config.exponential.warmupSteps, step) * power(config.exponential.factor, intervals);
}

type ScheduleOptions<Name extends PropertyKey> = Extract<ScheduleConfig, Record<Name, unknown>>[Name];

/**
 * Hu et al., "MiniCPM" (2024): 1 until the last part of the run, then down to `end`. `squareRoot` is that of Hägele et al., "Scaling
 * laws and compute-optimal training beyond fixed training durations" (2024).
 */
function afterStable({ decay, shape, end }: ScheduleOptions<'wsd'>, step: number, totalSteps: number): number {
  const first = totalSteps - Math.round(decay * totalSteps);
  if (step < first) return 1;
  const passed = (step - first) / (totalSteps - first);
  const remaining =
    shape === 'linear' ? 1 - passed : shape === 'cosine' ? (1 + Math.cos(Math.PI * passed)) / 2 : 1 - Math.sqrt(passed);
  return end + (1 - end) * remaining;
}

/**
 * Smith and Topin, "Super-convergence" (2018), by the rule of PyTorch's OneCycleLR: its phases meet at a step that need not be whole,
 * the first is the lowest of the rise, and the last of the run has the lowest rate.
 */
function oneCycle(options: ScheduleOptions<'oneCycle'>, step: number, totalSteps: number): number {
  const { rise, divisor, finalDivisor, threePhases, shape } = options;
  const start = 1 / divisor;
  const end = start / finalDivisor;
  const top = rise * totalSteps - 1;
  const phases = threePhases
    ? [
        { until: top, from: start, to: 1 },
        { until: 2 * rise * totalSteps - 2, from: 1, to: start },
        { until: totalSteps - 1, from: start, to: end },
      ]
    : [
        { until: top, from: start, to: 1 },
        { until: totalSteps - 1, from: 1, to: end },
      ];
  let began = 0;
  for (const { until, from, to } of phases) {
    if (step <= until) {
      // A rise of one step, or less, is all at its top.
      const passed = until > began ? (step - began) / (until - began) : 1;
      return shape === 'linear'
        ? from + (to - from) * passed
        : to + ((from - to) / 2) * (1 + Math.cos(Math.PI * passed));
    }
    began = until;
  }
  return end;
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
