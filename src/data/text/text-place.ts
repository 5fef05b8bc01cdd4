/** A place of a config that names text: a file, or several, and the documents in them. */
import type { DocumentsConfig, TextConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import { realPath } from '../../ground/real-path.js';
import type { DataFile } from '../data-file.js';
import { plainText } from '../plain-text.js';
import type { Reading } from '../reading.js';
import { givenOf, sectionOf } from '../splits/split-plan.js';
import { documentsInLines, type TextItem } from './documents.js';
import { charactersIn, endOf, openText, TextFile } from './text-file.js';

/** JSON lines with a document each. */
class LinesFile {
  readonly file: string;
  readonly #data: DataFile;
  readonly #column: string;
  readonly #reading: Reading;

  constructor(data: DataFile, column: string, reading: Reading) {
    this.file = data.name;
    this.#data = data;
    this.#column = column;
    this.#reading = reading;
  }

  async *items(): AsyncGenerator<TextItem> {
    yield* documentsInLines(await plainText(this.#data), this.#column, this.#reading);
  }

  get size(): number {
    return this.#data.size;
  }

  hash(): Promise<string> {
    return this.#data.hash(this.#reading);
  }

  close(): Promise<void> {
    return this.#data.close();
  }
}

export class TextPlace {
  /** What messages call it. */
  readonly name: string;
  readonly #files: readonly (TextFile | LinesFile)[];
  readonly #documents: DocumentsConfig | undefined;
  #characters: number | undefined;

  constructor(files: readonly (TextFile | LinesFile)[], documents: DocumentsConfig | undefined) {
    this.name = files.map(({ file }) => file).join(', ');
    this.#files = files;
    this.#documents = documents;
  }

  /** Bytes. */
  get size(): number {
    return this.#files.reduce((sum, { size }) => sum + size, 0);
  }

  /** Of the bytes of each file. */
  async hashes(): Promise<string[]> {
    const hashes: string[] = [];
    for (const file of this.#files) hashes.push(await file.hash());
    return hashes;
  }

  /** The text in parts, none of which ends inside a character; of documents without what stands between them. */
  async *items(): AsyncGenerator<TextItem> {
    for (const file of this.#files) yield* file.items(this.#documents);
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
    const hasDocuments = this.#documents !== undefined;
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
    for (const file of this.#files) await file.close();
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
  const { documents, invalid } = config;
  const column = typeof documents === 'object' && 'column' in documents ? documents.column : undefined;
  const opened: TextPlace[] = [];
  try {
    for (const { key, files } of places) {
      const own: (TextFile | LinesFile)[] = [];
      for (const file of files) {
        const data = await openText(file, key, reading);
        own.push(
          column === undefined ? new TextFile(data, { key, invalid }, reading) : new LinesFile(data, column, reading),
        );
      }
      opened.push(new TextPlace(own, documents));
    }
    return opened;
  } catch (error) {
    for (const place of opened) await place.close();
    throw error;
  }
}

function refuseTwice(files: readonly string[]): void {
  const paths = files.map(realPath);
  const twice = paths.findIndex((path, i) => paths.indexOf(path) < i);
  if (twice < 0) return;
  throw new DataError(`data: the file ${paths[twice]} is named twice`, 'give each split files of its own');
}
