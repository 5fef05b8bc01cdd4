/** Coordinators and workers as processes of their own, on loopback: started, watched through what --json prints, and gone afterwards. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CoordinateOptions,
  type CoordinateResumeOptions,
  coordinate,
  resumeCoordinating,
} from '../../coordinator/world/coordinate.js';
import { EventLog } from '../../scripts/programs/event-log.js';
import { WatchedProgram } from '../../scripts/programs/watched-program.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { LockstepError } from '../../src/errors.js';
import type { EndEvent, RunEvent } from '../../src/report/events.js';
import { type WorkerOptions, work } from '../../worker/worker.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { writeConfig } from './folder.js';
import { cliFile } from './package.js';
import { patience } from './patience.js';

export const clusterToken = 'a token of tests';

interface Watch<Event> {
  readonly report: (event: Event) => void;
  readonly signal: AbortSignal;
}

/** Somebody inside the test's process, which has loaded all that is needed: for what is no property of a process. */
class Inside<Event extends { readonly event: string }> extends EventLog<Event> {
  /** The exit code that its process would have, had nobody sent a signal to it. */
  readonly ended: Promise<number>;
  /** What it failed of; undefined where it did not. */
  readonly failure: Promise<Error | undefined>;
  readonly #leave = new AbortController();
  #errors = '';

  constructor(name: string, act: (watch: Watch<Event>) => Promise<unknown>) {
    super(name, patience);
    this.failure = act({ report: (event) => this.said(event), signal: this.#leave.signal }).then(
      () => undefined,
      (error: Error) => error,
    );
    this.ended = this.failure.then((error) => {
      this.#errors = error?.stack ?? '';
      this.over('ended');
      if (error === undefined) return 0;
      return error instanceof LockstepError ? error.exitCode : 1;
    });
  }

  /** Ends it in good order, as the first signal to its process would. */
  async kill(): Promise<void> {
    this.#leave.abort();
    await this.ended;
  }

  protected override complaints(): string {
    return this.#errors;
  }
}

export class Guest extends Inside<WorkerProgramEvent> {
  constructor(options: WorkerOptions & { readonly name: string }) {
    super(options.name, (watch) => work({ ...options, ...watch }));
  }
}

export class Host extends Inside<RunEvent> {
  constructor(coordinating: (watch: Watch<RunEvent>) => Promise<EndEvent>) {
    super('coordinator', coordinating);
  }
}

export type Coordinator = WatchedProgram<RunEvent>;
export type ClusterWorker = WatchedProgram<WorkerProgramEvent>;

export interface WorkerStart {
  readonly name: string;
  /** Default 1. */
  readonly threads?: number;
  /** Name of its cache's folder; default: its own name. */
  readonly cache?: string;
  /** What stands for its host, where it is not this machine. */
  readonly hostId?: string;
  readonly args?: readonly string[];
}

/** Parties that belong together, in a folder of their own. */
export class Cluster {
  readonly folder: string;
  readonly #parties: { kill(): Promise<void> }[] = [];

  constructor() {
    this.folder = mkdtempSync(join(process.env.LOCKSTEP_SCRATCH ?? tmpdir(), 'cluster-'));
  }

  /**
   * Starts a run on a free port, or on `--port` of `args`. The coordinator does not compute unless `args` says so.
   * @param more variables of its environment
   */
  coordinator(config: object, args: readonly string[] = [], more?: NodeJS.ProcessEnv): Coordinator {
    const file = writeConfig(this.folder, 'run', config);
    const given = ['--out', join(this.folder, 'runs'), '--port', '0', '--threads', '0', '--token', clusterToken];
    return this.#start<RunEvent>('coordinator', ['coordinator', file, ...given, ...args], more);
  }

  /** Goes on with the cluster's only run. */
  resume(args: readonly string[] = []): Coordinator {
    return this.#start<RunEvent>('coordinator', ['coordinator', '--resume', this.run, '--threads', '0', ...args]);
  }

  /** A coordinator inside this process, which does not compute unless `options` say so. */
  host(config: object, options: CoordinateOptions = {}): Host {
    const loaded = loadRunConfig(writeConfig(this.folder, 'run', config), []);
    const given = { out: join(this.folder, 'runs'), port: 0, threads: 0, token: clusterToken, ...options };
    return this.#join(new Host((watch) => coordinate(loaded, { ...given, ...watch })));
  }

  /** Goes on with the cluster's only run inside this process. */
  resumeInside(options: CoordinateResumeOptions = {}): Host {
    return this.#join(
      new Host((watch) => resumeCoordinating(this.run, { threads: 0, token: clusterToken, ...options, ...watch })),
    );
  }

  /** Trains on this machine alone. */
  train(config: object, args: readonly string[] = []): Coordinator {
    const file = writeConfig(this.folder, 'run', config);
    return this.#start<RunEvent>('train', [
      'train',
      file,
      '--out',
      join(this.folder, 'runs'),
      '--threads',
      '1',
      ...args,
    ]);
  }

  worker(url: string, { name, threads = 1, cache = name, hostId, args = [] }: WorkerStart): ClusterWorker {
    const folder = this.cacheOf(cache);
    mkdirSync(folder, { recursive: true });
    const given = ['--name', name, '--threads', String(threads), '--token', clusterToken, '--cache', folder];
    return this.#start<WorkerProgramEvent>(name, ['worker', url, ...given, ...args], { LOCKSTEP_HOST_ID: hostId });
  }

  /** A worker of one thread inside this process. */
  guest(url: string, name: string, more: Partial<WorkerOptions> = {}): Guest {
    const cache = this.cacheOf(name);
    mkdirSync(cache, { recursive: true });
    return this.#join(new Guest({ url, name, threads: 1, token: clusterToken, cache, ...more }));
  }

  /** Where a worker keeps data sets. */
  cacheOf(worker: string): string {
    return join(this.folder, 'caches', worker);
  }

  /** The folder of the only run. */
  get run(): string {
    const runs = join(this.folder, 'runs');
    const [name, ...others] = readdirSync(runs);
    if (name === undefined || others.length > 0) throw new Error(`${runs} holds not one run: ${[name, ...others]}`);
    return join(runs, name);
  }

  /** Ends all that is still there, and sees to it that nothing stays. */
  async close(): Promise<void> {
    await Promise.all(this.#parties.map((party) => party.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #start<Event extends { readonly event: string }>(
    name: string,
    args: readonly string[],
    more: NodeJS.ProcessEnv = {},
  ): WatchedProgram<Event> {
    const { folder } = this;
    // What is left behind by default would be there too, and be missed when the folder is looked through.
    const env = { XDG_CACHE_HOME: join(folder, 'caches'), LOCKSTEP_TOKEN: clusterToken, ...more };
    const stray = (line: string) => {
      throw new Error(`${name} said what is no event: ${line}`);
    };
    const program = new WatchedProgram<Event>(name, { program: cliFile, args, folder, env, stray }, patience);
    return this.#join(program);
  }

  #join<Party extends { kill(): Promise<void> }>(party: Party): Party {
    this.#parties.push(party);
    return party;
  }
}

/** Gives `body` a cluster that is gone afterwards, whatever comes of it. */
export async function withCluster<Result>(body: (cluster: Cluster) => Promise<Result>): Promise<Result> {
  const cluster = new Cluster();
  try {
    return await body(cluster);
  } finally {
    await cluster.close();
  }
}

/** Where workers join, once the coordinator says so. */
export async function urlOf(coordinator: Coordinator | Host): Promise<string> {
  return (await coordinator.until('listening')).url;
}

/** Whether nobody listens there any more. */
export function isFree(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}
