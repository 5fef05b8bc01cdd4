/** What the threads of a pool share to move in step: a barrier, the wish to stop, the decision on a step, and progress. */
import { availableParallelism } from 'node:os';

const word = { arrived: 0, generation: 1, aborted: 2, stopWanted: 3, halt: 4, done: 5, nextBatch: 6, words: 7 };

/** Thrown in the threads that wait for one that failed. */
export class AbortedError extends Error {
  static readonly reason = 'another thread of the pool failed';
  constructor() {
    super(AbortedError.reason);
  }
}

/** What was asked for is not done, because it was to be stopped meanwhile. */
export class StoppedError extends Error {}

/**
 * Loads before a waiting thread goes to sleep: about 0.14 ms, since being woken up takes longer than a phase of a small
 * model. Where threads share cores, one that spins keeps from its core whom it waits for.
 */
const spinsOf = (ranks: number): number => (ranks <= cores ? 20_000 : 2000);
const cores = availableParallelism();

export class Control {
  readonly #words: Int32Array;

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(word.words * Int32Array.BYTES_PER_ELEMENT);
  }
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /** Called by the pool before it hands out the tasks of a span. */
  begin(): void {
    const { arrived, stopWanted, halt, done, nextBatch } = word;
    for (const index of [arrived, stopWanted, halt, done, nextBatch]) Atomics.store(this.#words, index, 0);
  }

  /**
   * Waits until all `ranks` threads have come here.
   * @throws AbortedError when one of them failed and will not come
   */
  barrier(ranks: number): void {
    const words = this.#words;
    const generation = Atomics.load(words, word.generation);
    if (Atomics.add(words, word.arrived, 1) === ranks - 1) {
      Atomics.store(words, word.arrived, 0);
      Atomics.add(words, word.generation, 1);
      Atomics.notify(words, word.generation);
    } else {
      const spins = spinsOf(ranks);
      for (let i = 0; i < spins && Atomics.load(words, word.generation) === generation; i++);
      while (Atomics.load(words, word.generation) === generation && !this.aborted) {
        Atomics.wait(words, word.generation, generation);
      }
    }
    if (this.aborted) throw new AbortedError();
  }

  get aborted(): boolean {
    return Atomics.load(this.#words, word.aborted) === 1;
  }
  /** Frees the threads that wait for one that failed. */
  abort(): void {
    Atomics.store(this.#words, word.aborted, 1);
    // A sleeper rechecks only when the value it sleeps on has changed.
    Atomics.add(this.#words, word.generation, 1);
    Atomics.notify(this.#words, word.generation);
  }

  /** Asks the threads to end their span after the step that is under way, an evaluation after the batches that are. */
  requestStop(): void {
    Atomics.store(this.#words, word.stopWanted, 1);
  }
  /** Rank 0 decides for all whether this step is the last, between two barriers. */
  decideHalt(): void {
    Atomics.store(this.#words, word.halt, Atomics.load(this.#words, word.stopWanted));
  }
  get halted(): boolean {
    return Atomics.load(this.#words, word.halt) === 1;
  }

  /** Steps committed in this span. */
  get done(): number {
    return Atomics.load(this.#words, word.done);
  }
  commitStep(): void {
    Atomics.add(this.#words, word.done, 1);
  }

  /** Hands out the batches of an evaluation, each once, until it is to stop. */
  takeBatch(): number | undefined {
    if (Atomics.load(this.#words, word.stopWanted) === 1) return undefined;
    return Atomics.add(this.#words, word.nextBatch, 1);
  }
  /** Batches that were handed out, and tries to have one more. */
  get taken(): number {
    return Atomics.load(this.#words, word.nextBatch);
  }
}
