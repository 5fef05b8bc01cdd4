/** Numbers and names of workers: one that is lost keeps its own for a while, and has them again when it comes back. */
import type { Hello } from '../../src/wire/messages.js';
import type { Clock } from './clock.js';
import type { RemoteWorker } from './remote.js';

/** A worker's number and name in the run. */
export interface WorkerPlace {
  readonly id: number;
  readonly name: string;
  readonly hasWorked: boolean;
}

export class Places {
  readonly #clock: Clock;
  readonly #grace: number;
  /** Places of lost workers by membership, and when they were lost. */
  readonly #kept = new Map<string, WorkerPlace & { readonly since: number }>();
  #nextId = 1;

  /** @param grace seconds that a place is kept */
  constructor(clock: Clock, grace: number) {
    this.#clock = clock;
    this.#grace = grace;
  }

  /** Names of lost workers that have a place. */
  get away(): string[] {
    return [...this.#kept.values()].map(({ name }) => name);
  }

  /** The place of a lost worker. */
  of(membership: string): WorkerPlace | undefined {
    return this.#kept.get(membership);
  }

  /** @param taken names of those who are here */
  assign({ membership, name: wanted }: Hello, taken: readonly string[]): WorkerPlace {
    this.expire();
    const before = this.#kept.get(membership);
    if (before) return before;
    const names = new Set([...taken, ...this.away]);
    let name = wanted;
    for (let n = 2; names.has(name); n++) name = `${wanted}-${n}`;
    return { id: this.#nextId++, name, hasWorked: false };
  }

  /** A worker is here. @returns whether it was away before */
  take(membership: string): boolean {
    return this.#kept.delete(membership);
  }

  keep({ id, name, membership, standing }: RemoteWorker): void {
    this.#kept.set(membership, { id, name, hasWorked: standing.hasWorked, since: this.#clock.now() });
  }

  /** Gives up places of workers that have been away for too long. */
  expire(): void {
    const now = this.#clock.now();
    for (const [membership, { since }] of this.#kept) {
      if (now - since > this.#grace * 1000) this.#kept.delete(membership);
    }
  }
}
