/** Whether workers enough are there for a step, and the wait for them. */
import type { DataError, LockstepError } from '../../src/errors.js';
import { StoppedError } from '../../src/pool/control.js';

/** How the first workers are waited for. */
export interface FirstWorkers {
  /** 0 for ever. */
  readonly seconds: number;
  /** Where the workers are ranks of a job: how many it has, this process included. */
  readonly ranks?: number;
  /** What ends the run where they do not. @param present names of those that take part by then */
  readonly missed: (present: readonly string[]) => LockstepError;
}

export interface QuorumOptions {
  /** Workers without which the first step does not begin, and without which no later one does. */
  readonly first: number;
  readonly later: number;
  /** Default: as long as they like. */
  readonly arrival?: FirstWorkers;
  /** Ends the wait. */
  readonly signal: AbortSignal | undefined;
  /** Names of the workers that take part, and how many could begin now, this machine included. */
  readonly count: () => { readonly names: readonly string[]; readonly able: number };
  /** Lets come and go who wants to, between two steps. */
  readonly turn: () => Promise<void>;
  /** Told when a wait begins, and whenever another number of workers is there meanwhile. */
  readonly waiting: (present: number, minimum: number) => void;
}

export class Quorum {
  /** What the last worker that failed told of the model or the data, where that was to blame: others would fail alike. */
  mistake: DataError | undefined;
  readonly #options: QuorumOptions;
  #hasBegun = false;
  #stopped = false;
  #changed: (() => void) | undefined;

  constructor(options: QuorumOptions) {
    this.#options = options;
    options.signal?.addEventListener('abort', () => this.wake());
  }

  /** @throws StoppedError when the run is to be stopped meanwhile */
  async reached(): Promise<void> {
    await this.#options.turn();
    if (!this.#isReached) await this.#wait();
    this.#hasBegun = true;
  }

  /** Something has changed. */
  wake(): void {
    this.#changed?.();
    this.#changed = undefined;
  }

  /** Ends the wait, if there is one, and every later one. */
  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /** Allows for waits again. */
  go(): void {
    this.#stopped = false;
  }

  async #wait(): Promise<void> {
    const { arrival } = this.#options;
    let isLate = false;
    const late = () => {
      isLate = true;
      this.wake();
    };
    const seconds = this.#hasBegun ? 0 : (arrival?.seconds ?? 0);
    const timer = seconds > 0 ? setTimeout(late, Math.min(seconds * 1000, 2 ** 31 - 1)) : undefined;
    try {
      await this.#until(() => isLate);
    } finally {
      clearTimeout(timer);
    }
  }

  async #until(isLate: () => boolean): Promise<void> {
    const { count, turn, arrival, waiting } = this.#options;
    let told: number | undefined;
    while (!this.#isReached) {
      if (this.#isStopped) throw new StoppedError();
      const present = count().names.length;
      if (present !== told) waiting(present, this.#minimum);
      told = present;
      if (this.mistake && count().names.length === 0) throw this.mistake;
      if (isLate()) throw arrival!.missed(count().names);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
      await turn();
    }
  }

  get #minimum(): number {
    return this.#hasBegun ? this.#options.later : this.#options.first;
  }

  get #isReached(): boolean {
    const { names, able } = this.#options.count();
    return names.length >= this.#minimum && able > 0;
  }

  get #isStopped(): boolean {
    return this.#stopped || this.#options.signal?.aborted === true;
  }
}
