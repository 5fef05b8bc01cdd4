/** How fast steps are: examples a second, and tokens of texts. */
import type { Throughput } from '../../src/report/events.js';

/** Steps by their examples, and the time that they took. */
export interface TimedSteps {
  readonly examples: number;
  readonly seconds: number;
}

export const noSteps: TimedSteps = { examples: 0, seconds: 0 };

/** @param tokens of an example */
export function speedOf({ examples, seconds }: TimedSteps, tokens: number | undefined): Throughput {
  const examplesPerSecond = examples / seconds;
  return { examplesPerSecond, ...(tokens !== undefined && { tokensPerSecond: tokens * examplesPerSecond }) };
}

/** That of a run, over its epochs. */
export class RunSpeed {
  readonly tokens: number | undefined;
  #timed = noSteps;

  /** @param tokens that a model of texts reads of an example; undefined of other models */
  constructor(tokens: number | undefined) {
    this.tokens = tokens;
  }

  add({ examples, seconds }: TimedSteps): void {
    this.#timed = { examples: this.#timed.examples + examples, seconds: this.#timed.seconds + seconds };
  }

  get speed(): Throughput {
    return speedOf(this.#timed, this.tokens);
  }
}
