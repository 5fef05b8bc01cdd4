/** A run over some workers that suffers scheduled faults: every phase, every kind, and how long it takes to notice and to go on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { WatchedProgram } from '../../scripts/programs/watched-program.js';

import type { EndEvent } from '../../src/report/events.js';
import type { WorkerEvent } from '../../src/report/world-events.js';
import { type Cluster, type ClusterWorker, type Coordinator, Guest, type Host, urlOf, withCluster } from './cluster.js';

import { lcg } from './engines.js';
import { type Action, FaultProxy, type Passing } from './fault-proxy.js';
import {
  begins,
  excuse,
  harmless,
  isAmongPeers,
  type Kind,
  limitOf,
  onFrame,
  type Phase,
  phases,
  said,
  silence,
} from './faults.js';
import { writeConfig } from './folder.js';
import { idxFile } from './idx.js';
import { checkLedger } from './ledgers.js';
import { patience } from './patience.js';
import { trained } from './runs.js';

let images: string | undefined;
/** 2,200 random images: read by each coordinator in less time than digits take to be drawn. Gone with all that tests write. */
function imageFolder(): string {
  if (images) return images;
  images = mkdtempSync(join(process.env.LOCKSTEP_SCRATCH ?? tmpdir(), 'images-'));
  const count = 2200;
  const random = lcg(11);
  const bytes = (length: number, below: number) => Uint8Array.from({ length }, () => random() * below);
  writeFileSync(join(images, 'all-images-idx3-ubyte'), idxFile([count, 28, 28], bytes(count * 28 * 28, 256)));
  writeFileSync(join(images, 'all-labels-idx1-ubyte'), idxFile([count], bytes(count, 10)));
  return images;
}

/**
 * Small, but every phase is there: the data take two chunks, the gradient two segments, and validation is more than one
 * worker is given at once. All that metrics keep of it and of the test split is gathered from whoever is there.
 * @param quiet seconds of silence; more of them where nobody is to be lost, however busy the machine is
 */
