/** Where a file is not UTF-8. Decoders only say that it is not. */
import { grouped } from '../../ground/units.js';

export interface BrokenBytes {
  /** Places that a decoder replaces by U+FFFD, one each. */
  readonly count: number;
  /** Of the first: its line, its place in the line, and what it is; lines and places from 1. */
  readonly line: number;
  readonly byte: number;
  readonly value: number;
}

/** What to do about a file that is not UTF-8. */
export const asUtf8 = 'save it as UTF-8, e.g. with iconv -f LATIN1 -t UTF-8 if that is what it is';

/** For people. */
export const placeOfBroken = ({ line, byte, value }: BrokenBytes): string =>
  `line ${grouped(line)}, byte ${grouped(byte)} of it (0x${value.toString(16).toUpperCase().padStart(2, '0')})`;

/** Bounds of the byte after some that begin a character, where they are not 0x80 to 0xbf: no longer forms, surrogates, or more than U+10FFFF. */
const narrow: Readonly<Record<number, readonly [number, number]>> = {
  224: [0xa0, 0xbf],
  237: [0x80, 0x9f],
  240: [0x90, 0xbf],
  244: [0x80, 0x8f],
};

const bytesAfter = (first: number): number => {
  if (first < 0x80) return 0;
  if (first >= 0xc2 && first <= 0xdf) return 1;
  if (first >= 0xe0 && first <= 0xef) return 2;
  return first >= 0xf0 && first <= 0xf4 ? 3 : -1;
};

/** The parts of a text that are not UTF-8, as the decoder of the WHATWG's Encoding Standard takes them. */
export class BrokenUtf8 {
  #count = 0;
  #found: Omit<BrokenBytes, 'count'> | undefined;
  #line = 1;
  /** Bytes of the line so far. */
  #bytes = 0;
  /** Of a character that has begun: its first byte, where that is, bytes that are still to come, and what the next may be. */
  #first = 0;
  #start = 0;
  #left = 0;
  #bounds: readonly [number, number] = [0x80, 0xbf];

  add(block: Uint8Array): void {
    for (const byte of block) {
      this.#bytes++;
      if (this.#left > 0 && !this.#goesOn(byte)) this.#report();
      else if (this.#left > 0) {
        this.#left--;
        this.#bounds = [0x80, 0xbf];
        continue;
      }
      this.#begin(byte);
    }
  }

  /** undefined where all is well. */
  finish(): BrokenBytes | undefined {
    if (this.#left > 0) this.#report();
    return this.#found && { count: this.#count, ...this.#found };
  }

  #goesOn(byte: number): boolean {
    return byte >= this.#bounds[0] && byte <= this.#bounds[1];
  }

  #begin(byte: number): void {
    [this.#first, this.#start] = [byte, this.#bytes];
    const after = bytesAfter(byte);
    if (after < 0) this.#report();
    else this.#left = after;
    this.#bounds = narrow[byte] ?? [0x80, 0xbf];
    if (byte !== 0x0a) return;
    this.#line++;
    this.#bytes = 0;
  }

  #report(): void {
    this.#count++;
    this.#left = 0;
    this.#found ??= { line: this.#line, byte: this.#start, value: this.#first };
  }
}
