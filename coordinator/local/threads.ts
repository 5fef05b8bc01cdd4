/** How many threads a run has. */
import { availableParallelism } from 'node:os';
import { ConfigError } from '../../src/errors.js';

export const maximumThreads = 256;

/** @returns the number given; one a core where none is. @throws ConfigError when it is none that a pool can have */
export function threadsOf(given: number | undefined): number {
  const threads = given ?? availableParallelism();
  if (Number.isInteger(threads) && threads >= 1 && threads <= maximumThreads) return threads;
  throw new ConfigError(
    `threads: ${threads} is not a whole number from 1 to ${maximumThreads}`,
    `this machine has ${availableParallelism()} cores: use ${availableParallelism()} or leave it out`,
  );
}