export const chaosConfig = (allReduce: 'star' | 'butterfly', epochs: number, quiet = silence) => ({
  name: 'chaos',
  seed: 11,
  data: { source: 'idx', dir: imageFolder(), validation: 0.32, test: 0.09 },
  model: { layers: [{ flatten: {} }, { dense: { units: 84, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  // Of every kind: a mean, one of pairs of examples, one of counts, and a table.
  metrics: ['accuracy', { auc: { average: 'macro' } }, { f1: { average: 'macro' } }, 'confusionMatrix'],
  // One that updates number by number, and one of whole weights.
  optimizer: { [allReduce === 'star' ? 'lion' : 'muon']: { learningRate: 0.001, emaMomentum: 0.9 } },
  training: { epochs, batchSize: 192, shards: 8, logEvery: 1 },
  checkpoint: { everySteps: 5 },
  cluster: { allReduce, silence: quiet },
});

/** A fault, when it fired, and when what followed was seen. */
interface Suffered {
  readonly kind: Kind;
  readonly phase: Phase;
  /** Milliseconds until the loss was told, and until the next step was committed; null where nothing was lost. */
  readonly detected: number | null;
  readonly recovered: number;
}

interface Victim {
  readonly name: string;
  readonly toCoordinator: FaultProxy;
  /** What others call instead of the worker. */
  readonly toPeer: FaultProxy;
  program: ClusterWorker | Guest;
  /** The program has replaced no other, whose data would be in the cache. */
  isFirst: boolean;
}

/**
 * Milliseconds that each step is held back: more where the next fault waits for a worker that is not there, whose coming takes as long as
 * many steps.
 */
const [pace, patientPace] = [5, 100];
/** Steps after which a worker that was there would have come to any phase: an epoch. */
const epoch = 7;

/** What no fault may change: the weights, and every number and table that the model is measured by. */
export type Outcome = Pick<EndEvent, 'sha256' | 'validation' | 'test' | 'figures'>;

/** As JSON has it, in which numbers keep all their bits. */
const outcomeOf = ({ sha256, validation, test, figures }: EndEvent): Outcome =>
  JSON.parse(JSON.stringify({ sha256, validation, test, figures }));

/** The outcome of a run that nothing happens to. */
export async function quietOutcome(config: object): Promise<Outcome> {
  const folder = mkdtempSync(join(process.env.LOCKSTEP_SCRATCH ?? tmpdir(), 'quiet-'));
  try {
    const outcome = outcomeOf((await trained(writeConfig(folder, 'quiet', config), [], folder, 1)).end);
    expect(Object.keys(outcome.validation ?? {})).toEqual(['loss', 'accuracy', 'aucMacro', 'f1Macro']);
    expect(outcome.figures).toMatchObject({ validation: expect.anything(), test: expect.anything() });
    return outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * One run that `body` lets suffer. Its result has to be that of a quiet one.
 * @param processes who signals are sent to; others are no processes of their own, which take a second each to start: to be killed is for
 * them that all their connections end at once and they never come back
 * @param hostId of the workers, where they are on one host and the coordinator is not
 * @param names of the workers; of more than two, one can be missed
 */
export async function chaotic(
  config: object,
  quiet: Outcome,
  body: (chaos: Chaos) => Promise<void>,
  processes: readonly string[] = [],
  hostId?: string,
  names?: readonly string[],
): Promise<void> {
  await withCluster(async (cluster) => {
    const chaos = await Chaos.start(cluster, config, processes, hostId, names);
    try {
      await body(chaos);
      expect(await chaos.end()).toEqual(quiet);
    } finally {
      console.log(chaos.table());
      await chaos.close();
    }
  });
}

/** Faults of these kinds in every phase of a run, one after the other. @param oneHost whether the workers are on one */
export function everyPhase(kinds: readonly Kind[], oneHost = false): (chaos: Chaos) => Promise<void> {
  return async (chaos) => {
    for (const kind of kinds) {
      for (const phase of phases) {
        const reason = excuse(kind, phase, oneHost);
        if (reason === undefined) await chaos.suffer(kind, phase);
        else console.log(`skipped: ${kind} while ${phase}: ${reason}`);
      }
    }
  };
}

export class Chaos {
  readonly #suffered: Suffered[] = [];
  readonly #cluster: Cluster;
  readonly #url: string;
  readonly #hostId: string | undefined;
  readonly #victims: Victim[] = [];
  #coordinator: Coordinator | Host;
  /** The round that was committed last, as frames tell it, and who waits for the next one. */
  #round = -1;
  /** What that was at the last fault: how much of the run they take. */
  #struck = -1;
  /** Where the next fault is to happen; nothing between two of them. */
  #awaited: readonly FaultProxy[] = [];
  #awaitedFrom = -1;
  #isOver = false;
  #waiting: { readonly after: number; readonly resolve: (at: number) => void }[] = [];

  private constructor(cluster: Cluster, coordinator: Coordinator | Host, url: string, hostId: string | undefined) {
    this.#cluster = cluster;
    this.#coordinator = coordinator;
    this.#url = url;
    this.#hostId = hostId;
  }

  /** Starts a coordinator and workers, as many of which as without which no step begins. */
  static async start(
    cluster: Cluster,
    config: object,
    processes: readonly string[],
    hostId: string | undefined,
    names: readonly string[] = ['b', 'a'],
  ): Promise<Chaos> {
    const minWorkers = Math.max(2, names.length - 1);
    const coordinator = processes.includes('coordinator')
      ? cluster.coordinator(config, ['--min-workers', String(minWorkers), '--ledger'])
      : cluster.host(config, { minWorkers, ledger: true });
    const chaos = new Chaos(cluster, coordinator, await urlOf(coordinator), hostId);
    for (const name of names) await chaos.#add(name, processes.includes(name));
    return chaos;
  }

  async #add(name: string, isProcess: boolean): Promise<void> {
    const toCoordinator = await FaultProxy.start(
      () => this.#url,
      (passing) => this.#see(passing),
    );
    // The worker listens on the same port of another address of this machine: nobody else can have taken it.
    const toPeer = await FaultProxy.start((port) => `ws://127.0.0.2:${port}`);
    const victim = { name, toCoordinator, toPeer };
    this.#victims.push({ ...victim, program: isProcess ? this.#start(victim) : this.#invite(victim), isFirst: true });
  }

  async close(): Promise<void> {
    await Promise.all(this.#victims.flatMap(({ toCoordinator, toPeer }) => [toCoordinator.close(), toPeer.close()]));
  }

  /** The outcome of the run, once it has ended; its ledger is looked through. */
  async end(): Promise<Outcome> {
    this.#isOver = true;
    const end = await this.#coordinator.until('end');
    expect(end.interrupted).toBe(false);
    expect(await this.#coordinator.ended).toBe(0);
    await checkLedger(this.#cluster.run);
    return outcomeOf(end);
  }

  /**
   * Lets the next frame that begins a phase of a worker suffer, and sees that the loss is told in time and the run goes on.
   * A machine with other work may be late, but not every time.
   */
  async suffer(kind: Kind, phase: Phase, name = 'a'): Promise<void> {
    const attempt = () => this.#inTime(`${kind} while ${phase}`, this.#suffer(kind, phase, name));
    const limit = limitOf(kind, phase);
    let suffered = await attempt();
    for (let left = 3; left > 0 && (suffered.detected ?? 0) > limit; left--) suffered = await attempt();
    this.#suffered.push(suffered);
    expect(suffered.detected ?? 0, `${kind}, ${phase}`).toBeLessThanOrEqual(limit);
  }

  /** Does it, and what has to be done about it by hand. @returns the times of the fault and of the next commit */
  async strike(
    kind: Kind,
    phase: Phase,
    name: string,
  ): Promise<{ readonly at: number; readonly next: Promise<number> }> {
    const victim = this.#victims.find((each) => each.name === name)!;
    // Others come to it without one that is still on its way.
    if (this.#victims.length > 2 && isAmongPeers(phase)) await this.#takesPart(name);
    this.#awaited = this.#proxies(phase, victim);
    this.#awaitedFrom = this.#round;
    const fired = this.#fire(kind, phase, victim);
    await this.#lead(phase, victim);
    const at = await this.#beforeTheEnd(fired, `${kind} while ${phase}`);
    this.#awaited = [];
    this.#struck = this.#round;
    const next = this.#nextCommit(kind === 'coordinator SIGKILL' ? -2 : this.#round);
    const { program } = victim;
    if (kind === 'SIGSTOP') void sleep(silence * 1300).then(() => processOf(program).signal('SIGCONT'));
    if (kind === 'SIGKILL') {
      await program.ended;
      this.#replace(victim);
    }
    if (kind === 'coordinator SIGKILL') await this.#resume();
    return { at, next: this.#beforeTheEnd(next, `a step after ${kind} while ${phase}`) };
  }

  /** @throws Error when the run ends first, with all that there is to wait for */
  #beforeTheEnd<Result>(coming: Promise<Result>, what: string): Promise<Result> {
    const end = this.#coordinator.ended.then((code) => {
      throw new Error(`the run ended (${code}) after round ${this.#round}, before ${what}`);
    });
    const first = Promise.race([coming, end]);
    // Not everybody waits for it.
    first.catch(() => {});
    return first;
  }

  /** @throws Error that says what everybody said last, where it takes too long: a run that has ended suffers nothing more */
  async #inTime(what: string, suffering: Promise<Suffered>): Promise<Suffered> {
    const isOver = new AbortController();
    const late = sleep(patience, undefined, { signal: isOver.signal }).then(
      () => {
        const parties = [this.#coordinator, ...this.#victims.map(({ program }) => program)];
        const last = parties.map((party) => `${party.name}: ${party.last()}`);
        throw new Error(`${what}: nothing for ${patience / 1000} s after round ${this.#round}\n${last.join('\n')}`);
      },
      () => suffering,
    );
    return Promise.race([suffering, late]).finally(() => isOver.abort());
  }

  async #suffer(kind: Kind, phase: Phase, name: string): Promise<Suffered> {
    const before = this.#coordinator;
    const { at, next } = await this.strike(kind, phase, name);
    if (harmless.includes(kind)) {
      const recovered = (await next) - at;
      const losses = before.of('worker').filter((event) => event.at >= at && event.change === 'lost');
      expect(losses.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([]);
      return { kind, phase, detected: null, recovered };
    }
    // Programs that were replaced on the way to the phase tell nothing any more.
    const told =
      kind === 'coordinator SIGKILL'
        ? Promise.race(this.#victims.map(({ program }) => program.until('lost', (event) => event.at >= at)))
        : noticed(before, kind, phase, name, at);
    return { kind, phase, detected: (await told).at - at, recovered: (await next) - at };
  }

  async #takesPart(name: string): Promise<void> {
    const last = this.#coordinator.of('worker').findLast((event) => isOf(event, name));
    if (last?.change === 'active') return;
    const from = last?.at ?? 0;
    await this.#coordinator.until(
      'worker',
      (event) => event.at > from && isOf(event, name) && event.change === 'active',
    );
  }

  /** Brings a worker to where the phase comes next, if it has it behind it. */
  async #lead(phase: Phase, victim: Victim): Promise<void> {
    if (phase === 'joining' || (phase.startsWith('receiving') && phase !== 'receiving data'))
      victim.toCoordinator.cut();
    if (phase !== 'receiving data' || (victim.isFirst && victim.program.of('data').length === 0)) return;
    await victim.program.kill();
    rmSync(this.#cluster.cacheOf(victim.name), { recursive: true, force: true });
    this.#replace(victim);
  }

  /** All faults as lines of a table. */
  table(): string {
    const number = (value: number | null) => (value === null ? '-' : value.toFixed(0)).padStart(8);
    const lines = this.#suffered.map(
      ({ kind, phase, detected, recovered }) =>
        `${kind.padEnd(20)} ${phase.padEnd(24)} ${number(detected)} ${number(recovered)}`,
    );
    const head = `${'fault'.padEnd(20)} ${'phase'.padEnd(24)}   detect  recover, ms; the last one in round ${this.#struck}`;
    return [head, ...lines].join('\n');
  }

  #start({ name, toCoordinator, toPeer }: Pick<Victim, 'name' | 'toCoordinator' | 'toPeer'>): ClusterWorker {
    const port = String(toPeer.port);
    const args = ['--peer-host', '127.0.0.2', '--peer-port', port, '--advertise', `127.0.0.1:${port}`];
    return this.#cluster.worker(toCoordinator.url, { name, args, hostId: this.#hostId });
  }

  #invite({ name, toCoordinator, toPeer: { port } }: Pick<Victim, 'name' | 'toCoordinator' | 'toPeer'>): Guest {
    const peer = { host: '127.0.0.2', port, advertise: `127.0.0.1:${port}` };
    return this.#cluster.guest(toCoordinator.url, name, { peer, hostId: this.#hostId });
  }

  #see(passing: Passing): void {
    const { frame, link, up } = passing;
    // Else the run would be over before its last fault.
    if (begins.computing(passing) && !this.#isOver) {
      const isThere = this.#awaited.some(({ isInUse }) => isInUse) && this.#round <= this.#awaitedFrom + epoch;
      link.hold(up, sleep(this.#awaited.length === 0 || isThere ? pace : patientPace));
    }
    if (frame.kind !== 'control' || frame.message.kind !== 'commit') return;
    const { round } = frame.message;
    this.#round = round;
    const [due, others] = [true, false].map((is) => this.#waiting.filter(({ after }) => round > after === is));
    this.#waiting = others;
    for (const { resolve } of due) resolve(performance.now());
  }

  #nextCommit(after: number): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push({ after, resolve });
    });
  }

  #replace(victim: Victim): void {
    victim.program = victim.program instanceof WatchedProgram ? this.#start(victim) : this.#invite(victim);
    victim.isFirst = false;
  }

  #proxies(phase: Phase, { toCoordinator }: Victim): FaultProxy[] {
    return isAmongPeers(phase) ? this.#victims.map(({ toPeer }) => toPeer) : [toCoordinator];
  }

  /** Resolves with the time at which the fault was done. */
  #fire(kind: Kind, phase: Phase, victim: Victim): Promise<number> {
    if (kind === 'reordered frames') return this.#swap(phase);
    let isDone = false;
    const once = (passing: Passing) => !isDone && begins[phase](passing);
    const action: Action = (passing, bytes) => {
      isDone = true;
      if (kind === 'coordinator SIGKILL') processOf(this.#coordinator).signal('SIGKILL');
      else if (kind === 'SIGKILL' && victim.program instanceof Guest) this.#crash(victim, victim.program);
      else if (kind === 'SIGKILL' || kind === 'SIGSTOP') processOf(victim.program).signal(kind);
      else return onFrame[kind](passing, bytes);
      return undefined;
    };
    return Promise.race(this.#proxies(phase, victim).map((proxy) => proxy.next(once, action)));
  }

  /** What others see of a process that is killed once it has sent a frame. Its links to other workers go through either side's proxy. */
  #crash({ toCoordinator }: Victim, program: Guest): void {
    setImmediate(() => {
      for (const proxy of [toCoordinator, ...this.#victims.map(({ toPeer }) => toPeer)]) proxy.cut();
      void program.kill();
    });
  }

  /** Of two frames that begin a phase, of two workers or in two directions, the first is let through after the second. */
  async #swap(phase: Phase): Promise<number> {
    for (;;) {
      const at = await this.#trySwap(phase);
      if (at !== undefined) return at;
    }
  }

  /** undefined where no second frame came: a worker that was late for a step has nothing to send in it */
  #trySwap(phase: Phase): Promise<number | undefined> {
    const isPeers = phase === 'exchanging with a peer';
    const sides = new Set<unknown>();
    let isOver = false;
    let release!: () => void;
    let lonely: NodeJS.Timeout | undefined;
    const released = new Promise<void>((resolve) => {
      release = () => {
        isOver = true;
        resolve();
      };
    });
    const sideOf = ({ up, link }: Passing) => (isPeers ? up : link);
    const fits = (passing: Passing) =>
      !isOver && begins[phase](passing) && sides.size < 2 && !sides.has(sideOf(passing));
    const action: Action = (passing) => {
      sides.add(sideOf(passing));
      clearTimeout(lonely);
      if (sides.size === 1) passing.link.hold(passing.up, released);
      lonely = setTimeout(release, sides.size === 1 ? 2000 : 50);
      return undefined;
    };
    const fired = this.#victims.flatMap(({ toCoordinator, toPeer }) =>
      isPeers ? [toPeer.next(fits, action), toPeer.next(fits, action)] : [toCoordinator.next(fits, action)],
    );
    return released.then(() => (sides.size === 2 ? Promise.race(fired) : undefined));
  }

  async #resume(): Promise<void> {
    await this.#coordinator.ended;
    this.#coordinator = this.#cluster.resume(['--min-workers', '2']);
  }
}

