/** The tokens of a text, or what is known of each: in memory that threads share, or in a file where they exceed the budget. */
import { DataError } from '../../errors.js';
import { requireMemory } from '../../ground/memory.js';
import type { RowFile } from '../examples.js';
import { bytesPerElement, type FieldType, type Values, valuesOf } from '../field.js';
import { RowWriter } from '../row-writer.js';

export interface StoredTokens {
  /** All, or none where there is a file. */
  readonly values: Values;
  readonly file?: RowFile;
}

/** All but the first few. */
export function after({ values, file }: StoredTokens, count: number): StoredTokens {
  if (!file) return { values: values.subarray(count) };
  return { values, file: { ...file, start: (file.start ?? 0) + count * values.BYTES_PER_ELEMENT } };
}

/** Takes values one by one. */
export interface TokenStore {
  append(value: number): void;
  /** Nothing can follow. */
  finish(): StoredTokens;
  /** Gives a file back when the source fails. */
  discard(): void;
}

/** A file with a value each. */
class FileStore implements TokenStore {
  readonly #rows: RowWriter;
  readonly #type: FieldType;
  readonly #value = [0];

  constructor(type: FieldType) {
    this.#type = type;
    this.#rows = new RowWriter(1, type, 0);
  }

  append(value: number): void {
    this.#value[0] = value;
    this.#rows.append(this.#value);
  }

  finish(): StoredTokens {
    const { count } = this.#rows;
    const { values, file } = this.#rows.finish();
    return { values, ...(file && { file: { ...file, start: 0, end: count * bytesPerElement({ type: this.#type }) } }) };
  }

  discard(): void {
    this.#rows.discard();
  }
}

/** Room for as many as are to come. @throws DataError where there is none */
export function storeFor(type: FieldType, count: number, isInMemory: boolean): TokenStore {
  if (!isInMemory) return new FileStore(type);
  const bytes = count * bytesPerElement({ type });
  requireMemory(`a text of ${count} tokens`, bytes, DataError, 'use a smaller text, or a machine with more memory');
  const values = valuesOf(type, new SharedArrayBuffer(bytes));
  let next = 0;
  return {
    append(value) {
      values[next++] = value;
    },
    finish: () => ({ values }),
    discard() {},
  };
}

const blockTokens = 1 << 20;

/** Tokens of whose number nothing is known before all have come. */
export class TokenList {
  readonly #budget: number;
  #blocks: Int32Array[] = [];
  #file: FileStore | undefined;
  #length = 0;

  /** @param budget bytes that they may take in memory */
  constructor(budget: number) {
    this.#budget = budget;
  }

  get length(): number {
    return this.#length;
  }

  append(tokens: Iterable<number>): void {
    for (const token of tokens) {
      if (!this.#file && 4 * (this.#length + 1) > this.#budget) this.#toFile();
      const place = this.#length++ % blockTokens;
      if (this.#file) {
        this.#file.append(token);
        continue;
      }
      if (place === 0) this.#blocks.push(new Int32Array(blockTokens));
      this.#blocks[this.#blocks.length - 1][place] = token;
    }
  }

  /** All of them; the list is empty then. @throws DataError where there is no room */
  finish(): StoredTokens {
    if (this.#file) return this.#file.finish();
    const store = storeFor('int32', this.#length, true);
    this.#moveTo(store);
    return store.finish();
  }

  discard(): void {
    this.#file?.discard();
  }

  #toFile(): void {
    const file = new FileStore('int32');
    this.#moveTo(file);
    this.#file = file;
  }

  #moveTo(store: TokenStore): void {
    for (let start = 0; this.#blocks.length > 0; start += blockTokens) {
      for (const token of this.#blocks.shift()!.subarray(0, this.#length - start)) store.append(token);
    }
  }
}
