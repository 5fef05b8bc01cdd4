/**
 * `npm run bench -- soak`: a run over workers on loopback that join, leave and die all the time, by a schedule that a seed
 * decides. It must end with the parameters of `train`, and nobody's memory may grow.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomStream, uniform } from '../../src/ground/random.js';
import type { Program } from '../../src/programs/program.js';
import type { EndEvent, RunEvent } from '../../src/report/events.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { MeasurementError } from './measurement.js';
import { MemoryLog, type MemoryStory } from './memory.js';
import { lockstep } from './program.js';

export interface SoakOptions {
  /** Most workers at a time; at least half of them are always there. */
  readonly workers: number;
  readonly steps: number;
  readonly seed: number;
  /** Seconds between two changes of the world, on average. */
  readonly interval: number;
  /** Folder for everything that is written, which is deleted in the end. */
  readonly folder?: string;
  readonly tell: (line: string) => void;
}

export interface SoakResult {
  readonly sha256: string;
  readonly changes: Readonly<Record<Change, number>>;
  readonly seconds: number;
  readonly memory: readonly MemoryStory[];
  /** What must not have been; empty when all is well. */
  readonly problems: readonly string[];
}

type Change = 'join' | 'leave' | 'die';

interface Member {
  readonly name: string;
  readonly program: Program<WorkerProgramEvent>;
  /** Whether it has ever reached the coordinator: such a one ends with the run, others go on trying. */
  joined: boolean;
  /** Whether it takes part in steps. */
  active: boolean;
  /** Whether it has said that it is done: from then on signals end it as they end any process. */
  done: boolean;
  /** What it was told to do. */
  told?: 'leave' | 'die';
}

const stepsPerEpoch = 25;
const batchSize = 64;
const token = 'soak';
/** Of Node: garbage is collected early, so that memory that is still in use shows. */
const eager = ['--max-semi-space-size=1'];
/** Megabytes that a process may grow by over the second half of its time, once it has run for so many seconds. */
const mostGrowth = 24;
const leastSeconds = 60;
/** Milliseconds between two looks at everybody's memory. */
const lookInterval = 250;
/** Seconds that workers have to end after the run. */
const endLimit = 30;

function configOf(steps: number): object {
  return {
    name: 'soak',
    data: { source: 'digits', examples: stepsPerEpoch * batchSize, validation: 0.1, test: 0 },
    model: { layers: [{ flatten: {} }, { dense: { units: 32, activation: 'relu' } }, { dense: { units: 10 } }] },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: 'adam',
    training: { epochs: Math.ceil(steps / stepsPerEpoch), batchSize, shards: 16 },
    checkpoint: { everySteps: 500 },
    cluster: { allReduce: 'butterfly' },
  };
}

/** @throws MeasurementError when a program cannot be run at all */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'lockstep-soak-'));
  const clear = () => rmSync(folder, { recursive: true, force: true });
  process.on('exit', clear);
  try {
    const config = join(folder, 'soak.yaml');
    writeFileSync(config, JSON.stringify(configOf(options.steps)));
    const expected = await trained(config, folder);
    return await new Soak(options, config, folder).run(expected);
  } finally {
    process.off('exit', clear);
    clear();
  }
}

/** The hash that one process comes to. */
async function trained(config: string, folder: string): Promise<string> {
  let end: EndEvent | undefined;
  const program = lockstep<RunEvent>(['train', config, '--threads', '1'], folder, (event) => {
    if (event.event === 'end') end = event;
  });
  const { errors } = await program.ended;
  if (!end) throw new MeasurementError(`lockstep train did not come to its end: ${errors}`);
  return end.sha256;
}

class Soak {
  readonly #options: SoakOptions;
  readonly #config: string;
  readonly #folder: string;
  readonly #random: ReturnType<typeof randomStream>;
  readonly #memory = new MemoryLog();
  readonly #members: Member[] = [];
  readonly #changes: Record<Change, number> = { join: 0, leave: 0, die: 0 };
  readonly #problems: string[] = [];
  #url = '';

  constructor(options: SoakOptions, config: string, folder: string) {
    this.#options = options;
    this.#config = config;
    this.#folder = folder;
    this.#random = randomStream('soak', options.seed);
  }

