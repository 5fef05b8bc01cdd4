/** What a cost model learns from: one measured run. */

export interface Observation {
  readonly workers: number;
  /** How sums met: in the memory that threads share, or over sockets. */
  readonly reduction: 'threads' | 'star' | 'butterfly';
  /** Whether the coordinator computed too, or was one process more. */
  readonly coordinatorComputes: boolean;
  /** Examples of a step, all workers together. */
  readonly batchSize: number;
  /** Shards of a step; as many as workers without it. Each costs a copy of the gradient. */
  readonly shards?: number;
  /** Bytes of the gradient slab. */
  readonly bytes: number;
  /** Cores of the machine, which all workers share. */
  readonly cores: number;
  /** Where links were limited: bytes a second each way of every process's link, the coordinator's too, and seconds one way. */
  readonly bandwidth?: number;
  readonly latency?: number;
  /** Medians over the steps, in milliseconds; all but `step` are means over the workers. */
  readonly step: number;
  /** Gathering, copying and computing. */
  readonly compute: number;
  /** Adding up threads' sums, or exchanging them over sockets. */
  readonly exchange: number;
  readonly update: number;
  /** Waiting for others. */
  readonly wait: number;
}
