/** Coordinators and workers as processes of their own, on loopback: started, watched through what --json prints, and gone afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { LockstepError } from '../../src/errors.js';
import type { RunEvent } from '../../src/report/events.js';
import type { WorkerProgramEvent } from '../../worker/events.js';
import { type WorkerOptions, work } from '../../worker/worker.js';
import { writeConfig } from './folder.js';
import { cliFile } from './package.js';

export const clusterToken = 'a token of tests';

/** Milliseconds that a program has for whatever a test waits for. */
const patience = 60_000;

type Kinds = { readonly event: string };
/** An event, and the time of `performance.now` at which this process read it. */
export type Timed<Event> = Event & { readonly at: number };
type Of<Event extends Kinds, Kind> = Timed<Extract<Event, { readonly event: Kind }>>;

/** Who takes part in a run, and what it has said. */
abstract class Party<Event extends Kinds> {
  readonly name: string;
  readonly events: Timed<Event>[] = [];
  /** Resolves when it has ended and everything that it said has been read: with an exit code, or the signal that ended it. */
  abstract readonly ended: Promise<number | NodeJS.Signals>;
  readonly #listeners = new Set<() => void>();
  #over = false;

  constructor(name: string) {
    this.name = name;
  }

  /** The first event of a kind that `fits`, from the event number `from` on; rejects when the party ends without it. */
  async until<Kind extends Event['event']>(
    kind: Kind,
    fits: (event: Of<Event, Kind>) => boolean = () => true,
    from = 0,
  ): Promise<Of<Event, Kind>> {
    const isIt = (event: Timed<Event>) => event.event === kind && fits(event as Of<Event, Kind>);
    const deadline = performance.now() + patience;
    for (;;) {
      const found = this.events.slice(from).find(isIt);
      if (found) return found as Of<Event, Kind>;
      if (this.#over || performance.now() > deadline) throw new Error(`${this.#story()}\nno ${kind} of ${this.name}`);
      await this.#next(deadline);
    }
  }

  /** All events of a kind so far. */
  of<Kind extends Event['event']>(kind: Kind): Of<Event, Kind>[] {
    return this.events.filter(({ event }) => event === kind) as Of<Event, Kind>[];
  }

  /** Resolves when it is gone. */
  abstract kill(): Promise<void>;

  /** What it complained of besides its events. */
  protected abstract errors(): string;

  protected said(event: Event): void {
    this.events.push({ ...event, at: performance.now() });
    this.#tell();
  }

  protected over(): void {
    this.#over = true;
    this.#tell();
  }

  #next(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(), Math.max(0, deadline - performance.now()));
      const done = () => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        resolve();
      };
      this.#listeners.add(done);
    });
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** What it said last, for whoever wonders why it did not say more. */
  #story(): string {
    const last = this.events.slice(-12).map((event) => JSON.stringify(event).slice(0, 300));
    return [`${this.name}:`, ...last, this.errors()].join('\n');
  }
}

/** A program that runs as a process. */
export class Program<Event extends Kinds> extends Party<Event> {
  readonly process: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals>;
  #errors = '';

  constructor(name: string, args: readonly string[], folder: string) {
    super(name);
    // What is left behind by default would be there too, and be missed when the folder is looked through.
    const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'caches'), LOCKSTEP_TOKEN: clusterToken };
    this.process = spawn(execPath, [cliFile, ...args, '--json'], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface({ input: this.process.stdout! }).on('line', (line) => this.said(JSON.parse(line) as Event));
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.ended = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        resolve(signal ?? code!);
        this.over();
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** A stopped process dies of SIGKILL too. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  protected errors(): string {
    return this.#errors;
  }
}

/** A worker inside the test's process, which has loaded all that it needs: for what is no property of its process. */
export class Guest extends Party<WorkerProgramEvent> {
  readonly ended: Promise<number>;
  readonly #leave = new AbortController();
  #errors = '';

  constructor(options: WorkerOptions & { readonly name: string }) {
    super(options.name);
    const report = (event: WorkerProgramEvent) => this.said(event);
    this.ended = work({ ...options, report, signal: this.#leave.signal })
      .then(
        () => 0,
        (error: Error) => {
          this.#errors = error.stack!;
          return error instanceof LockstepError ? error.exitCode : 1;
        },
      )
      .finally(() => this.over());
  }

  async kill(): Promise<void> {
    this.#leave.abort();
    await this.ended;
  }

  protected errors(): string {
    return this.#errors;
  }
}

export type Coordinator = Program<RunEvent>;
export type ClusterWorker = Program<WorkerProgramEvent>;

export interface WorkerStart {
  readonly name: string;
  /** Default 1. */
  readonly threads?: number;
  /** Name of its cache's folder; default: its own name. */
  readonly cache?: string;
  readonly args?: readonly string[];
}

/** Parties that belong together, in a folder of their own. */
export class Cluster {
  readonly folder: string;
  readonly #parties: { kill(): Promise<void> }[] = [];

  constructor() {
    this.folder = mkdtempSync(join(process.env.LOCKSTEP_SCRATCH ?? tmpdir(), 'cluster-'));
  }

  /** Starts a run on a free port, or on `--port` of `args`. The coordinator does not compute unless `args` says so. */
  coordinator(config: object, args: readonly string[] = []): Coordinator {
    const file = writeConfig(this.folder, 'run', config);
    const given = ['--out', join(this.folder, 'runs'), '--port', '0', '--threads', '0', '--token', clusterToken];
    return this.#start<RunEvent>('coordinator', ['coordinator', file, ...given, ...args]);
  }

  /** Goes on with the cluster's only run. */
  resume(args: readonly string[] = []): Coordinator {
    return this.#start<RunEvent>('coordinator', ['coordinator', '--resume', this.run, '--threads', '0', ...args]);
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

  worker(url: string, { name, threads = 1, cache = name, args = [] }: WorkerStart): ClusterWorker {
    const folder = this.cacheOf(cache);
    mkdirSync(folder, { recursive: true });
    const given = ['--name', name, '--threads', String(threads), '--token', clusterToken, '--cache', folder];
    return this.#start<WorkerProgramEvent>(name, ['worker', url, ...given, ...args]);
  }

  /** A worker of one thread inside this process. */
  guest(url: string, name: string, more: Partial<WorkerOptions> = {}): Guest {
    const cache = this.cacheOf(name);
    mkdirSync(cache, { recursive: true });
    const guest = new Guest({ url, name, threads: 1, token: clusterToken, cache, ...more });
    this.#parties.push(guest);
    return guest;
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

  #start<Event extends Kinds>(name: string, args: readonly string[]): Program<Event> {
    const program = new Program<Event>(name, args, this.folder);
    this.#parties.push(program);
    return program;
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
export async function urlOf(coordinator: Coordinator): Promise<string> {
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
