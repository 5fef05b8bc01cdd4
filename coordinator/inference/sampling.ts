/**
 * How the next token of a text is chosen: what a model says of every token is changed in the order, and by the rules, of transformers'
 * `generate` (5.24: RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper), then one is drawn.
 */
import { ConfigError } from '../../src/errors.js';
import { softmaxOf } from './output-meaning.js';

export interface SamplingOptions {
  /** Above 1 for more surprise, below for less, 0 for the likeliest token each time; default 1. */
  readonly temperature?: number;
  /** Draws from the so many likeliest tokens; tokens as likely as the last of them belong to them. */
  readonly topK?: number;
  /** Draws from the likeliest tokens that have this probability together, the one that reaches it among them; above 0, up to 1. */
  readonly topP?: number;
  /** Divides the logits above 0, and multiplies those below, of tokens that were there before (Keskar et al. 2019); default 1. */
  readonly repetitionPenalty?: number;
}

const rules: readonly {
  readonly flag: string;
  readonly of: (options: SamplingOptions) => number | undefined;
  readonly holds: (value: number) => boolean;
  readonly wanted: string;
  readonly remedy: string;
}[] = [
  {
    flag: 'temperature',
    of: ({ temperature }) => temperature,
    holds: (value) => value >= 0,
    wanted: 'a number of at least 0',
    remedy: 'use 0, or something near 1',
  },
  {
    flag: 'top-k',
    of: ({ topK }) => topK,
    holds: (value) => Number.isInteger(value) && value >= 1,
    wanted: 'a whole number of at least 1',
    remedy: 'leave it out to draw from all tokens',
  },
  {
    flag: 'top-p',
    of: ({ topP }) => topP,
    holds: (value) => value > 0 && value <= 1,
    wanted: 'a number above 0 and up to 1',
    remedy: 'use something like 0.9, or leave it out',
  },
  {
    flag: 'repetition-penalty',
    of: ({ repetitionPenalty }) => repetitionPenalty,
    holds: (value) => value > 0,
    wanted: 'a number above 0',
    remedy: 'use something like 1.2, or leave it out',
  },
];

/** @param warn told of what has no effect @throws ConfigError naming the option as the command has it */
export function checkSampling(options: SamplingOptions, warn: (message: string) => void): void {
  for (const { flag, of, holds, wanted, remedy } of rules) {
    const value = of(options);
    if (value === undefined || (Number.isFinite(value) && holds(value))) continue;
    throw new ConfigError(`--${flag} ${value} is not ${wanted}`, remedy);
  }
  const idle = options.topK !== undefined ? 'top-k' : options.topP !== undefined ? 'top-p' : undefined;
  if (options.temperature === 0 && idle) {
    warn(`--${idle} has no effect at --temperature 0, which takes the likeliest token`);
  }
}

/**
 * What each token's logit comes to; -Infinity where the token is not drawn.
 * @param logits one for each token; changed in place
 * @param seen tokens of the text so far, each once
 */
export function processedLogits(logits: Float64Array, seen: Iterable<number>, options: SamplingOptions): Float64Array {
  const { temperature = 1, topK, topP, repetitionPenalty = 1 } = options;
  if (repetitionPenalty !== 1) {
    for (const id of seen)
      logits[id] = logits[id] < 0 ? logits[id] * repetitionPenalty : logits[id] / repetitionPenalty;
  }
  if (temperature === 0) return logits;
  if (temperature !== 1) for (let id = 0; id < logits.length; id++) logits[id] /= temperature;
  if (topK !== undefined && topK < logits.length) keepHighest(logits, topK);
  if (topP !== undefined && topP < 1) keepProbable(logits, topP);
  return logits;
}

function keepHighest(logits: Float64Array, count: number): void {
  const least = logits.toSorted()[logits.length - count];
  for (let id = 0; id < logits.length; id++) if (logits[id] < least) logits[id] = Number.NEGATIVE_INFINITY;
}

/** From the least likely token on, of equals the first, tokens go while they have `1 - share` together; the last stays. */
function keepProbable(logits: Float64Array, share: number): void {
  const probabilities = softmaxOf(logits);
  const ids = Int32Array.from(logits.keys()).filter((id) => probabilities[id] > 0);
  ids.sort((a, b) => logits[a] - logits[b] || a - b);
  const [first] = ids;
  for (let id = 0; id < logits.length; id++) if (logits[id] < logits[first]) logits[id] = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const id of ids.subarray(0, -1)) {
    sum += probabilities[id];
    // Compared as float32, as there: .05 + .15 + .3 are a half.
    if (Math.fround(sum) > Math.fround(1 - share)) return;
    logits[id] = Number.NEGATIVE_INFINITY;
  }
}

/** @param logits as `processedLogits` gives them @param chance uniform in [0, 1) */
export function chosenToken(logits: Float64Array, { temperature }: SamplingOptions, chance: () => number): number {
  return temperature === 0 ? highest(logits) : drawn(softmaxOf(logits), chance());
}

/** The first of the greatest. */
const highest = (values: Float64Array): number =>
  values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

function drawn(probabilities: Float64Array, chance: number): number {
  let sum = 0;
  const token = probabilities.findIndex((probability) => {
    sum += probability;
    return chance < sum;
  });
  // Rounding may leave the sum below 1.
  return token >= 0 ? token : highest(probabilities);
}
