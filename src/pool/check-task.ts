/** What another machine asks a pool to compute, checked before threads read memory by it. */
import { activeShards, evaluationBatchCount, type Geometry, roundOf, shardsOf } from '../data/geometry.js';
import { type LocalRounds, replicaRows } from '../data/local-rounds.js';
import { WireError } from '../errors.js';
import { type TreeNode, treeNodes } from '../reduce/tree.js';
import type { RoundOptions } from './pool-options.js';
import { type ComputeTask, type EvaluationBatch, lossesEach } from './round-worker.js';

type Described = Pick<RoundOptions, 'engine' | 'geometry' | 'examples' | 'largestEvaluation' | 'local'>;

type ShardRange = readonly [number, number];

const remedy = 'use the same version of Lockstep on both sides';

/** @throws WireError unless the nodes are apart, nodes of the step's tree, and come with exactly their rows */
export function checkTask(options: Described, task: ComputeTask): void {
  const { step, bucket, nodes, rows } = task;
  const { geometry } = options;
  const local = roundsOf(options, task);
  checkBucket(options, bucket);
  checkSteps(options, task);
  const shards = local ? local.replicas : activeShards(geometry, step);
  nodes.forEach((node, i) => {
    const isNode = node.high <= shards && treeNodes(node.low, node.high, shards).length === 1;
    const meets = ({ low, high }: TreeNode) => low < node.high && node.low < high;
    if (isNode && !nodes.slice(0, i).some(meets)) return;
    throw new WireError(
      `shards [${node.low}, ${node.high}) are no node of the tree over ${shards}, or come twice`,
      remedy,
    );
  });
  for (const { rows: examples } of rows) checkExamples(options, examples);
  const given = joined(rows.map(({ start, rows: examples }) => [start, start + examples.length]));
  const places = Array.from({ length: lossesEach(task) }, (_, i) =>
    nodes.map((node) => placesOf(geometry, local, step + i, node)),
  );
  const wanted = joined(places.flat().filter(([from, to]) => from < to));
  if (given === wanted) return;
  throw new WireError(`rows of the places ${given} of the epoch came with a task over the places ${wanted}`, remedy);
}

/** How replicas take the steps of the round; undefined where all take one in step. */
const roundsOf = ({ local }: Described, { round }: ComputeTask): LocalRounds | undefined =>
  local && round >= local.warmUpSteps ? local : undefined;

/** @throws WireError unless the round is where its steps are, and has as many as a round of the job may have */
function checkSteps(options: Described, task: ComputeTask): void {
  const { round, epoch, step, local } = task;
  const { geometry } = options;
  const rounds = roundsOf(options, task);
  for (const { bucket } of local) checkBucket(options, bucket);
  const least = rounds ? 1 : 0;
  const most = rounds ? rounds.steps : 0;
  if (local.length < least || local.length > most) {
    throw new WireError(`a round of ${local.length} local steps came, where ${least} to ${most} belong`, remedy);
  }
  checkStreaming(rounds, task);
  const last = step + Math.max(0, local.length - 1) + (task.later ?? 0);
  if (last < geometry.stepsPerEpoch && round === roundOf(geometry, epoch, last)) return;
  throw new WireError(`round ${round} is not step ${last} of epoch ${epoch}`, remedy);
}

/** @throws WireError where steps are taken beside an exchange, or a part is exchanged, of which the job knows nothing */
function checkStreaming(rounds: LocalRounds | undefined, { later = 0, continues, part }: ComputeTask): void {
  const { overlap = 0, parts = 0 } = rounds ?? {};
  if (later <= overlap && (!continues || overlap > 0) && (part === undefined || part < parts)) return;
  throw new WireError('a task came with steps, or a part, that the rounds of the job do not have', remedy);
}

/** @throws WireError unless the batches fit where a split of the data set does */
export function checkBatches(options: Described, batches: readonly EvaluationBatch[]): void {
  const { evaluationBatch } = options.geometry;
  for (const { batch, bucket, rows } of batches) {
    checkBucket(options, bucket);
    checkExamples(options, rows);
    if (rows.length > 0 && rows.length <= evaluationBatch) continue;
    throw new WireError(`evaluation batch ${batch} has ${rows.length} examples, not 1 to ${evaluationBatch}`, remedy);
  }
  const most = evaluationBatchCount(options.geometry, options.largestEvaluation);
  if (batches.length <= most) return;
  throw new WireError(`${batches.length} evaluation batches came, and no split has more than ${most}`, remedy);
}

function checkBucket({ engine }: Described, bucket: number): void {
  const { length } = engine.kind === 'onnx' ? engine.models : engine.steps;
  if (bucket < length) return;
  throw new WireError(`bucket ${bucket} of sequences is none of the ${length} of the job`, remedy);
}

function checkExamples({ examples: { count } }: Described, rows: Int32Array): void {
  const wrong = rows.find((row) => row < 0 || row >= count);
  if (wrong !== undefined) throw new WireError(`example ${wrong} is none of the ${count} of the data set`, remedy);
}

/** Ranges of places, neighbours made one, for people to read. */
function joined(ranges: readonly ShardRange[]): string {
  const merged: [number, number][] = [];
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last?.[1] === from) last[1] = to;
    else merged.push([from, to]);
  }
  return merged.map(([from, to]) => `${from} to ${to - 1}`).join(', ');
}

/** Places in the epoch's order of a node's examples: from, and up to. */
function placesOf(geometry: Geometry, local: LocalRounds | undefined, step: number, node: TreeNode): ShardRange {
  const { start, count } = local
    ? replicaRows(geometry, local, step, node)
    : shardsOf(geometry, step, node.low, node.high);
  return [start, start + count];
}
