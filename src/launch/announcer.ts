/** What rank 0 tells the others, from its start to its end. */
import { randomUUID } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeDeath } from '../report/last-acts.js';
import { makeJobFolder, type Notice, removeNotice, writeNotice } from './rendezvous.js';

/** Milliseconds between two signs that rank 0 still prepares, and for which the others are left a word of why nothing comes of it. */
const [heartbeat, farewell] = [10_000, 3000];

export class Announcer {
  readonly #file: string;
  readonly #host: string;
  readonly #id = randomUUID();
  readonly #timer: NodeJS.Timeout;
  readonly #forget: () => void;
  #hasListened = false;

  /** @throws OutputError when the folder cannot be written */
  constructor(file: string, host: string) {
    this.#file = file;
    this.#host = host;
    makeJobFolder(dirname(file));
    this.#write({ state: 'preparing', ...this.#self });
    this.#forget = beforeDeath(() => removeNotice(file));
    this.#timer = setInterval(() => this.#beat(), heartbeat).unref();
  }

  /** @param urls by which others reach it, the likeliest first */
  listening(urls: readonly string[], token: string): void {
    clearInterval(this.#timer);
    this.#hasListened = true;
    this.#write({ state: 'listening', ...this.#self, urls: [...urls], token });
  }

  /** Nobody is left who needs to be told where. */
  allCame(): void {
    removeNotice(this.#file);
  }

  /**
   * Nothing more to say. Before anybody could come, the others are told why, and given a moment to read it.
   * @param signal ends that moment: of ranks that have read it and ended, a launcher ends the rest, and kills what takes a second
   */
  async end(
    why: Pick<Extract<Notice, { state: 'over' }>, 'exitCode' | 'message' | 'remedy'> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    clearInterval(this.#timer);
    if (why && !this.#hasListened) {
      this.#write({ state: 'over', ...this.#self, ...why });
      const isNews = !signal.aborted;
      await sleep(farewell, undefined, isNews ? { signal } : {}).catch(() => {});
    }
    this.#forget();
    removeNotice(this.#file);
  }

  get #self() {
    return { id: this.#id, host: this.#host };
  }

  #write(notice: Notice): void {
    writeNotice(this.#file, notice);
  }

  #beat(): void {
    try {
      utimesSync(this.#file, new Date(), new Date());
    } catch {
      // Whoever waits for a sign gives up in the end.
    }
  }
}
