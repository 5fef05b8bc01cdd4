/** Which sums are left when as many as possible of a list are added up along the edges of the tree. */
import { areSiblings, type TreeNode } from './tree.js';

/**
 * @param nodes nodes of the tree that do not overlap, in any order
 * @param shards shards that hold examples in this step
 * @returns the nodes whose sums are left, in order; the one node [0, shards) if the list covers every shard
 */
export function foldNodes(nodes: readonly TreeNode[], shards: number): TreeNode[] {
  const folded: TreeNode[] = [];
  for (const { low, high } of nodes.toSorted((a, b) => a.low - b.low)) {
    folded.push({ low, high });
    while (folded.length > 1) {
      const [left, right] = folded.slice(-2);
      if (!areSiblings(left, right, shards)) break;
      folded.splice(-2, 2, { low: left.low, high: right.high });
    }
  }
  return folded;
}
