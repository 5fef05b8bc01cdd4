/** A data file, or a part of one, opened once and read at any place and as often as needed; what can be read only once is kept first. */
import { createHash } from 'node:crypto';
import { close, constants, createReadStream, fstat, open, read, type Stats, write } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { DataError } from '../errors.js';
import { removeTemporary, type TemporaryFile, temporaryFile } from '../ground/temporary-file.js';
import type { Reading } from './reading.js';
import { unreadable } from './unreadable.js';

/** Bytes that a stream reads at once. */
const blockBytes = 1 << 16;

/** The name of standard input among files. */
const standardInput = '-';

const [opened, closed, statusOf] = [promisify(open), promisify(close), promisify(fstat)];

export class DataFile {
  readonly size: number;
  readonly #fd: number;
  readonly #temporary: string | undefined;
  /** Of a part: the byte of the whole file that it starts with. */
  readonly #start: number | undefined;

  /** @param name for people: the path, or what was read instead of one */
  constructor(
    readonly name: string,
    { fd, size, temporary, start }: { fd: number; size: number; temporary?: string; start?: number },
  ) {
    this.#fd = fd;
    this.size = size;
    this.#temporary = temporary;
    this.#start = start;
  }

  /** Bytes of this file as a file of its own, to be read while this one is open. */
  part(name: string, start: number, size: number): DataFile {
    return new DataFile(name, { fd: this.#fd, size, start: (this.#start ?? 0) + start });
  }

  /**
   * `length` bytes from `position` on, fewer where the file ends.
   * @param buffer receives them; by default a new one
   * @throws DataError
   */
  async read(length: number, position: number, buffer = Buffer.from(new ArrayBuffer(length))): Promise<Buffer> {
    const isPart = this.#start !== undefined;
    const wanted = isPart ? Math.max(0, Math.min(length, this.size - position)) : length;
    const from = (this.#start ?? 0) + position;
    let done = 0;
    while (done < wanted) {
      const { bytesRead } = await promisify(read)(this.#fd, buffer, done, wanted - done, from + done).catch((error) => {
        throw unreadable(this.name, error);
      });
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  }

  /** All of it from the start, as a stream of its own. Not Node's, which closes the file when it is destroyed. */
  stream(): Readable {
    return Readable.from(this.blocks(), { objectMode: false });
  }

  /** All of it from the start, in blocks. */
  async *blocks(): AsyncGenerator<Buffer> {
    for (let position = 0; ; ) {
      const block = await this.read(blockBytes, position);
      if (block.length === 0) return;
      yield block;
      position += block.length;
    }
  }

  /** SHA-256 of all of it. */
  async hash(reading: Reading): Promise<string> {
    const hash = createHash('sha256');
    for await (const block of this.blocks()) {
      hash.update(block);
      if (reading.due) await reading.pause();
    }
    return hash.digest('hex');
  }

  /** A part stays open with the whole. */
  async close(): Promise<void> {
    if (this.#start !== undefined) return;
    await closed(this.#fd);
    if (this.#temporary !== undefined) removeTemporary(this.#temporary);
  }
}

/**
 * @param path of a file or a pipe; `-` is standard input. A pipe is read to its end and kept in a temporary file.
 * @throws DataError if there is no such file, or it is a folder or a device
 */
export async function openData(path: string, reading: Reading): Promise<DataFile> {
  if (path === standardInput) return keptPipe('standard input', process.stdin, reading);
  const name = resolve(path);
  // A pipe nobody writes to yet is opened all the same, and waited for where Ctrl-C is heard.
  const flags = constants.O_RDONLY | (process.platform === 'linux' ? constants.O_NONBLOCK : 0);
  const fd = await opened(name, flags).catch((error) => {
    throw unreadable(name, error);
  });
  const status = await statusOf(fd);
  if (status.isFile()) return new DataFile(name, { fd, size: status.size });
  if (!status.isFIFO()) {
    await closed(fd);
    throw notAFile(name, status);
  }
  const socket = process.platform === 'linux' ? new Socket({ fd, readable: true, writable: false }) : undefined;
  return keptPipe(name, socket ?? createReadStream('', { fd }), reading);
}

function notAFile(name: string, status: Stats): DataError {
  if (status.isDirectory()) return unreadable(name, Object.assign(new Error(), { code: 'EISDIR' }));
  return new DataError(`${name} is no file but a device`, 'name a file or a pipe, or - for standard input');
}

const keptPipe = (name: string, source: Readable, reading: Reading): Promise<DataFile> =>
  keptStream(name, source, reading, {
    unreadable: (error) => unreadable(name, error),
    noRoom: (reason) =>
      new DataError(
        `${name} is a pipe, and ${tmpdir()} takes no copy of what comes through it (${reason})`,
        'name a folder with space in the environment variable TMPDIR, or write the data to a file and name that',
      ),
  });

/**
 * Everything that comes, in a temporary file.
 * @param name of the file that is returned
 * @param failures what to say where the source fails, and where the file cannot be written
 */
export async function keptStream(
  name: string,
  source: Readable,
  reading: Reading,
  failures: { unreadable(error: unknown): DataError; noRoom(reason: string): DataError },
): Promise<DataFile> {
  const { fd, path } = copyOf(failures.noRoom);
  const file = { fd, size: 0, temporary: path };
  const stop = () => source.destroy();
  reading.signal?.addEventListener('abort', stop);
  if (reading.signal?.aborted) stop();
  try {
    for await (const chunk of source) {
      const bytes = chunk as Uint8Array;
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await promisify(write)(fd, bytes, done, bytes.length - done, file.size + done);
        done += bytesWritten;
      }
      file.size += bytes.length;
    }
  } catch (error) {
    await new DataFile(name, file).close();
    reading.signal?.throwIfAborted();
    throw (error as NodeJS.ErrnoException).syscall === 'write'
      ? failures.noRoom((error as Error).message)
      : failures.unreadable(error);
  } finally {
    reading.signal?.removeEventListener('abort', stop);
  }
  return new DataFile(name, file);
}

function copyOf(noRoom: (reason: string) => DataError): TemporaryFile {
  try {
    return temporaryFile();
  } catch (error) {
    throw noRoom((error as Error).message);
  }
}
