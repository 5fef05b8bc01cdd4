/** Trains over this machine and whatever workers join it over the network. */
import { defineConfig } from '../../src/config/define.js';
import type { RunConfigInput } from '../../src/config/input.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { ConfigError } from '../../src/errors.js';
import { threadsOf, usualThreads } from '../../src/pool/thread-count.js';
import type { EndEvent } from '../../src/report/events.js';
import type { JobStart } from '../../src/report/run-lock.js';
import type { Unwritten } from '../../src/report/unwritten.js';
import type { Certificate, Transport } from '../../src/wire/transport.js';
import { transportNamed } from '../../src/wire/transports.js';
import { execute, type ResumeOptions, resumeWith, type TrainOptions } from '../local/train.js';
import { hasLedger } from '../prepare/open-folder.js';
import type { StartTrainer } from '../prepare/prepare.js';
import type { Resumption } from '../training/resume.js';
import { addressFile, type ListenAddress, readAddress, writeAddress } from './address.js';
import type { FirstWorkers } from './quorum.js';
import { startCluster } from './start.js';

export interface WorldChoices {
  /** Address to listen on; default 127.0.0.1, or where the resumed run listened. */
  readonly host?: string;
  /** Default 7474, or that of the resumed run; 0 for any. */
  readonly port?: number;
  /** What workers must know to join; default: a new random one, or that of the resumed run. */
  readonly token?: string;
  /** Certificate and key in PEM; workers then join by wss://. */
  readonly tls?: Certificate;
  /** How workers reach the coordinator and each other; default: as the config says. All of a run use the same. */
  readonly transport?: Transport;
  /**
   * Remote workers without which no step begins. Default: 1, and none after the first step where the coordinator computes: it
   * goes on alone when they are gone.
   */
  readonly minWorkers?: number;
  /** Those without which no later step begins; default: as told above. */
  readonly minWorkersLater?: number;
  /** Admits machines whose arithmetic gives other bits; the run is not reproducible then. */
  readonly allowMixedNumerics?: boolean;
  /** How long to wait for the first `minWorkers`, and what to throw then. */
  readonly arrival?: FirstWorkers;
  /** The job of a scheduler that it is the run of: its name is kept in the run's folder, and of its starts the newest has the run. */
  readonly job?: JobStart;
}

/** `threads` may be 0: a coordinator that does not compute. */
export type CoordinateOptions = TrainOptions & WorldChoices;
/** How to go on with a run over several machines. */
export type CoordinateResumeOptions = ResumeOptions & WorldChoices;

const defaultAddress = { host: '127.0.0.1', port: 7474 };

/**
 * Trains a model as `train` does, over the threads of this machine and the workers that join it. The result is that of
 * `train`, bit for bit, whoever computes what and whatever happens to them.
 *
 * @returns the event that ends the run
 * @throws LockstepError on bad input (before anything is written) and DivergedError when the loss stops being finite
 */
export async function coordinate(config: RunConfigInput, options: CoordinateOptions = {}): Promise<EndEvent> {
  return run(defineConfig(config), options, undefined, undefined);
}

/**
 * Goes on with a run, at the address and with the token that it had: workers that are still there come back by themselves.
 * @param folder of a run, of `coordinate` or of `train`
 */
export async function resumeCoordinating(folder: string, options: CoordinateResumeOptions = {}): Promise<EndEvent> {
  return resumeWith(
    folder,
    options.set ?? [],
    options.report,
    (config, resumption) =>
      // Workers have to tell what they read where the run keeps a ledger.
      run(config, { ...options, ledger: options.ledger || hasLedger(folder) }, resumption, readAddress(folder)),
    options.job,
  );
}

function run(
  config: RunConfig,
  options: CoordinateOptions,
  resumption: Resumption | undefined,
  before: ListenAddress | undefined,
): Promise<EndEvent> {
  checkScaling(config);
  const threads = options.threads === 0 ? 0 : threadsOf(options.threads);
  const minimum = minimumOf(options.minWorkers, threads);
  const later = options.minWorkersLater ?? (threads > 0 && options.minWorkers === undefined ? 0 : minimum);
  const { host, port, token } = { ...defaultAddress, ...before, ...defined(options) };
  const { tls, trace, allowMixedNumerics = false, ledger = false } = options;
  const { transport = transportNamed(config.cluster.transport), arrival, job } = options;
  const start: StartTrainer = (poolOptions, parameters, unwritten, report, signal) =>
    startCluster(poolOptions, parameters, {
      threads,
      workers: { first: minimum, later, arrival },
      config: config.cluster,
      report,
      signal,
      ledger,
      transport,
      host,
      port,
      token,
      tls,
      trace,
      allowMixedNumerics,
      unwritten,
      started: (address) => {
        listening = address;
      },
    });
  let listening: ListenAddress | undefined;
  // A job that began the run finds it again, whatever has gone on with it in between.
  const jobs = [...new Set([...(before?.jobs ?? []), ...(job ? [job.job] : [])])];
  const remember = (folder: string, unwritten: Unwritten) => {
    if (listening) remembered(folder, { ...listening, jobs }, unwritten);
  };
  return execute(config, { ...options, threads, opened: remember }, start, resumption);
}

/** Without it the run goes on all the same; resumed, it has to be told where it listened. */
function remembered(folder: string, address: ListenAddress, unwritten: Unwritten): void {
  try {
    writeAddress(folder, address);
  } catch (error) {
    unwritten.failed(addressFile(folder), error);
  }
}

/** Without what is undefined, so that it does not hide a default. */
function defined({ host, port, token }: WorldChoices): Partial<ListenAddress> {
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(token !== undefined && { token }),
  };
}

/** @throws ConfigError when it is no number of workers, or nobody would be there to compute */
function minimumOf(given: number | undefined, threads: number): number {
  const minimum = given ?? 1;
  if (!Number.isInteger(minimum) || minimum < 0 || minimum > 4096) {
    throw new ConfigError(`min-workers: ${minimum} is not a whole number from 0 to 4096`, 'use 1, or leave it out');
  }
  if (minimum > 0 || threads > 0) return minimum;
  throw new ConfigError(
    'min-workers: 0, and threads: 0: nobody would compute',
    `use --min-workers 1, or --threads ${usualThreads()}`,
  );
}

/** @throws ConfigError when a step that overflows would spoil what workers keep from step to step */
function checkScaling({ training: { precision }, cluster }: RunConfig): void {
  if (precision === 'float32') return;
  const keys = ['sync', 'compression', 'precision', 'optimizerState'] as const;
  const plain = { sync: 'step', compression: undefined, precision: 'float32', optimizerState: 'replicated' };
  const odd = keys.find((key) => cluster[key] !== undefined && cluster[key] !== plain[key]);
  if (odd === undefined) return;
  throw new ConfigError(
    `training.precision: ${precision}: with cluster.${odd} there is no step that all can skip`,
    `leave cluster.${odd} out, or use --set training.precision=float32`,
  );
}
