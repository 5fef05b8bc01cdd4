/** What happens while a round waits. */
import type { Computed, TotalSquares, Worker } from '../../src/pool/round-worker.js';
import type { TreeNode } from '../../src/reduce/tree.js';

export type RoundEvent =
  | {
      /** A worker holds the sums of these nodes. */
      readonly kind: 'computed';
      readonly worker: Worker;
      readonly nodes: readonly TreeNode[];
      readonly computed: Computed;
    }
  /** A worker holds the total. */
  | { readonly kind: 'reduced'; readonly worker: Worker; readonly attempt: number; readonly total: TotalSquares }
  /** An attempt to come to the total has failed on a worker. */
  | { readonly kind: 'broken'; readonly worker: Worker; readonly attempt: number; readonly error: unknown }
  | { readonly kind: 'lost'; readonly worker: Worker }
  /** The coordinator cannot go on. */
  | { readonly kind: 'failed'; readonly error: unknown };
