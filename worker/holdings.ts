/** The examples that a worker holds from one connection to the next: received, cached, its own, or none at all. */

import type { Examples } from '../src/data/examples.js';
import { closeRows } from '../src/data/rows.js';
import type { BlobSink } from '../src/wire/blob.js';
import { DataCache } from '../src/wire/data-cache.js';
import type { WorkerReporter } from './events.js';

/** A copy of the data that this machine has. */
export interface LocalData {
  readonly examples: Examples;
  readonly sha256: string;
}

export class Holdings {
  readonly #cache: DataCache;
  readonly #local: LocalData | undefined;
  readonly #budget: number;
  readonly #report: WorkerReporter;
  #held: { readonly sha256: string; readonly examples: Examples } | undefined;

  /** @param budget bytes of features that may be held in memory */
  constructor(cache: string | undefined, budget: number, local: LocalData | undefined, report: WorkerReporter) {
    this.#cache = new DataCache({ folder: cache, warn: (message) => report({ event: 'warning', message }) });
    this.#local = local;
    this.#budget = budget;
    this.#report = report;
  }

  get local(): string | null {
    return this.#local?.sha256 ?? null;
  }

  /** What need not be sent. */
  fingerprints(): string[] {
    const held = [this.#held, this.#local].flatMap((data) => data?.sha256 ?? []);
    return [...new Set([...held, ...this.#cache.list()])].slice(0, 64);
  }

  /** @returns undefined when it is not here after all */
  async open(sha256: string, received = false): Promise<Examples | undefined> {
    if (this.#local?.sha256 === sha256) return this.#tell('own copy', this.#local.examples);
    if (this.#held?.sha256 === sha256) return this.#tell('memory', this.#held.examples);
    const examples = await this.#cache.open(sha256, this.#budget);
    if (!examples) return undefined;
    this.#drop();
    this.#held = { sha256, examples };
    return this.#tell(received ? 'coordinator' : 'cache', examples);
  }

  /** Takes a data set that arrives. */
  receive(sha256: string, bytes: number): BlobSink & { abort(): void } {
    return this.#cache.receive(sha256, bytes);
  }

  close(): void {
    this.#drop();
    if (this.#local?.examples.file) closeRows(this.#local.examples.file);
    this.#cache.close();
  }

  #drop(): void {
    if (this.#held?.examples.file) closeRows(this.#held.examples.file);
    this.#held = undefined;
  }

  #tell(from: 'memory' | 'cache' | 'own copy' | 'coordinator', examples: Examples): Examples {
    this.#report({ event: 'data', from });
    return examples;
  }
}
