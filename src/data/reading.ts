/** What readers of data share besides the data: whom to warn, and turns for everything else that the process does. */
import { setImmediate } from 'node:timers/promises';
import type { IgnoredClasses } from '../config/heads.js';
import { cacheFolder } from '../ground/cache-folder.js';
import { type Encoding, targetEncoding } from './encoding.js';
import type { WantedColumn } from './example-columns.js';
import type { Substitute } from './npy/array-place.js';

/** Longest time, in milliseconds, that a reader may work before signals and connections get their turn. */
const longestSpell = 50;

export interface ReadingOptions {
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
  /** Ends the reading; it throws the signal's reason then. */
  readonly signal?: AbortSignal;
  /** Class index that the loss of a target leaves out: it need be none of the classes. */
  readonly ignoreClass?: IgnoredClasses;
  /**
   * The encoding of a trained model: targets are standardized as it says instead of by what the training split gives, classes are those
   * that it has, and sequences as long as its inputs.
   */
  readonly trained?: Encoding;
  /** Where other arrays are than those that a config of `source: npy` names. */
  readonly arrays?: Substitute;
  /** Columns whose values are wanted beside the examples. */
  readonly columns?: readonly WantedColumn[];
  /** Where tokens of texts are kept; default: the system's place for caches. */
  readonly cacheFolder?: string;
}

/** One reading of a data set. Loops call `pause` whenever one is `due`, which costs no more than a look at the clock. */
export class Reading {
  readonly warn: (message: string) => void;
  readonly signal?: AbortSignal;
  readonly trained?: Encoding;
  readonly arrays?: Substitute;
  readonly columns: readonly WantedColumn[];
  readonly cacheFolder: string;
  readonly #ignoreClass?: IgnoredClasses;
  #paused = performance.now();

  constructor(options: ReadingOptions = {}) {
    const { warn = () => {}, signal, ignoreClass, trained, arrays, columns = [] } = options;
    this.warn = warn;
    this.signal = signal;
    this.#ignoreClass = ignoreClass;
    this.trained = trained;
    this.arrays = arrays;
    this.columns = columns;
    this.cacheFolder = options.cacheFolder ?? cacheFolder();
  }

  /** The class index that the loss of a target leaves out. @param target name of its field */
  ignoredClass(target: string): number | undefined {
    if (typeof this.#ignoreClass !== 'object') return this.#ignoreClass;
    return Object.hasOwn(this.#ignoreClass, target) ? this.#ignoreClass[target] : undefined;
  }

  /** What a trained model's classes are; undefined where it has none, or there is no such model. */
  classesOf(target: string): readonly string[] | undefined {
    return this.trained && targetEncoding(this.trained, { name: target, role: 'target' }).classes;
  }

  /** What a trained model took the values of a target for, as far as that is known. */
  kindOf(target: string): 'class' | 'number' | undefined {
    const known = this.trained && targetEncoding(this.trained, { name: target, role: 'target' });
    return known?.classes ? 'class' : known?.outputs && 'number';
  }

  /** Places of a trained model's sequences. */
  lengthOf(name: string): number | undefined {
    const input = this.trained?.input;
    const own = input?.kind === 'fields' ? input.fields[name] : input;
    return own && 'length' in own ? own.length : undefined;
  }

  /** A reading with the same options, of examples that are read as those of a trained model. */
  like(trained: Encoding, arrays?: Substitute): Reading {
    const { warn, signal, columns } = this;
    return new Reading({ warn, signal, ignoreClass: this.#ignoreClass, trained, arrays, columns });
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
