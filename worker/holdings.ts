/** The examples that a worker holds from one connection to the next: received, cached, its own, or none at all. */

import type { Examples } from '../src/data/examples.js';
import { closeExamples } from '../src/data/row-writer.js';
import { OutputError, RefusedError, WireError } from '../src/errors.js';
import { bytesText } from '../src/ground/units.js';
import { type BlobSink, blobSink } from '../src/wire/blob.js';
import { checkFingerprint, DataCache } from '../src/wire/data-cache.js';
import { packedInMemory } from '../src/wire/packed-data.js';
import type { WorkerReporter } from './worker-events.js';

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
  /** The cache cannot be used, and what comes is held in memory. */
  #isCacheless = false;

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
    const cached = this.#isCacheless ? [] : this.#cache.list();
    return [...new Set([...held, ...cached])].slice(0, 64);
  }

  /** @returns undefined when it is not here after all */
  async open(sha256: string, received = false): Promise<Examples | undefined> {
    if (this.#local?.sha256 === sha256) return this.#tell('own copy', this.#local.examples);
    if (this.#held?.sha256 === sha256) return this.#tell(received ? 'coordinator' : 'memory', this.#held.examples);
    if (this.#isCacheless) return undefined;
    const examples = await this.#fromCache(sha256);
    if (!examples) return undefined;
    this.#hold(sha256, examples);
    return this.#tell(received ? 'coordinator' : 'cache', examples);
  }

  /**
   * Takes a data set that arrives: into the cache, or into memory where that cannot be used.
   * @throws RefusedError when there is room for it in neither
   */
  receive(sha256: string, bytes: number): BlobSink & { abort(): void } {
    checkFingerprint(sha256);
    try {
      if (!this.#isCacheless) return this.#watched(this.#cache.receive(sha256, bytes));
    } catch (error) {
      this.#giveUpCache(error);
    }
    return this.#memorySink(sha256, bytes);
  }

  close(): void {
    this.#drop();
    if (this.#local) closeExamples(this.#local.examples);
    this.#cache.close();
  }

  async #fromCache(sha256: string): Promise<Examples | undefined> {
    try {
      return await this.#cache.open(sha256, this.#budget);
    } catch (error) {
      const { syscall, message } = error as NodeJS.ErrnoException;
      if (syscall === undefined) throw error;
      this.#giveUpCache(new OutputError(`${this.#cache.folder}: cannot be read (${message})`, 'name another folder'));
      return undefined;
    }
  }

  /** What fails in the middle comes again, into memory. */
  #watched(sink: BlobSink & { abort(): void }): BlobSink & { abort(): void } {
    const orAgain = (act: () => void) => {
      try {
        act();
      } catch (error) {
        this.#giveUpCache(error);
        throw new WireError((error as OutputError).problem, 'it is sent again, to be held in memory');
      }
    };
    return {
      abort: () => sink.abort(),
      write: (offset, payload) => orAgain(() => sink.write(offset, payload)),
      finish: () => orAgain(() => sink.finish()),
    };
  }

  /** @throws what has nothing to do with the cache's disk */
  #giveUpCache(error: unknown): void {
    if (!(error instanceof OutputError)) throw error;
    this.#isCacheless = true;
    const message = `${error.problem}; the data are held in memory, and sent again to the next worker`;
    this.#report({ event: 'warning', message });
  }

  #memorySink(sha256: string, bytes: number): BlobSink & { abort(): void } {
    if (bytes > this.#budget) {
      throw new RefusedError(
        `the data have ${bytesText(bytes)}: more than the ${bytesText(this.#budget)} that may be held in memory, and the cache cannot be used`,
        'name a folder for them with --cache, or let the coordinator stream the rows (cluster.placement: stream)',
      );
    }
    this.#drop();
    const packed = new SharedArrayBuffer(bytes);
    const all = new Uint8Array(packed);
    const name = `data set ${sha256}`;
    const sink = blobSink(name, bytes, sha256, (offset, payload) => all.set(payload, offset));
    return {
      abort: () => {},
      write: sink.write,
      finish: () => {
        sink.finish();
        this.#held = { sha256, examples: packedInMemory(name, packed) };
      },
    };
  }

  #hold(sha256: string, examples: Examples): void {
    this.#drop();
    this.#held = { sha256, examples };
  }

  #drop(): void {
    if (this.#held) closeExamples(this.#held.examples);
    this.#held = undefined;
  }

  #tell(from: 'memory' | 'cache' | 'own copy' | 'coordinator', examples: Examples): Examples {
    this.#report({ event: 'data', from });
    return examples;
  }
}
