/** What another machine asks a pool to compute, checked before threads read memory by it. */
import { batchOf, shardOf } from '../data/shards.js';
import { WireError } from '../errors.js';
import { type TreeNode, treeNodes } from '../reduce/tree.js';
import { activeShards, type PoolOptions } from './spec.js';
import type { ComputeTask, EvaluationBatch } from './worker.js';

type Described = Pick<PoolOptions, 'geometry' | 'examples' | 'largestEvaluation'>;

const remedy = 'use the same version of Lockstep on both sides';

/** @throws WireError unless the nodes are apart, nodes of the step's tree, and come with exactly their rows */
export function checkTask(options: Described, { round, epoch, step, nodes, rows }: ComputeTask): void {
  const { geometry } = options;
  if (step >= geometry.stepsPerEpoch || round !== epoch * geometry.stepsPerEpoch + step) {
    throw new WireError(`round ${round} is not step ${step} of epoch ${epoch}`, remedy);
  }
  const shards = activeShards(geometry, step);
  const given = new Map<number, number>();
  for (const { start, rows: examples } of rows) {
    checkExamples(options, examples);
    for (let i = 0; i < examples.length; i++) given.set(start + i, examples[i]);
  }
  let expected = 0;
  nodes.forEach((node, i) => {
    const isNode = node.high <= shards && treeNodes(node.low, node.high, shards).length === 1;
    const meets = ({ low, high }: TreeNode) => low < node.high && node.low < high;
    const name = `shards [${node.low}, ${node.high})`;
    if (!isNode || nodes.slice(0, i).some(meets)) {
      throw new WireError(`${name} are no node of the tree over ${shards}, or come twice`, remedy);
    }
    const [first, last] = placesOf(geometry, step, node);
    for (let place = first; place < last; place++) {
      if (!given.has(place)) throw new WireError(`not all rows of ${name} came with the task`, remedy);
    }
    expected += last - first;
  });
  if (given.size > expected) throw new WireError('a task came with rows of shards that are not in it', remedy);
}

/** @throws WireError unless the batches fit where a split of the data set does */
export function checkBatches(options: Described, batches: readonly EvaluationBatch[]): void {
  const { evaluationBatch } = options.geometry;
  for (const { batch, rows } of batches) {
    checkExamples(options, rows);
    if (rows.length > 0 && rows.length <= evaluationBatch) continue;
    throw new WireError(`evaluation batch ${batch} has ${rows.length} examples, not 1 to ${evaluationBatch}`, remedy);
  }
  const most = Math.ceil(options.largestEvaluation / evaluationBatch);
  if (batches.length <= most) return;
  throw new WireError(`${batches.length} evaluation batches came, and no split has more than ${most}`, remedy);
}

function checkExamples({ examples: { count } }: Described, rows: Int32Array): void {
  const wrong = rows.find((row) => row < 0 || row >= count);
  if (wrong !== undefined) throw new WireError(`example ${wrong} is none of the ${count} of the data set`, remedy);
}

/** Places in the epoch's order of a node's examples: from, and up to. */
function placesOf({ training, batchSize, shards }: PoolOptions['geometry'], step: number, node: TreeNode): number[] {
  const batch = batchOf(step, training, batchSize);
  const [first, last] = [node.low, node.high - 1].map((shard) => shardOf(batch.count, batchSize / shards, shard));
  return [batch.start + first.start, batch.start + last.start + last.count];
}
