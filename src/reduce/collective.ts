/** Sums that the message-passing library of a job makes itself, in an order of its own, instead of frames along the tree. */

import type { UpdateKernels } from '../kernels/load-kernels.js';

/** What is added up, in a memory that threads share. */
export interface CollectiveSum {
  readonly memory: WebAssembly.Memory;
  readonly kernels: UpdateKernels;
  /** Byte offset, a multiple of 64, of the numbers of this process, whose place the sum takes. */
  readonly place: number;
  /** Numbers. */
  readonly count: number;
  /** How many of them, from the first, are the gradient: a multiple of 16. */
  readonly trainable: number;
}

/** All processes of a job, which only add up together. */
export interface Collective {
  /** Of this process, from 0. */
  readonly rank: number;
  readonly size: number;
  /**
   * Adds up the numbers of all processes, each of which has to call it.
   *
   * @param signal ends the wait, which then rejects with its reason: the numbers belong to the library still, and nothing can be added up
   *   any more
   * @returns the sum of squares of the gradient, in the order of norm.ts
   */
  add(sum: CollectiveSum, signal: AbortSignal): Promise<number>;
}
