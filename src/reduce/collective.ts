/** Sums that the message-passing library of a job makes itself, in an order of its own, instead of frames along the tree. */

/** All processes of a job, which only add up together. */
export interface Collective {
  /** Of this process, from 0. */
  readonly rank: number;
  readonly size: number;
  /**
   * Replaces numbers by their sum over all processes, each of which has to call it.
   *
   * @param signal ends the wait, which then rejects with its reason: the numbers belong to the library still, and nothing can be added up
   *   any more
   */
  add(numbers: Float32Array, signal: AbortSignal): Promise<void>;
}