  /** @param expected hash of the parameters */
  async run(expected: string): Promise<SoakResult> {
    const { workers } = this.#options;
    const started = performance.now();
    let end: EndEvent | undefined;
    const minimum = String(Math.ceil(workers / 2));
    const args = ['coordinator', this.#config, '--threads', '0', '--port', '0', '--token', token];
    const coordinator = lockstep<RunEvent>(
      [...args, '--min-workers', minimum],
      this.#folder,
      (event) => {
        if (event.event === 'listening') this.#begin(event.url);
        else if (event.event === 'end') end = event;
        else this.#hear(event);
      },
      eager,
    );
    const over = new AbortController();
    const ended = coordinator.ended.finally(() => over.abort());
    const looking = setInterval(() => this.#look(coordinator), lookInterval);
    try {
      await this.#disturb(over.signal);
    } finally {
      clearInterval(looking);
    }
    const { code, signal, errors } = await ended;
    if (code !== 0) this.#problems.push(`the coordinator ended with ${signal ?? `exit code ${code}`}: ${errors}`);
    await this.#gone();
    if (end?.sha256 !== expected) this.#problems.push(`the parameters are ${end?.sha256}, and ${expected} with train`);
    const memory = this.#memory.stories().filter(({ seconds }) => seconds >= leastSeconds);
    for (const { name, growth } of memory) {
      if (growth > mostGrowth) this.#problems.push(`${name} has grown by ${growth.toFixed(1)} MB`);
    }
    return {
      sha256: end?.sha256 ?? '',
      changes: this.#changes,
      memory,
      problems: this.#problems,
      seconds: (performance.now() - started) / 1000,
    };
  }

  #begin(url: string): void {
    this.#url = url;
    for (let i = 0; i < this.#options.workers; i++) this.#join();
  }

  #hear(event: RunEvent): void {
    if (event.event === 'error') this.#problems.push(`the coordinator failed: ${event.message}`);
    if (event.event !== 'worker') return;
    const { change, name, step, reason } = event;
    const member = this.#members.find((each) => each.name === name)!;
    const { told } = member;
    member.active = change === 'active';
    if (change === 'lost' && told !== 'die') this.#problems.push(`${name} was lost in step ${step + 1}: ${reason}`);
    if (change === 'refused') this.#problems.push(`${name} was not admitted: ${reason}`);
  }

  /** Changes the world until the run is over. */
  async #disturb(over: AbortSignal): Promise<void> {
    const pause = () => this.#options.interval * uniform(this.#random, 500, 1500);
    while (!over.aborted) {
      await sleep(pause(), undefined, { signal: over }).catch(() => {});
      if (!over.aborted && this.#url !== '') this.#change();
    }
  }

  #change(): void {
    const here = this.#members.filter(({ told }) => told === undefined);
    const { workers } = this.#options;
    const possible: Change[] = [];
    if (here.length < workers) possible.push('join');
    // On a busy machine joining takes long: the run must not wait for workers more than it works.
    if (here.filter(({ active }) => active).length > workers / 2) possible.push('leave', 'die');
    if (possible.length === 0) return;
    const change = this.#one(possible);
    if (change === 'join') this.#join();
    else this.#end(this.#one(here), change);
    this.#changes[change]++;
  }

  #one<T>(of: readonly T[]): T {
    return of[Math.floor(uniform(this.#random, 0, of.length))];
  }

  #join(): void {
    const name = `w${this.#members.length}`;
    const args = ['worker', this.#url, '--token', token, '--threads', '1', '--name', name];
    const told = (event: WorkerProgramEvent) => {
      if (event.event === 'joined') member.joined = true;
      if (event.event === 'end') member.done = true;
      if (event.event === 'error') this.#problems.push(`${name} failed: ${event.message}`);
    };
    const program = lockstep([...args, '--cache', join(this.#folder, 'cache')], this.#folder, told, eager);
    const member: Member = { name, program, joined: false, active: false, done: false };
    this.#members.push(member);
  }

  #end(member: Member, how: 'leave' | 'die'): void {
    member.told = how;
    this.#options.tell(`${member.name} is to ${how}`);
    member.program.signal(how === 'leave' ? 'SIGTERM' : 'SIGKILL');
  }

  #look(coordinator: Program<RunEvent>): void {
    this.#memory.look('coordinator', coordinator.pid!);
    for (const { name, program, told, joined } of this.#members) {
      if (joined && !told) this.#memory.look(name, program.pid!);
    }
  }

  /** Every worker ends with the run, and well unless it was killed. */
  async #gone(): Promise<void> {
    const late = setTimeout(() => {
      for (const { program } of this.#members) program.signal('SIGABRT');
    }, endLimit * 1000);
    for (const member of this.#members) {
      const { name, program, told, joined } = member;
      if (!joined) program.signal('SIGTERM');
      const { code, signal, errors } = await program.ended;
      // One that does not listen to signals yet, or any more, leaves by them.
      if (told === 'die' || code === 0 || ((!joined || member.done) && signal === 'SIGTERM')) continue;
      this.#problems.push(`${name} ended with ${signal ?? `exit code ${code}`}: ${errors}`);
    }
    clearTimeout(late);
  }
}
