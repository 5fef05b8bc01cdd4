/** A worker's copy of the run: pool, parameters and examples, made from the job and from the data. */

import type { Examples } from '../src/data/examples.js';
import { evaluationBatchCount } from '../src/data/geometry.js';
import { missingFloat16 } from '../src/engine/onnx/check-device.js';
import { isScaled } from '../src/engine/onnx/names.js';
import { modelsOf } from '../src/engine/onnx/step-loop.js';
import { EngineError, WireError } from '../src/errors.js';
import { RunMetrics } from '../src/evaluate/run-metrics.js';
import { elements } from '../src/ground/elements.js';
import { memoryLimit } from '../src/ground/memory.js';
import { bytesText } from '../src/ground/units.js';
import { createOptimizer } from '../src/optimizer/create-optimizer.js';
import { replicaSlots } from '../src/optimizer/replica-slots.js';
import { averageMomentum } from '../src/optimizer/weight-average.js';
import type { Member } from '../src/pool/member.js';
import { ThreadPool } from '../src/pool/pool.js';
import { becomeMember, type MemberAllReduce } from '../src/pool/world-member.js';
import type { Landings } from '../src/reduce/landings.js';
import type { ParameterExchange } from '../src/reduce/parameter-exchange.js';
import type { SlabParts } from '../src/reduce/slab-frame.js';
import type { Job } from '../src/wire/job.js';
import type { Fetch } from '../src/wire/messages.js';
import { mpiCollective } from '../src/wire/mpi/mpi-collective.js';
import { packedRowBytes } from '../src/wire/rows-blob.js';
import { type ReplicaState, stateIn } from '../src/wire/state-blob.js';

export interface Replica {
  readonly job: Job;
  readonly pool: ThreadPool;
  readonly allReduce: MemberAllReduce;
  readonly member: Member;
  readonly parameters: ParameterExchange;
  readonly landings: Landings;
}

export interface ReplicaOptions {
  readonly id: number;
  readonly name: string;
  readonly threads: number;
  /** Rows of `examples`, where they come step by step. */
  readonly rowCache: { readonly capacity: number } | undefined;
  readonly send: (to: number, frame: SlabParts) => void;
  readonly refused: (from: number, error: WireError) => void;
}

/** Batches that the coordinator may have in flight to each thread while it validates. */
const batchesInFlight = 4;

/** Rows that the row cache holds: those of two whole rounds, because all others may be lost, and of batches under evaluation. */
export function rowCacheCapacity({ geometry, local, examples }: Job, threads: number): number {
  const evaluated = batchesInFlight * threads * geometry.evaluationBatch;
  return Math.min(examples.count, 2 * geometry.batchSize * (local?.steps ?? 1) + evaluated);
}

/**
 * Whether there is memory for a job: its sizes are the coordinator's word, and a machine that swaps is lost to its owner.
 * What graphs need between their subgraphs is not known before they run.
 * @throws EngineError when this machine has not as much as the job takes at least
 */
