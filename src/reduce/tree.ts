/**
 * The one order in which the shards of a step are added up, as a program that threads execute.
 *
 * Sums follow a binary tree over the shard index, whose nodes are the aligned ranges [k 2^j, (k + 1) 2^j), cut off at
 * the number of shards; a node with one child is that child. The tree depends on nothing else, so whoever computes a
 * shard, the total has the same bits. Cut off at fewer shards it keeps its shape: a last, smaller batch uses the same tree.
 */

/** A node of the tree, or any other range whose sum is held as one: the shards [low, high). */
export interface TreeNode {
  readonly low: number;
  readonly high: number;
}

/** Adds slot `add` to slot `to`. */
export interface Addition {
  readonly add: number;
  readonly to: number;
}

/** One thing that a rank does by itself: compute a shard's gradient into a slot (overwriting it), or add two slots. */
export type RankStep = { readonly compute: number; readonly into: number } | Addition;

export interface ReductionPlan {
  /** What each rank does by itself, in order, touching its own slots only. */
  readonly steps: readonly (readonly RankStep[])[];
  /** What every rank then does on its own slice of the slots, once all ranks have finished their steps. */
  readonly final: readonly Addition[];
  /** Number of slots in use; a slot is one gradient slab. */
  readonly slots: number;
  /** The slot that holds the total after `final`. */
  readonly total: number;
}

/** A slot that holds the sum of the shards [low, high). */
interface Partial {
  readonly low: number;
  readonly high: number;
  readonly slot: number;
}

/**
 * Rank r computes the shards [floor(r S / R), floor((r + 1) S / R)) in order, and adds two neighbours as soon as both
 * sides of an edge of the tree are complete, so that it holds few slots at a time: at most about log2 of its number of
 * shards where its range is aligned, twice that where it is not.
 *
 * @param shards S, the shards that hold examples in this step
 * @param ranks R, the threads that share the work; some have none when R > S
 */
export function reductionPlan(shards: number, ranks: number): ReductionPlan {
  const steps: RankStep[][] = [];
  const partials: Partial[] = [];
  let slots = 0;
  for (let rank = 0; rank < ranks; rank++) {
    const from = Math.floor((rank * shards) / ranks);
    const to = Math.floor(((rank + 1) * shards) / ranks);
    const own: RankStep[] = [];
    const pending: Partial[] = [];
    const firstSlot = slots;
    for (let shard = from; shard < to; shard++) {
      const slot = firstSlot + pending.length;
      slots = Math.max(slots, slot + 1);
      own.push({ compute: shard, into: slot });
      own.push(...fold(pending, { low: shard, high: shard + 1, slot }, shards));
    }
    steps.push(own);
    partials.push(...pending);
  }
  const pending: Partial[] = [];
  const final = partials.flatMap((partial) => fold(pending, partial, shards));
  return { steps, final, slots, total: pending[0].slot };
}

/** Puts `next` on the stack of sums to its left, and adds the top two together while the tree has an edge for it. */
function fold(pending: Partial[], next: Partial, shards: number): Addition[] {
  const additions: Addition[] = [];
  pending.push(next);
  while (pending.length > 1) {
    const [left, right] = pending.slice(-2);
    if (!areSiblings(left, right, shards)) break;
    pending.splice(-2, 2, { low: left.low, high: right.high, slot: left.slot });
    additions.push({ add: right.slot, to: left.slot });
  }
  return additions;
}

/**
 * Whether two ranges are the two sides of an edge of the tree. Each boundary between shards splits exactly one node in
 * two; the lowest set bit of the boundary is half its size.
 */
export function areSiblings(left: TreeNode, right: TreeNode, shards: number): boolean {
  const boundary = right.low;
  const half = boundary & -boundary;
  return left.high === boundary && left.low === boundary - half && right.high === Math.min(boundary + half, shards);
}
