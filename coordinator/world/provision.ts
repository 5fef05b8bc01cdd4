/** What a newcomer is sent before it takes part: the job, the data, and the parameters. */
import type { ClusterConfig } from '../../src/config/cluster.js';
import { examplesFingerprint } from '../../src/data/fingerprint.js';
import { metaOf, packExamples } from '../../src/data/packed.js';
import { RefusedError } from '../../src/errors.js';
import { sha256 } from '../../src/ground/checksum.js';
import type { TrainingOptions } from '../../src/pool/pool-options.js';
import type { Reporter } from '../../src/report/events.js';
import { type BlobSource, bytesSource } from '../../src/wire/blob.js';
import type { Job } from '../../src/wire/job.js';
import { encodeJob } from '../../src/wire/job-codec.js';
import type { Hello } from '../../src/wire/messages.js';
import { encodeRows } from '../../src/wire/rows-blob.js';
import { type ReplicaState, stateSource } from '../../src/wire/state-blob.js';
import { localOptions } from './outer-step.js';
import type { RemoteWorker } from './remote.js';
import type { OuterStep } from './round-plan.js';

type Placement = Job['placement'];

interface Blob {
  readonly source: BlobSource;
  readonly sha256: string;
}

/** Job and data, packed for the way. */
export interface Supplies {
  readonly examples: TrainingOptions['examples'];
  readonly data: Blob;
  readonly placement: Placement;
  readonly job: Blob;
  /** For a worker that reads a copy of its own, wherever the others have theirs from. */
  readonly localJob: Blob;
}

/** Data sets up to this size are sent to every worker as a whole. */
const replicatedBytes = 2 ** 31;

/**
 * @param ledger whether workers tell which rows they read
 * @throws ConfigError when the run's engine cannot be sent to workers
 */
export async function packSupplies(
  options: TrainingOptions,
  config: ClusterConfig,
  outer: OuterStep | undefined,
  ledger: boolean,
): Promise<Supplies> {
  const { engine, geometry, augment, metrics, seed, largestEvaluation, examples, buckets } = options;
  const data = packExamples(examples);
  const placement = placementOf(config, data.length);
  const packed = (where: Placement): Blob => {
    const bytes = encodeJob({
      engine,
      geometry,
      optimizer: outer?.optimizer ?? options.optimizer,
      local: localOptions(options, outer),
      augment,
      metrics,
      seed,
      largestEvaluation,
      examples: metaOf(examples),
      buckets: buckets?.places ?? [],
      precision: config.precision,
      compression: config.compression?.powerSgd,
      placement: where,
      optimizerState: config.optimizerState,
      ledger,
    });
    return { source: bytesSource(bytes), sha256: sha256(bytes) };
  };
  const [job, localJob] = [packed(placement), packed('local')];
  const fingerprint = await examplesFingerprint(examples);
  return { examples, data: { source: data, sha256: fingerprint }, placement, job, localJob };
}

function placementOf({ placement }: ClusterConfig, bytes: number): Placement {
  if (placement !== 'auto') return placement;
  return bytes <= replicatedBytes ? 'replicate' : 'stream';
}

export class Provision {
  readonly #supplies: Supplies;
  readonly #state: ReplicaState;
  readonly #report: Reporter;

  /** @param state the coordinator's parameters and slots */
  constructor(supplies: Supplies, state: ReplicaState, report: Reporter) {
    this.#supplies = supplies;
    this.#state = state;
    this.#report = report;
  }

  /** Sends job and data. @throws RefusedError when it needs a copy of the data, and has none or another one */
  async prepare(worker: RemoteWorker, { local, data: cached }: Hello): Promise<void> {
    const { data, placement, job, localJob, examples } = this.#supplies;
    const hasCopy = local === data.sha256;
    if (placement === 'local' && !hasCopy) {
      throw new RefusedError(
        local === null ? 'it has no copy of the data' : 'its copy of the data is another one than the run has',
        'start it with --config, or use cluster.placement: replicate',
      );
    }
    const streams = placement === 'stream' && !hasCopy;
    if (streams) worker.feed((rows) => encodeRows(examples, rows));
    const own = hasCopy ? localJob : job;
    await worker.transfer('job', own.source, own.sha256, -1);
    if (streams) return;
    if (hasCopy || cached.includes(data.sha256)) worker.send({ kind: 'useData', sha256: data.sha256 });
    else await worker.transfer('data', data.source, data.sha256, -1, this.#progress(worker, data.source.length));
  }

  /** Sends the parameters as they are after `round`. */
  sync(worker: RemoteWorker, round: number): Promise<void> {
    return worker.transfer('state', stateSource(this.#state), '', round);
  }

  /** Reports every tenth of the data. */
  #progress({ name }: RemoteWorker, total: number): (bytes: number) => void {
    let told = 0;
    return (bytes) => {
      if (bytes < total && bytes - told < total / 10) return;
      told = bytes;
      this.#report({ event: 'transfer', name, what: 'data', bytes, total });
    };
  }
}
