/**
 * Byte pair encoding (Sennrich et al. 2016) learned from the words of a text. Merges are those, in order, of BpeTrainer of Hugging Face's
 * tokenizers: the most frequent pair first, of equals the one whose tokens are older.
 */
import { setImmediate } from 'node:timers/promises';
import { byteCharacters, inByteCharacters } from './byte-alphabet.js';

export interface BpeOptions {
  /** Tokens at most, the 256 bytes and special ones among them. */
  readonly vocabulary: number;
  /** Pairs that occur less often are not merged. */
  readonly minFrequency: number;
  /** Tokens that no text is cut into; the first ids. */
  readonly special: readonly string[];
}

export interface Bpe {
  /** By id, in the characters of bytes. */
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
}

/** Above any id, so that a pair is one whole number. */
const base = 2 ** 26;

/** A pair that may be merged next: how often it occurred when it was put in, and the words that it was seen in since. */
interface MergeCandidate {
  count: number;
  readonly pair: number;
  readonly words: readonly number[];
}

/** Merges between turns for everything else that the process does. */
const turn = 64;

/** @param counts how often each word occurs */
export async function trainBpe(
  counts: ReadonlyMap<string, number>,
  { vocabulary, minFrequency, special }: BpeOptions,
  signal?: AbortSignal,
): Promise<Bpe> {
  const tokens = [...special, ...byteCharacters.toSorted((a, b) => a.charCodeAt(0) - b.charCodeAt(0))];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const words = new WordTokens(counts, ids);
  const queue = new Queue(words.pairs());
  const merges = new Map<number, readonly [string, string]>();
  for (let round = 0; tokens.length < vocabulary; round++) {
    if (round % turn === 0) {
      await setImmediate();
      signal?.throwIfAborted();
    }
    const top = queue.pop();
    if (!top) break;
    const count = words.countOf(top.pair);
    if (top.count !== count) {
      // It has become rarer since.
      queue.push({ ...top, count });
      continue;
    }
    if (count < minFrequency) break;
    const parts = [tokens[Math.floor(top.pair / base)], tokens[top.pair % base]] as const;
    const token = parts.join('');
    // Other merges may have come to the same text before.
    const id = ids.get(token) ?? tokens.length;
    if (id === tokens.length) {
      tokens.push(token);
      ids.set(token, id);
    }
    // A pair that comes again is of the later rank.
    merges.delete(top.pair);
    merges.set(top.pair, parts);
    for (const candidate of words.merge(top, id)) queue.push(candidate);
  }
  return { tokens, merges: [...merges.values()] };
}

/** Words as tokens, and how often each pair of tokens occurs in them. */
class WordTokens {
  readonly #tokens: Int32Array[] = [];
  /** Tokens that are left of each. */
  readonly #lengths: number[] = [];
  readonly #counts: number[] = [];
  readonly #pairs = new Map<number, number>();
  /** Words of pairs that were not there before. */
  #seen = new Map<number, number[]>();

  constructor(counts: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>) {
    for (const [text, count] of counts) {
      const word = Int32Array.from(Array.from(inByteCharacters(text)), (character) => ids.get(character)!);
      const place = this.#tokens.length;
      this.#tokens.push(word);
      this.#lengths.push(word.length);
      this.#counts.push(count);
      for (let i = 1; i < word.length; i++) this.#add(word[i - 1], word[i], count, place);
    }
  }

  countOf(pair: number): number {
    return this.#pairs.get(pair) ?? 0;
  }

  /** The pairs that came since the last call. */
  pairs(): MergeCandidate[] {
    const found: MergeCandidate[] = [];
    for (const [pair, words] of this.#seen) {
      const count = this.countOf(pair);
      if (count > 0) found.push({ pair, count, words });
    }
    this.#seen = new Map();
    return found;
  }

  /** Puts one token in the place of two, wherever they are. @returns the pairs that come of it */
  merge({ pair, words }: MergeCandidate, id: number): MergeCandidate[] {
    const [first, second] = [Math.floor(pair / base), pair % base];
    for (const word of words) this.#mergeIn(word, first, second, id);
    return this.pairs();
  }

  #mergeIn(place: number, first: number, second: number, id: number): void {
    const word = this.#tokens[place];
    const count = this.#counts[place];
    const length = this.#lengths[place];
    let end = 0;
    for (let i = 0; i < length; i++) {
      if (word[i] !== first || i + 1 === length || word[i + 1] !== second) {
        word[end++] = word[i];
        continue;
      }
      if (end > 0) {
        this.#take(word[end - 1], first, count);
        this.#add(word[end - 1], id, count, place);
      }
      i++;
      word[end++] = id;
      if (i + 1 < length) {
        this.#take(second, word[i + 1], count);
        this.#add(id, word[i + 1], count, place);
      }
    }
    this.#lengths[place] = end;
  }

  #take(first: number, second: number, count: number): void {
    const pair = first * base + second;
    this.#pairs.set(pair, this.countOf(pair) - count);
  }

  #add(first: number, second: number, count: number, place: number): void {
    const pair = first * base + second;
    this.#pairs.set(pair, this.countOf(pair) + count);
    const seen = this.#seen.get(pair);
    if (!seen) this.#seen.set(pair, [place]);
    else if (seen[seen.length - 1] !== place) seen.push(place);
  }
}

/** A binary heap: the most frequent pair on top, of equals the one of lower ids. */
class Queue {
  readonly #heap: MergeCandidate[] = [];

  constructor(candidates: readonly MergeCandidate[]) {
    for (const candidate of candidates) this.push(candidate);
  }

  push(candidate: MergeCandidate): void {
    const heap = this.#heap;
    let place = heap.push(candidate) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(candidate, heap[parent])) break;
      heap[place] = heap[parent];
      place = parent;
    }
    heap[place] = candidate;
  }

  pop(): MergeCandidate | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = last;
    return top;
  }
}

const isBefore = (one: MergeCandidate, other: MergeCandidate): boolean =>
  one.count === other.count ? one.pair < other.pair : one.count > other.count;