/** What takes signals. */
function processOf(program: ClusterWorker | Coordinator | Guest | Host): ClusterWorker | Coordinator {
  if (!(program instanceof WatchedProgram)) throw new Error(`${program.name} is no process`);
  return program;
}

/** When the coordinator told of the fault: of a worker that was in the world with its name, phase and step. */
async function noticed(
  coordinator: Coordinator | Host,
  kind: Kind,
  phase: Phase,
  name: string,
  at: number,
): Promise<{ readonly at: number }> {
  const isProcess = kind === 'SIGKILL' || kind === 'SIGSTOP';
  const warned = (text: RegExp) => coordinator.until('warning', (event) => event.at >= at && text.test(event.message));
  if (phase === 'exchanging with a peer' && !isProcess) return warned(/has lost its link to \S+ at step \d+/);
  if (phase === 'joining' && !isProcess) return warned(/could not join/);
  const lost = await coordinator.until('worker', (event) => event.at >= at && isLossOf(event, name));
  expect(lost.reason).toMatch(said[phase]);
  expect(lost.step).toBeGreaterThanOrEqual(0);
  return lost;
}

const isLossOf = (event: WorkerEvent, name: string): boolean => event.change === 'lost' && isOf(event, name);

/** A process that replaces another one has a number behind its name. */
const isOf = (event: WorkerEvent, name: string): boolean => event.name.replace(/-\d+$/, '') === name;
