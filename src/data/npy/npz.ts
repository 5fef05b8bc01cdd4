/**
 * Reads .npz files, NumPy's format of several arrays: a zip archive of .npy files, stored (numpy.savez) or deflated
 * (numpy.savez_compressed). Stored ones are read where they lie, others are inflated into a temporary file.
 */
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type Readable, Transform } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { DataError } from '../../errors.js';
import { requireMemory } from '../../ground/memory.js';
import { suggest } from '../../ground/suggest.js';
import { bytesText } from '../../ground/units.js';
import { type DataFile, keptStream } from '../data-file.js';
import type { Reading } from '../reading.js';

/** What an entry of the directory takes in memory, amply. */
const entryBytes = 1000;
/** Members that a message lists before it breaks off. */
const LISTED = 20;
const again = 'write it again by numpy.savez, or get it again';

class Reader extends RandomAccessReader {
  readonly #data: DataFile;

  constructor(data: DataFile) {
    super();
    this.#data = data;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return this.#data.part(this.#data.name, start, end - start).stream();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#data.read(length, position).then(
      (block) => callback(null, block.copy(buffer, offset)),
      (error) => callback(error),
    );
  }
}

/** An archive of arrays. */
export class Npz {
  private constructor(
    readonly data: DataFile,
    readonly zip: ZipFile,
    readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /**
   * @param data stays open for as long as members are read
   * @throws DataError if it is no whole archive, or has a member twice
   */
  static async open(data: DataFile): Promise<Npz> {
    const entries = new Map<string, Entry>();
    const zip = await unlessBroken(data, () =>
      fromRandomAccessReaderPromise(new Reader(data), data.size, { lazyEntries: true, autoClose: false }),
    );
    const what = `${data.name}: its directory announces ${zip.entryCount} members`;
    requireMemory(what, entryBytes * zip.entryCount, DataError, again);
    const found = await unlessBroken(data, async () => {
      const all: Entry[] = [];
      for await (const entry of zip.eachEntry()) all.push(entry);
      return all;
    });
    for (const entry of found) {
      if (entry.fileName.endsWith('/')) continue;
      const name = memberName(entry.fileName);
      if (entries.has(name)) throw new DataError(`${data.name} holds the member ${name} twice`, again);
      entries.set(name, entry);
    }
    if (entries.size === 0) throw new DataError(`${data.name} holds no arrays`, 'write arrays into it by numpy.savez');
    return new Npz(data, zip, entries);
  }

  /** Names of the arrays, without their ending. */
  get members(): string[] {
    return [...this.entries.keys()];
  }

  /**
   * @param wanted as it was given to numpy.savez; absent for the only one there is
   * @param names that it may have where none is wanted and there are several
   * @param remedy where none of them is there
   * @throws DataError that lists the members where there is no such member, or several
   */
  nameOf(wanted: string | undefined, names: readonly string[] = [], remedy?: string): string {
    const { members } = this;
    const list = `${members.slice(0, LISTED).join(', ')}${members.length > LISTED ? ', ...' : ''}`;
    if (wanted === undefined) {
      const found = members.length === 1 ? members[0] : names.find((name) => this.entries.has(name));
      if (found !== undefined) return found;
      throw new DataError(
        `${this.data.name} holds ${members.length} arrays, and nothing says which is ${names[0] ?? 'meant'}: ${list}`,
        remedy ?? `name one: { file: ${this.data.name}, member: ${members[0]} }`,
      );
    }
    const name = memberName(wanted);
    if (this.entries.has(name)) return name;
    const near = suggest(name, members);
    throw new DataError(
      `${this.data.name} has no member ${wanted}`,
      `${near === undefined ? '' : `did you mean ${near}? `}it holds ${list}`,
    );
  }

  /** @throws DataError when the member is damaged, or too large for the folder of temporary files */
  async open(member: string, reading: Reading): Promise<DataFile> {
    const entry = this.entries.get(member)!;
    const name = `${this.data.name}: ${member}`;
    if (entry.isEncrypted()) throw new DataError(`${name} is encrypted`, 'write the arrays by numpy.savez');
    if (!entry.canDecodeFileData()) {
      throw new DataError(
        `${name} is compressed by method ${entry.compressionMethod} of zip`,
        'write the arrays by numpy.savez or numpy.savez_compressed',
      );
    }
    return entry.compressionMethod === 0 ? this.#stored(name, entry, reading) : this.#inflated(name, entry, reading);
  }

  async #stored(name: string, entry: Entry, reading: Reading): Promise<DataFile> {
    const { fileDataStart } = await unlessBroken(this.data, () =>
      this.zip.readLocalFileHeaderPromise(entry, { minimal: true }),
    );
    const part = this.data.part(name, fileDataStart, entry.uncompressedSize);
    let sum = 0;
    for await (const block of part.blocks()) {
      sum = crc32(block, sum);
      if (reading.due) await reading.pause();
    }
    if (sum !== entry.crc32) throw damaged(name);
    return part;
  }

  async #inflated(name: string, entry: Entry, reading: Reading): Promise<DataFile> {
    await requireRoom(name, entry.uncompressedSize);
    const source = await unlessBroken(this.data, () => this.zip.openReadStreamPromise(entry));
    let sum = 0;
    const summed = new Transform({
      transform: (block: Buffer, _, done) => {
        sum = crc32(block, sum);
        done(null, block);
      },
    });
    source.on('error', (error) => summed.destroy(error));
    const file = await keptStream(name, source.pipe(summed), reading, {
      unreadable: (error) => (error instanceof DataError ? error : damaged(name, error)),
      noRoom: (reason) => noRoom(name, reason),
    });
    if (sum === entry.crc32) return file;
    await file.close();
    throw damaged(name);
  }
}

/** As numpy.load does, names go without the ending that numpy.savez gives them. */
const memberName = (fileName: string): string => fileName.replace(/\.npy$/, '');

async function unlessBroken<T>({ name }: DataFile, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DataError) throw error;
    // The first sentence of the message says what is wrong.
    const [reason] = (error as Error).message.split('. ');
    throw new DataError(`${name} is a damaged .npz file (${reason})`, again);
  }
}

const damaged = (name: string, error?: unknown) =>
  new DataError(
    `${name} is damaged (${error === undefined ? 'its checksum differs' : (error as Error).message})`,
    'write or get the file again',
  );

const noRoom = (name: string, reason: string) =>
  new DataError(
    `${name} is compressed, and ${tmpdir()} takes no copy of it that is not (${reason})`,
    'name a folder with space in the environment variable TMPDIR, or write the arrays by numpy.savez, which does not compress',
  );

/** @throws DataError where the folder of temporary files has less room than a member announces */
async function requireRoom(name: string, bytes: number): Promise<void> {
  const found = await statfs(tmpdir()).catch(() => undefined);
  if (!found || bytes <= found.bavail * found.bsize) return;
  throw noRoom(name, `it announces ${bytesText(bytes)}, and there are ${bytesText(found.bavail * found.bsize)}`);
}
