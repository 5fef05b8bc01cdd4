/** What readers of data share besides the data: whom to warn, and turns for everything else that the process does. */
import { setImmediate } from 'node:timers/promises';
import type { Encoding } from './encoding.js';

/** Longest time, in milliseconds, that a reader may work before signals and connections get their turn. */
const longestSpell = 50;

export interface ReadingOptions {
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
  /** Ends the reading; it throws the signal's reason then. */
  readonly signal?: AbortSignal;
  /** Class index that the loss leaves out: it need be none of the classes. */
  readonly ignoreClass?: number;
  /** By which targets are standardized, instead of what the training split gives: as those of a trained model were. */
  readonly trained?: Encoding;
}

/** One reading of a data set. Loops call `pause` whenever one is `due`, which costs no more than a look at the clock. */
export class Reading {
  readonly warn: (message: string) => void;
  readonly signal?: AbortSignal;
  readonly ignoreClass?: number;
  #paused = performance.now();

  constructor({ warn = () => {}, signal, ignoreClass }: ReadingOptions = {}) {
    this.warn = warn;
    this.signal = signal;
    this.ignoreClass = ignoreClass;
  }

  get due(): boolean {
    return performance.now() - this.#paused >= longestSpell;
  }

  /** @throws the signal's reason once it is aborted */
  async pause(): Promise<void> {
    // Awaiting what is there already would let no signal through.
    await setImmediate();
    this.signal?.throwIfAborted();
    this.#paused = performance.now();
  }
}
