/** Tokens as they come: nobody knows how many there will be. */
import { DataError } from '../../errors.js';
import { requireMemory } from '../../ground/memory.js';

const blockTokens = 1 << 20;

export class TokenList {
  readonly #blocks: Int32Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(tokens: Iterable<number>): void {
    for (const token of tokens) {
      const place = this.#length % blockTokens;
      if (place === 0) this.#blocks.push(new Int32Array(blockTokens));
      this.#blocks[this.#blocks.length - 1][place] = token;
      this.#length++;
    }
  }

  /** All of them, in memory that threads share; the list is empty then. @throws DataError where there is no room */
  finish(): Int32Array {
    const length = this.#length;
    requireMemory(
      `a text of ${length} tokens`,
      4 * length,
      DataError,
      'use a smaller text, or a machine with more memory',
    );
    const all = new Int32Array(new SharedArrayBuffer(4 * length));
    for (let start = 0; this.#blocks.length > 0; start += blockTokens) {
      all.set(this.#blocks.shift()!.subarray(0, length - start), start);
    }
    this.#length = 0;
    return all;
  }
}
