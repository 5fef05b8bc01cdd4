/** A place of a config that names text: a file, or several, and the documents in them. */
import type { TextConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import { realPath } from '../../ground/real-path.js';
import type { DataFile } from '../data-file.js';
import { plainText } from '../plain-text.js';
import type { Reading } from '../reading.js';
import { givenOf, sectionOf } from '../splits/split-plan.js';
import { documentsInLines, documentsOf, type TextItem } from './documents.js';
import { charactersIn, endOf, openText, TextFile } from './text-file.js';

/** A file, and the text in it as often as it is asked for. */
interface OpenText {
  readonly data: DataFile;
  /** In parts, none of which ends inside a character; of documents without what stands between them. */
  items(): AsyncIterable<TextItem>;
}

export class TextPlace {
  /** What messages call it. */
  readonly name: string;
  readonly #files: readonly OpenText[];
  readonly #hasDocuments: boolean;
  readonly #reading: Reading;
  #characters: number | undefined;

  constructor(files: readonly OpenText[], hasDocuments: boolean, reading: Reading) {
    this.name = files.map(({ data }) => data.name).join(', ');
    this.#files = files;
    this.#hasDocuments = hasDocuments;
    this.#reading = reading;
  }

  /** Bytes. */
  get size(): number {
    return this.#files.reduce((sum, { data }) => sum + data.size, 0);
  }

  /** Of the bytes of each file. */
  async hashes(): Promise<string[]> {
    const hashes: string[] = [];
    for (const { data } of this.#files) hashes.push(await data.hash(this.#reading));
    return hashes;
  }

  /** The text of all files, one after the other. */
  async *items(): AsyncGenerator<TextItem> {
    for (const file of this.#files) yield* file.items();
  }

  /** Characters of the text; counted once. */
  async characters(): Promise<number> {
    if (this.#characters !== undefined) return this.#characters;
    let count = 0;
    for await (const item of this.items()) count += item === null ? 0 : charactersIn(item);
    this.#characters = count;
    return count;
  }

  /** The parts from character `start` to before `end`; of documents, all of those that begin there. */
  async *between(start: number, end: number): AsyncGenerator<TextItem> {
    const hasDocuments = this.#hasDocuments;
    let first = 0;
    /** Whether the document is one of those; undefined before it begins. */
    let isOne: boolean | undefined;
    for await (const item of this.items()) {
      if (item === null) {
        if (isOne) yield null;
        isOne = undefined;
        continue;
      }
      if (isOne === undefined && first >= end) return;
      isOne ??= hasDocuments ? first >= start : undefined;
      const count = charactersIn(item);
      const [from, to] = [Math.max(start, first), Math.min(end, first + count)].map((place) => place - first);
      if (hasDocuments ? isOne : from === 0 && to === count) yield item;
      else if (!hasDocuments && from < to) yield item.slice(endOf(item, from), endOf(item, to));
      first += count;
    }
  }

  async close(): Promise<void> {
    for (const { data } of this.#files) await data.close();
  }
}

/**
 * The text that is divided, then those that splits have of their own.
 * @throws DataError where there is none, or a file stands in two places
 */
export async function openPlaces(config: TextConfig, reading: Reading): Promise<TextPlace[]> {
  const places = [
    { key: 'data.file', files: [config.file].flat() },
    ...givenOf(config).map(({ split, own }) => ({ key: `${sectionOf(config)}.${split}`, files: [own] })),
  ];
  refuseTwice(places.flatMap(({ files }) => files));
  const opened: OpenText[] = [];
  try {
    const found: TextPlace[] = [];
    for (const { key, files } of places) {
      const first = opened.length;
      for (const file of files) {
        const data = await openText(file, key, reading);
        opened.push({ data, items: itemsOf(data, key, config, reading) });
      }
      found.push(new TextPlace(opened.slice(first), config.documents !== undefined, reading));
    }
    return found;
  } catch (error) {
    for (const { data } of opened) await data.close();
    throw error;
  }
}

/** @param key where the config names the file */
function itemsOf(data: DataFile, key: string, { documents, invalid }: TextConfig, reading: Reading): OpenText['items'] {
  if (typeof documents === 'object' && 'column' in documents) {
    return async function* lines() {
      yield* documentsInLines(await plainText(data), documents.column, reading);
    };
  }
  const text = new TextFile(data, { key, invalid }, reading);
  return documents === undefined ? () => text.parts() : () => documentsOf(text.parts(), documents);
}

function refuseTwice(files: readonly string[]): void {
  const paths = files.map(realPath);
  const twice = paths.findIndex((path, i) => paths.indexOf(path) < i);
  if (twice < 0) return;
  throw new DataError(
    `data: the file ${paths[twice]} is named twice`,
    'name it once, and give each split files of its own',
  );
}
