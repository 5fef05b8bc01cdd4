/** How many threads compute. */
import { availableParallelism } from 'node:os';
import { chosenProvider } from '../engine/onnx/providers.js';
import { ConfigError } from '../errors.js';

export const maximumThreads = 256;

/** One a core, and one where a device computes. */
export const usualThreads = (): number =>
  chosenProvider().inPlace ? Math.min(availableParallelism(), maximumThreads) : 1;

/** @returns the number given, or the usual one. @throws ConfigError when it is none that a pool can have */
export function threadsOf(given = usualThreads()): number {
  if (!Number.isInteger(given) || given < 1 || given > maximumThreads) {
    throw new ConfigError(
      `threads: ${given} is not a whole number from 1 to ${maximumThreads}`,
      `use ${usualThreads()} or leave it out`,
    );
  }
  checkOneOnDevice('threads:', given);
  return given;
}

/**
 * Sessions of several threads would share the one queue of a device, which takes no lock.
 * @param what names the number
 * @throws ConfigError when there are more than one on a device
 */
export function checkOneOnDevice(what: string, threads: number): void {
  const { inPlace, name } = chosenProvider();
  if (inPlace || threads <= 1) return;
  throw new ConfigError(
    `${what} ${threads}: a device has one rank, and ${name} gets all its work from one thread`,
    'leave it out; with --device cpu, each core can have a thread',
  );
}
