/** Opens arrays: .npy files, and members of .npz files, each archive once, as it may come through a pipe. */
import { basename } from 'node:path';
import { DataError } from '../../errors.js';
import { realPath } from '../../ground/real-path.js';
import { type DataFile, openData } from '../data-file.js';
import type { Reading } from '../reading.js';
import type { ArrayLocation } from './array-place.js';
import { type Npy, readHeader } from './npy.js';
import type { Npz } from './npz.js';

/** Whether a file is a zip archive, by its first bytes: of a member, or of the end of an archive without any. */
async function isZip(data: DataFile): Promise<boolean> {
  const start = await data.read(4, 0);
  return ['PK\x03\x04', 'PK\x05\x06'].includes(start.toString('latin1'));
}

export class ArrayFiles {
  readonly #reading: Reading;
  readonly #archives = new Map<string, Npz>();
  readonly #common: string | undefined;

  /** @param common the archive of arrays that name no file */
  constructor(reading: Reading, common?: string) {
    this.#reading = reading;
    this.#common = common;
  }

  /**
   * @param names that the member may have where the place names none
   * @param remedy where it has none of them
   * @returns the header; its file is to be closed by the caller
   * @throws DataError if the file cannot be read, is none of NumPy's, has no such member, or holds what is not taken
   */
  async open({ file, member }: ArrayLocation, names?: readonly string[], remedy?: string): Promise<Npy> {
    const opened = await this.#opened(file);
    if (!('members' in opened) && member !== undefined) {
      await opened.close();
      throw new DataError(`${opened.name} is no .npz file, and has no member ${member}`, 'name a .npz file');
    }
    const data = 'members' in opened ? await opened.open(opened.nameOf(member, names, remedy), this.#reading) : opened;
    try {
      return await readHeader(data);
    } catch (error) {
      await data.close();
      throw error;
    }
  }

  /** What two places of one array have in common, once it was opened. @param names as then */
  identityOf({ file, member }: ArrayLocation, names?: readonly string[]): string {
    const archive = this.#archives.get(file);
    return archive ? `${realPath(file)}: ${archive.nameOf(member, names)}` : realPath(file);
  }

  /** Names of the arrays in an archive; undefined of a file that is none. */
  async members(file: string): Promise<readonly string[] | undefined> {
    const opened = await this.#opened(file);
    if ('members' in opened) return opened.members;
    await opened.close();
    return undefined;
  }

  /** Closes the archives. */
  async close(): Promise<void> {
    for (const { data } of this.#archives.values()) await data.close();
    this.#archives.clear();
  }

  /** What helps better where a file that is not there is called as an array of the common archive is. */
  async #meant(file: string, { problem }: DataError): Promise<DataError | undefined> {
    const [common, name] = [this.#common, basename(file)];
    if (common === undefined || file === common || !(await this.members(common))?.includes(name)) return undefined;
    return new DataError(problem, `name the array of ${common}: { member: ${name} }`);
  }

  async #opened(file: string): Promise<Npz | DataFile> {
    const known = this.#archives.get(file);
    if (known) return known;
    const data = await openData(file, this.#reading).catch(async (error: DataError) => {
      throw (await this.#meant(file, error)) ?? error;
    });
    try {
      if (!(await isZip(data))) return data;
      // Late: most arrays lie in files of their own.
      const { Npz } = await import('./npz.js');
      const archive = await Npz.open(data);
      this.#archives.set(file, archive);
      return archive;
    } catch (error) {
      await data.close();
      throw error;
    }
  }
}