export function checkMemory(job: Job, threads: number, memory = memoryLimit()): void {
  const { engine, geometry, local, examples, metrics, optimizer, largestEvaluation, placement, optimizerState } = job;
  const [{ layout }] = engine.models;
  const { workspace = 0 } = createOptimizer(local?.optimizer ?? optimizer, layout);
  const optimizers = local && local.warmUpSteps > 0 ? [optimizer, local.optimizer] : [optimizer];
  const run = optimizerState === 'sharded' ? [] : optimizers.flatMap((each) => createOptimizer(each, layout).slots);
  // Of one replica at least there is what it keeps, as before a round and as after it.
  const kept = local ? replicaSlots(local, layout) : [];
  const slots = [...run, ...kept, ...kept];
  const state = slots.reduce((sum, { length }) => sum + length, local ? layout.length + layout.state : 0);
  const evaluated = averageMomentum(optimizer) === undefined ? 0 : layout.length;
  const slabs = 4 * (layout.length + evaluated + state + threads * workspace + (1 + threads) * layout.state);
  const graphs = engine.models.flatMap(({ gradients, evaluations }) => [
    ...gradients.values(),
    ...evaluations.values(),
  ]);
  const tensors = graphs.map(({ written, noise }) =>
    [...written, ...noise].reduce((sum, { shape }) => sum + 4 * elements(shape), 0),
  );
  // Each thread has sessions of its own, and they keep the graphs' constants.
  const constants = graphs.flatMap(({ subgraphs }) => subgraphs.flatMap(modelsOf).map(({ length }) => length));
  const places = 8 * (Math.max(geometry.training, largestEvaluation) + geometry.training + geometry.stepsPerEpoch);
  const measured = new RunMetrics(metrics);
  const table =
    8 * evaluationBatchCount(geometry, largestEvaluation) * measured.width + 4 * largestEvaluation * measured.kept;
  const cached = placement === 'stream' ? rowCacheCapacity(job, threads) * packedRowBytes(examples) : 0;
  const sums = 8 * (measured.width + measured.counts);
  const held = constants.reduce((sum, length) => sum + length, sums);
  const bytes = slabs + threads * (Math.max(0, ...tensors) + held) + places + table + cached;
  if (bytes <= memory) return;
  throw new EngineError(
    `the job takes ${bytesText(bytes)} at least with ${threads} ${threads === 1 ? 'thread' : 'threads'}, and there are ${bytesText(memory)}`,
    'start the worker with fewer threads, or on a larger machine',
  );
}

/** @throws EngineError when the job computes in float16, and the chosen device has none */
function checkFloat16({ engine }: Job): void {
  const graphs = engine.models.flatMap(({ gradients }) => [...gradients.values()]);
  const problem = graphs.some(isScaled) ? missingFloat16() : undefined;
  if (problem === undefined) return;
  throw new EngineError(problem, 'start the worker with --device cpu, or where card and driver have it');
}

/** What the coordinator sends of its state to begin with: shares of the optimizer's follow where it is sharded. */
export const stateOf = ({ job, pool }: Pick<Replica, 'job' | 'pool'>): ReplicaState =>
  job.optimizerState === 'sharded' ? { parameters: pool.parameters, slots: [] } : pool;

/** The optimizer state of a replica that this worker computes. @throws WireError when there is none */
export function replicaStateOf(
  { pool: { replicas } }: Pick<Replica, 'pool'>,
  replica: number | undefined,
): ReplicaState {
  if (!replicas || replica === undefined || replica >= replicas.count)
    throw new WireError(`replica ${replica ?? 'of no number'}: there is none`, 'both sides need the same job');
  return { parameters: new Float32Array(0), slots: replicas.of(replica) };
}

/** What the coordinator asks for. @throws WireError when it is the state of a replica, and there is none */
export function stateAskedFor(
  own: Pick<Replica, 'pool'>,
  { replica, range }: Pick<Fetch, 'replica' | 'range'>,
): ReplicaState {
  if (replica !== undefined) return replicaStateOf(own, replica);
  return range ? stateIn(own.pool, range) : own.pool;
}

/** @throws EngineError when the job does not fit into memory, the device has not what it takes, or the engine does not load */
export async function startReplica(job: Job, examples: Examples, options: ReplicaOptions): Promise<Replica> {
  const { id, name, threads, rowCache, send, refused } = options;
  checkMemory(job, threads);
  checkFloat16(job);
  const { engine, geometry, optimizer, local, compression, augment, metrics, seed, largestEvaluation } = job;
  const [{ layout }] = engine.models;
  const pool = await ThreadPool.start(
    {
      use: 'rounds',
      engine,
      layout,
      examples,
      augment,
      geometry,
      optimizer,
      local,
      compression,
      metrics,
      seed,
      threads,
      largestEvaluation,
      rowCache,
      sharded: job.optimizerState === 'sharded',
    },
    // The coordinator's come before the first step.
    new Float32Array(layout.length),
  );
  return { job, pool, ...becomeMember(pool, { id, name, send, collective: mpiCollective, refused }) };
}
