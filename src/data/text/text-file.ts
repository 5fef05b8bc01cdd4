/** A file of text, read as a stream as often as needed. */
import { TextDecoder } from 'node:util';
import { DataError } from '../../errors.js';
import { grouped } from '../../ground/units.js';
import { type DataFile, openData } from '../data-file.js';
import type { Reading } from '../reading.js';
import { asUtf8, type BrokenBytes, BrokenUtf8, placeOfBroken } from './utf8.js';

/** What U+FFFD may stand for. */
const replacement = '\ufffd';

export interface TextFileOptions {
  /** Where the config names the file: `data.file`. */
  readonly key: string;
  readonly invalid: 'refuse' | 'replace';
}

export class TextFile {
  readonly file: string;
  readonly #data: DataFile;
  readonly #options: TextFileOptions;
  readonly #reading: Reading;
  #isChecked = false;

  constructor(data: DataFile, options: TextFileOptions, reading: Reading) {
    this.file = data.name;
    this.#data = data;
    this.#options = options;
    this.#reading = reading;
  }

  /**
   * The text in parts, none of which ends inside a character; a byte-order mark is left out.
   * @throws DataError naming line and byte of what is not UTF-8
   */
  async *parts(): AsyncGenerator<string> {
    const isFatal = this.#options.invalid === 'refuse';
    const decoder = new TextDecoder('utf-8', { fatal: isFatal });
    let hasReplaced = false;
    const decode = (block?: Uint8Array) => {
      try {
        return decoder.decode(block, { stream: block !== undefined });
      } catch {
        return undefined;
      }
    };
    for await (const block of this.#data.blocks()) {
      const text = decode(block);
      if (text === undefined) throw await this.#refused();
      hasReplaced ||= !isFatal && text.includes(replacement);
      yield text;
      if (this.#reading.due) await this.#reading.pause();
    }
    const last = decode();
    if (last === undefined) throw await this.#refused();
    if (hasReplaced || last !== '') await this.#warn();
    yield last;
  }

  async #broken(): Promise<BrokenBytes | undefined> {
    const broken = new BrokenUtf8();
    for await (const block of this.#data.blocks()) {
      broken.add(block);
      if (this.#reading.due) await this.#reading.pause();
    }
    return broken.finish();
  }

  async #refused(): Promise<DataError> {
    const broken = (await this.#broken())!;
    return new DataError(
      `${this.#options.key}: ${this.file} is not UTF-8 text: ${placeOfBroken(broken)}`,
      `${asUtf8}, or set data.invalid: replace`,
    );
  }

  /** Once, of what was replaced; the file may have U+FFFD of its own. */
  async #warn(): Promise<void> {
    if (this.#isChecked) return;
    this.#isChecked = true;
    const broken = await this.#broken();
    if (!broken) return;
    const places = broken.count === 1 ? 'one place' : `${grouped(broken.count)} places`;
    this.#reading.warn(
      `${this.file}: U+FFFD stands in ${places} that are not UTF-8, the first at ${placeOfBroken(broken)}`,
    );
  }
}

/** @param key where the config names it @throws DataError where there is none */
export async function openText(path: string, key: string, reading: Reading): Promise<DataFile> {
  try {
    return await openData(path, reading);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`${key}: ${error.problem}`, `set it to a text file, e.g. --set ${key}=...`);
  }
}

/** Characters of a text: a pair of surrogates is one. */
export function charactersIn(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) if (isSecondHalf(text.charCodeAt(i))) count--;
  return count;
}

/** Where a text ends that has so many characters of another. */
export function endOf(text: string, characters: number): number {
  let end = 0;
  for (let i = 0; i < characters; i++) end += isFirstHalf(text.charCodeAt(end)) ? 2 : 1;
  return end;
}

const isFirstHalf = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isSecondHalf = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;
