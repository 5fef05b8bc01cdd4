/** How much memory this process may have, and the check of what files and configs declare before any of it is allocated. */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { LockstepError } from '../errors.js';
import { bytesText } from './units.js';

let limit: number | undefined;

/**
 * Bytes that this process can have at most: what the machine has, what its container or control group is given, and what
 * `ulimit -v` leaves of addresses.
 */
export function memoryLimit(): number {
  limit ??= Math.min(totalmem(), containerLimit(), addressLimit());
  return limit;
}

function containerLimit(): number {
  const bytes = process.constrainedMemory?.() ?? 0;
  return bytes > 0 ? bytes : Number.POSITIVE_INFINITY;
}

/** Soft limit of addresses; Linux alone tells. */
function addressLimit(): number {
  try {
    const [, bytes] = /^Max address space +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return bytes === undefined ? Number.POSITIVE_INFINITY : Number(bytes);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Refuses what cannot be held, by what is declared.
 *
 * @param what who declares it, e.g. `x.npy: its header announces 4 x 10 numbers`
 * @param bytes that would be allocated
 * @throws Failure when the process cannot have as much
 */
export function requireMemory(
  what: string,
  bytes: number,
  Failure: new (problem: string, remedy: string) => LockstepError,
  remedy: string,
  available = memoryLimit(),
): void {
  if (bytes <= available) return;
  throw new Failure(
    `${what}, which takes ${bytesText(bytes)} of memory, and there are ${bytesText(available)}`,
    remedy,
  );
}
