/** What readers of data share besides the data: whom to warn, and turns for everything else that the process does. */
import { setImmediate } from 'node:timers/promises';
import type { IgnoredClasses } from '../config/heads.js';
import type { Encoding } from './encoding.js';

/** Longest time, in milliseconds, that a reader may work before signals and connections get their turn. */
const longestSpell = 50;

export interface ReadingOptions {
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
  /** Ends the reading; it throws the signal's reason then. */
  readonly signal?: AbortSignal;
  /** Class index that the loss of a target leaves out: it need be none of the classes. */
  readonly ignoreClass?: IgnoredClasses;
  /** By which targets are standardized, instead of what the training split gives: as those of a trained model were. */
  readonly trained?: Encoding;
}

/** One reading of a data set. Loops call `pause` whenever one is `due`, which costs no more than a look at the clock. */
export class Reading {
  readonly warn: (message: string) => void;
  readonly signal?: AbortSignal;
  readonly #ignoreClass?: IgnoredClasses;
  #paused = performance.now();

  constructor({ warn = () => {}, signal, ignoreClass }: ReadingOptions = {}) {
    this.warn = warn;
    this.signal = signal;
    this.#ignoreClass = ignoreClass;
  }

  /** The class index that the loss of a target leaves out. @param target name of its field */
  ignoredClass(target: string): number | undefined {
    if (typeof this.#ignoreClass !== 'object') return this.#ignoreClass;
    return Object.hasOwn(this.#ignoreClass, target) ? this.#ignoreClass[target] : undefined;
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
