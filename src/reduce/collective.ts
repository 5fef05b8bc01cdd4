/** Sums that the message-passing library of a job makes itself, in an order of its own, instead of frames along the tree. */

/** All processes of a job, which only add up together. */
export interface Collective {
  /** Of this process, from 0. */
  readonly rank: number;
  readonly size: number;
  /**
   * Adds up the numbers of all processes, each of which has to call it.
   *
   * @param own of this process, which stay as they are; they may be those at `total`, whose place the sum takes
   * @param total where the sum is to be
   * @param signal ends the wait, which then rejects with its reason: the numbers belong to the library still, and nothing can be added up
   *   any more
   */
  add(own: Float32Array, total: Float32Array, signal: AbortSignal): Promise<void>;
}
