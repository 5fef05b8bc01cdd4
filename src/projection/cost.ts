/** What a step costs, as far as measured runs tell: times in seconds, sizes in bytes. */

export interface Costs {
  /** Of each shard, whatever its size: dispatch, copies of parameters and gradients. */
  readonly shard: number;
  readonly example: number;
  /** How much longer computing takes when all cores of a host compute: 0.1 is a tenth. */
  readonly contention: number;
  /** Of applying the optimizer, per byte of parameters. */
  readonly update: number;
  /** Of adding up in memory, per byte added. */
  readonly memory: number;
  /** Of a step between threads, whatever its size. */
  readonly barrier: number;
  /** Processor time of a message, at either end. */
  readonly message: number;
  /** Between the two ends of a message, besides the network: until whom it is for wakes up. */
  readonly wake: number;
  /** Processor time of a byte that is sent, at either end: packing, copying, checking, adding. */
  readonly byte: number;
}

export type CostName = keyof Costs;

export interface CostModel {
  readonly costs: Costs;
  /** Coefficient of variation of computing times, and whether it was measured. */
  readonly spread: number;
  readonly spreadMeasured: boolean;
  /** Costs that the observations do not show: they are assumed. */
  readonly assumed: readonly CostName[];
  /** Of the machine that was measured. */
  readonly cores: number;
  /** Bytes of the gradient slab. */
  readonly bytes: number;
  /** Examples of a worker and of a step in the smallest run measured. */
  readonly batch: { readonly worker: number; readonly step: number };
  /** How many runs it was fitted to. */
  readonly observations: number;
}
