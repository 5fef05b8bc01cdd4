/** Whether an answer is one to what was asked: what a hostile or broken worker sends must not reach the run's arrays. */
import { WireError } from '../../src/errors.js';
import { type Computed, type ComputeTask, leavesOf, lossesEach } from '../../src/pool/round-worker.js';

const refuse = (problem: string): never => {
  throw new WireError(`computed: ${problem}`, 'this worker is dropped');
};

/** @throws WireError unless it has a loss and a divisor for every shard of the task, and no rows but of the task's places */
export function checkComputed(task: ComputeTask, round: number, { nodes, losses, divisors, used }: Computed): void {
  if (round !== task.round) refuse(`of round ${round}, and round ${task.round} was asked for`);
  const fits = nodes.length === task.nodes.length && nodes.every((node, i) => isSame(node, task.nodes[i]));
  if (!fits) refuse('of other shards than it was asked for');
  const shards = leavesOf(nodes);
  const wanted = shards * lossesEach(task);
  if (losses.length !== wanted) refuse(`${losses.length} losses of ${shards} shards`);
  if (divisors.length !== wanted) refuse(`${divisors.length} divisors of ${shards} shards`);
  const places = new Map(task.rows.map(({ start, rows }) => [start, rows.length]));
  for (const { start, rows } of used) {
    if (places.get(start) !== rows.length) refuse(`${rows.length} rows at place ${start}, which were not asked for`);
    places.delete(start);
  }
}

type Node = ComputeTask['nodes'][number];

const isSame = (a: Node, b: Node): boolean => a.low === b.low && a.high === b.high;
