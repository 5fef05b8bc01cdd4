/**
 * Data sets that a worker has received before, by their fingerprints, so that the next run need not send them again. Any
 * number of processes may share the folder: a data set appears under its name complete or not at all.
 */
import { closeSync, existsSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Examples } from '../data/examples.js';
import { LockstepError, OutputError, WireError } from '../errors.js';
import { makeFolders } from '../ground/atomic-file.js';
import {
  cacheFolder,
  dataFile,
  fingerprintsIn,
  isFingerprint,
  makeRoom,
  markUsed,
  partialFile,
  unmark,
} from '../ground/cache-folder.js';
import { sourceHash } from '../ground/checksum.js';
import { type BlobSink, blobSink } from './blob.js';
import { checkPacked, openPacked } from './packed-data.js';

export interface CacheOptions {
  /** Default: the system's place for caches. */
  readonly folder?: string;
  /** Bytes that the folder may hold; default: 20 GB, or half of the free disk if that is less. */
  readonly limit?: number;
  /** Told what was removed because it was damaged. */
  readonly warn: (message: string) => void;
}

export class DataCache {
  readonly folder: string;
  readonly #limit: number | undefined;
  readonly #warn: (message: string) => void;
  /** Data sets of which this process has read every byte. */
  readonly #verified = new Set<string>();
  readonly #used = new Set<string>();

  constructor({ folder = cacheFolder(), limit, warn }: CacheOptions) {
    this.folder = folder;
    this.#limit = limit;
    this.#warn = warn;
  }

  /** Fingerprints of the data sets that are here, by their first lines and sizes; what is damaged is removed. */
  list(): string[] {
    return fingerprintsIn(this.folder).filter((fingerprint) => {
      try {
        if (!statSync(dataFile(this.folder, fingerprint)).isFile()) return false;
        checkPacked(dataFile(this.folder, fingerprint));
        return true;
      } catch (error) {
        // What cannot be opened now is somebody's business, but no reason to remove it.
        if (error instanceof WireError) this.#drop(fingerprint, error);
        return false;
      }
    });
  }

  /**
   * The examples of a data set, which nobody removes until `release`. What another process wrote is read through once: a
   * damaged row would change the result of a run and nothing else.
   *
   * @param budget bytes of features that may be held in memory; the other rows are read from the cached file
   * @returns undefined when it is not here, or damaged and therefore removed
   */
  async open(fingerprint: string, budget: number): Promise<Examples | undefined> {
    const file = dataFile(this.folder, fingerprint);
    // The coordinator names it: a path would lead to files of others, and one that is no data set is removed.
    if (!isFingerprint(fingerprint) || !existsSync(file)) return undefined;
    try {
      markUsed(this.folder, fingerprint);
      this.#used.add(fingerprint);
      if (!this.#verified.has(fingerprint)) await verify(file, fingerprint);
      const examples = await openPacked(file, budget);
      this.#verified.add(fingerprint);
      return examples;
    } catch (error) {
      this.release(fingerprint);
      const removed = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!removed && !(error instanceof WireError)) throw error;
      if (!removed) this.#drop(fingerprint, error as WireError);
      return undefined;
    }
  }

  /** Lets a data set be removed when its room is needed. */
  release(fingerprint: string): void {
    unmark(this.folder, fingerprint);
    this.#used.delete(fingerprint);
  }

  /** Releases all. */
  close(): void {
    for (const fingerprint of this.#used) this.release(fingerprint);
  }

  /**
   * Takes a data set that arrives; after `finish` it can be opened. `abort` gives up what has come.
   * @param fingerprint SHA-256 of the bytes
   * @throws OutputError when there is no room for it, or the folder cannot be written
   * @throws WireError from the sink's methods when it is not what was announced
   */
  receive(fingerprint: string, bytes: number): BlobSink & { abort(): void } {
    checkFingerprint(fingerprint);
    this.#checkPlace(fingerprint);
    const partial = partialFile(this.folder, fingerprint);
    const fd = this.#written(() => {
      makeFolders(resolve(this.folder), 0o700);
      makeRoom(this.folder, bytes, this.#limit);
      return openSync(partial, 'wx', 0o600);
    });
    let open = true;
    const abort = () => {
      if (open) closeSync(fd);
      open = false;
      rmSync(partial, { force: true });
    };
    const orAbort = (act: () => void) => {
      try {
        this.#written(act);
      } catch (error) {
        abort();
        throw error;
      }
    };
    const sink = blobSink(`data set ${fingerprint}`, bytes, fingerprint, (_, payload) => writeFully(fd, payload));
    return {
      abort,
      write: (offset, payload) => orAbort(() => sink.write(offset, payload)),
      finish: () =>
        orAbort(() => {
          sink.finish();
          closeSync(fd);
          open = false;
          checkPacked(partial);
          this.#place(partial, fingerprint);
        }),
    };
  }

  /** @throws OutputError where something else than a file has the name */
  #checkPlace(fingerprint: string): void {
    const file = dataFile(this.folder, fingerprint);
    const there = this.#written(() => statSync(file, { throwIfNoEntry: false }));
    if (!there || there.isFile()) return;
    throw new OutputError(`${file}: is no file`, 'remove it, or name another folder for the cache');
  }

  /** No flush to the disk: whoever opens the file in another process reads it through. */
  #place(partial: string, fingerprint: string): void {
    const file = dataFile(this.folder, fingerprint);
    try {
      renameSync(partial, file);
      this.#verified.add(fingerprint);
    } catch (error) {
      // Where a file that is open cannot be replaced (Windows), another worker has put the same one there.
      if (!existsSync(file)) throw error;
      rmSync(partial, { force: true });
    }
  }

  #drop(fingerprint: string, { problem }: WireError): void {
    rmSync(dataFile(this.folder, fingerprint), { force: true });
    this.#verified.delete(fingerprint);
    this.#warn(`${problem}; removed from the cache`);
  }

  /** @throws OutputError where the system refuses */
  #written<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof LockstepError) throw error;
      const { message } = error as Error;
      throw new OutputError(`${this.folder}: cannot be written (${message})`, 'name another folder for the cache');
    }
  }
}

/** @throws WireError when a coordinator names a data set otherwise than by its SHA-256 */
export function checkFingerprint(fingerprint: string): void {
  if (isFingerprint(fingerprint)) return;
  throw new WireError(`data set ${JSON.stringify(fingerprint)}: is no SHA-256`, 'the coordinator has to send one');
}

function writeFully(fd: number, payload: Uint8Array): void {
  for (let done = 0; done < payload.length; ) done += writeSync(fd, payload, done);
}

/** @throws WireError when the file's bytes are not those of the fingerprint */
async function verify(file: string, fingerprint: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    const read = async (position: number, length: number) => {
      const block = new Uint8Array(length);
      const { bytesRead } = await handle.read(block, 0, length, position);
      return block.subarray(0, bytesRead);
    };
    const found = await sourceHash({ length: statSync(file).size, read });
    if (found === fingerprint) return;
    throw new WireError(`${file}: its SHA-256 is ${found}`, 'the data set has to be sent again');
  } finally {
    await handle.close();
  }
}
