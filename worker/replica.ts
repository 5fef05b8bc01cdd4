/** A worker's copy of the run: pool, parameters and examples, made from the job and from the data. */
import type { Examples } from '../src/data/examples.js';
import type { WireError } from '../src/errors.js';
import { becomeMember } from '../src/pool/exchanging.js';
import type { Member } from '../src/pool/member.js';
import { ThreadPool } from '../src/pool/pool.js';
import type { Exchange } from '../src/reduce/exchange.js';
import { SCRATCH_FLOATS } from '../src/reduce/workbench.js';
import type { Job } from '../src/wire/job.js';

export interface Replica {
  readonly job: Job;
  readonly pool: ThreadPool;
  readonly exchange: Exchange;
  readonly member: Member;
}

export interface ReplicaOptions {
  readonly id: number;
  readonly name: string;
  readonly threads: number;
  /** Rows of `examples`, where they come step by step. */
  readonly staged: { readonly capacity: number } | undefined;
  readonly send: (to: number, frame: Buffer) => void;
  readonly refused: (from: number, error: WireError) => void;
}

/** Batches that the coordinator may have in flight to each thread while it validates. */
const batchesInFlight = 4;

/** Rows that are staged at most: those of two whole steps, because all others may be lost, and of batches under evaluation. */
export function stageCapacity({ geometry, examples }: Job, threads: number): number {
  const evaluated = batchesInFlight * threads * geometry.evaluationBatch;
  return Math.min(examples.count, 2 * geometry.batchSize + evaluated);
}

/** @throws EngineError when the job does not fit into memory or the engine does not load */
export async function startReplica(job: Job, examples: Examples, options: ReplicaOptions): Promise<Replica> {
  const { id, name, threads, staged, send, refused } = options;
  const { engine, geometry, optimizer, augment, metrics, seed, largestEvaluation } = job;
  const { layout } = engine.model;
  const pool = await ThreadPool.start(
    {
      ...{ engine, layout, examples, augment, geometry, optimizer, metrics, seed, threads, largestEvaluation },
      ...{ rounds: true, scratchFloats: SCRATCH_FLOATS, staged, schedule: { constant: { warmupSteps: 0 } } },
    },
    // The coordinator's come before the first step.
    new Float32Array(layout.length),
  );
  return { job, pool, ...becomeMember(pool, { id, name, send, refused }) };
}
