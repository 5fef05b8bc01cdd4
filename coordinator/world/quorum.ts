/** Whether workers enough are there for a step, and the wait for them. */
import type { DataError } from '../../src/errors.js';
import { StoppedError } from '../../src/pool/control.js';

export interface QuorumOptions {
  /** Workers without which the first step does not begin, and without which no later one does. */
  readonly first: number;
  readonly later: number;
  /** Ends the wait. */
  readonly signal: AbortSignal | undefined;
  /** Workers that take part, and how many of them could begin now. */
  readonly count: () => { readonly present: number; readonly able: number };
  /** Lets come and go who wants to, between two steps. */
  readonly turn: () => Promise<void>;
  /** Told when a wait begins. */
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
    const { count, turn, waiting } = this.#options;
    if (!this.#isStopped) waiting(count().present, this.#minimum);
    while (!this.#isReached) {
      if (this.#isStopped) throw new StoppedError();
      if (this.mistake && count().present === 0) throw this.mistake;
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
    const { present, able } = this.#options.count();
    return present >= this.#minimum && able > 0;
  }

  get #isStopped(): boolean {
    return this.#stopped || this.#options.signal?.aborted === true;
  }
}
