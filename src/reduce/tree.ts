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

/** How ranks come to sums: first each by itself, then all together. */
interface SumPlan {
  /** What each rank does by itself, in order, touching its own slots only. */
  readonly steps: readonly (readonly RankStep[])[];
  /** What every rank then does on its own slice of the slots, once all ranks have finished their steps. */
  readonly final: readonly Addition[];
  /** Number of slots in use; a slot is one gradient slab. */
  readonly slots: number;
}

export interface ReductionPlan extends SumPlan {
  /** The slot that holds the total after `final`; the first where nothing is added up. */
  readonly total: number;
}

export interface NodePlan extends SumPlan {
  /** The slots that hold the sums after `final`. */
  readonly nodes: readonly NodeSum[];
}

/** A node, and the slot that holds its sum. */
export interface NodeSum extends TreeNode {
  readonly slot: number;
}

/** A slot that holds the sum of the shards [low, high), on its way to the sum of `node`. */
interface PartialSum extends NodeSum {
  readonly node: TreeNode;
}

/**
 * The plan of a whole step.
 *
 * @param shards S, the shards that hold examples in this step
 * @param ranks R, the threads that share the work; some have none when R > S
 */
export function reductionPlan(shards: number, ranks: number): ReductionPlan {
  const { nodes, ...plan } = nodePlan([{ low: 0, high: shards }], shards, ranks);
  return { ...plan, total: nodes[0]?.slot ?? 0 };
}

/**
 * The plan of some nodes of a step's tree. Of all their n shards in the order of the nodes, rank r computes those from
 * floor(r n / R) to floor((r + 1) n / R), and adds two neighbours as soon as both sides of an edge of the tree are
 * complete, so that it holds few slots at a time: in one node, at most about log2 of its number of shards where its range
 * is aligned, twice that where it is not. It never takes more than n slots.
 *
 * @param ranges disjoint; one that is no node of the tree comes out as several sums, see treeNodes
 * @param shards the shards that hold examples in this step
 * @param ranks R, the threads that share the work
 */
export function nodePlan(ranges: readonly TreeNode[], shards: number, ranks: number): NodePlan {
  const nodes = ranges.flatMap(({ low, high }) => treeNodes(low, high, shards));
  const leaves = nodes.flatMap((node) =>
    Array.from({ length: node.high - node.low }, (_, i) => ({ shard: node.low + i, node })),
  );
  const steps: RankStep[][] = [];
  const partials: PartialSum[] = [];
  let slots = 0;
  for (let rank = 0; rank < ranks; rank++) {
    const from = Math.floor((rank * leaves.length) / ranks);
    const to = Math.floor(((rank + 1) * leaves.length) / ranks);
    const own: RankStep[] = [];
    const pending: PartialSum[] = [];
    const firstSlot = slots;
    for (const { shard, node } of leaves.slice(from, to)) {
      const slot = firstSlot + pending.length;
      slots = Math.max(slots, slot + 1);
      own.push({ compute: shard, into: slot });
      own.push(...fold(pending, { low: shard, high: shard + 1, slot, node }, shards));
    }
    steps.push(own);
    partials.push(...pending);
  }
  const pending: PartialSum[] = [];
  const final = partials.flatMap((partial) => fold(pending, partial, shards));
  return { steps, final, slots, nodes: pending.map(({ low, high, slot }) => ({ low, high, slot })) };
}

/**
 * The fewest nodes of the tree that make up the shards [low, high), in their order: the sum of a range that is no node is
 * not defined by the tree.
 *
 * @param shards the shards that hold examples in this step
 */
export function treeNodes(low: number, high: number, shards: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let start = low; start < high; start = nodes[nodes.length - 1].high) {
    let size = 1;
    const fits = (wanted: number) => start % wanted === 0 && Math.min(start + wanted, shards) <= high;
    while (start + size < shards && fits(2 * size)) size *= 2;
    nodes.push({ low: start, high: Math.min(start + size, shards) });
  }
  return nodes;
}

/** Puts `next` on the stack of sums to its left, and adds the top two together while its node has an edge for it. */
function fold(pending: PartialSum[], next: PartialSum, shards: number): Addition[] {
  const additions: Addition[] = [];
  pending.push(next);
  while (pending.length > 1) {
    const [left, right] = pending.slice(-2);
    if (left.node !== right.node || !areSiblings(left, right, shards)) break;
    pending.splice(-2, 2, { ...left, high: right.high });
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
