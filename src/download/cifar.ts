/**
 * The CIFAR family's archives, as IDX files. A record is a byte for the label and 3 planes (red, green, blue) of 32 x 32
 * bytes (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", and www.cs.toronto.edu/~kriz/cifar.html);
 * an IDX file has the channels of each pixel side by side.
 */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { list, type ReadEntry } from 'tar';
import { DataError } from '../errors.js';
import { orOutputError, publish } from './disk.js';
import { IdxWriter, idxSize } from './idx-writer.js';
import type { CifarLayout } from './sets.js';

const SIDE = 32;
const PLANE = SIDE * SIDE;
const CHANNELS = 3;
const RECORD = 1 + CHANNELS * PLANE;
const CLASSES = 10;

const REMEDY = 'remove the archive and run the same command again';

interface IdxFile {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The IDX files that an archive becomes, with their sizes in bytes. */
export function convertedFiles(layout: CifarLayout): { name: string; size: number }[] {
  return layout.splits
    .flatMap((split) => idxFiles(split, layout.records))
    .map(({ name, shape }) => ({ name, size: idxSize(shape) }));
}

function idxFiles({ prefix, files }: CifarLayout['splits'][number], records: number): [IdxFile, IdxFile] {
  const count = files.length * records;
  return [
    { name: `${prefix}-images-idx4-ubyte`, shape: [count, SIDE, SIDE, CHANNELS] },
    { name: `${prefix}-labels-idx1-ubyte`, shape: [count] },
  ];
}

/**
 * Reads the archive once, piece by piece, and removes it when the IDX files have their final names.
 *
 * @returns the names of the IDX files
 * @throws DataError if the archive is damaged, or has not the files, records and labels that `layout` says
 * @throws OutputError if `dir` cannot be written to
 */
export async function convertCifar(archive: string, dir: string, layout: CifarLayout): Promise<string[]> {
  const names = convertedFiles(layout).map(({ name }) => name);
  const results = names.map((name) => ({ from: join(dir, `${name}.partial`), to: join(dir, name) }));
  await orOutputError(dir, async () => {
    try {
      await unpack(archive, dir, layout);
      await publish(results);
    } finally {
      for (const { from } of results) rmSync(from, { force: true });
    }
    rmSync(archive);
  });
  return names;
}

async function unpack(archive: string, dir: string, { records, splits }: CifarLayout): Promise<void> {
  const missing = new Set(splits.flatMap(({ files }) => files));
  const outputs: SplitWriter[] = [];
  let problem: unknown;
  const onReadEntry = (entry: ReadEntry) => {
    const name = basename(entry.path);
    const output = outputs.find(({ files }) => files.includes(name));
    if (!output || !missing.delete(name)) return;
    const file = output.file(name);
    // What a listener throws would end the process: keep it for later.
    const guarded = (action: () => void) => {
      try {
        if (problem === undefined) action();
      } catch (error) {
        problem = error;
      }
    };
    entry.on('data', (piece) => guarded(() => file.write(piece)));
    entry.on('end', () => guarded(() => file.end()));
  };
  try {
    for (const split of splits) outputs.push(new SplitWriter(split.files, dir, idxFiles(split, records), records));
    await list({ file: archive, strict: true, onReadEntry }).catch((error: Error) => {
      throw new DataError(`${archive} cannot be unpacked (${error.message})`, REMEDY);
    });
    if (problem !== undefined) throw problem;
    if (missing.size > 0) throw new DataError(`${archive} lacks ${[...missing].join(', ')}`, REMEDY);
  } catch (error) {
    problem = error;
    throw error;
  } finally {
    for (const output of outputs) output.close(problem === undefined);
  }
}

/** The two IDX files of a split. The files of the archive come in any order: each has its place. */
class SplitWriter {
  readonly #records: number;

  readonly #images: IdxWriter;
  readonly #labels: IdxWriter;

  /**
   * @param files names in the archive
   * @param records in each of them
   */
  constructor(
    readonly files: readonly string[],
    dir: string,
    [images, labels]: [IdxFile, IdxFile],
    records: number,
  ) {
    this.#records = records;

    this.#images = new IdxWriter(join(dir, `${images.name}.partial`), images.shape);
    this.#labels = new IdxWriter(join(dir, `${labels.name}.partial`), labels.shape);
  }

  /** Takes a file of the archive, piece by piece. */
  file(name: string): { write(piece: Buffer): void; end(): void } {
    let index = this.files.indexOf(name) * this.#records;
    const end = index + this.#records;
    let rest = Buffer.alloc(0);
    const check = (right: boolean) => {
      if (!right)
        throw new DataError(`${name} of the archive has not ${this.#records} records of ${RECORD} bytes`, REMEDY);
    };
    return {
      write: (piece) => {
        const bytes = Buffer.concat([rest, piece]);
        const count = Math.floor(bytes.length / RECORD);
        check(index + count <= end);
        this.#put(index, count, bytes, name);
        index += count;
        rest = bytes.subarray(count * RECORD);
      },
      end: () => check(index === end && rest.length === 0),
    };
  }

  close(synced: boolean): void {
    this.#images.close(synced);
    this.#labels.close(synced);
  }

  #put(index: number, count: number, records: Buffer, name: string): void {
    const images = Buffer.alloc(count * CHANNELS * PLANE);
    const labels = Buffer.alloc(count);
    for (let i = 0; i < count; i++) {
      const record = records.subarray(i * RECORD, (i + 1) * RECORD);
      labels[i] = record[0];
      if (labels[i] >= CLASSES) {
        throw new DataError(`${name} of the archive has a label ${labels[i]}, the last is ${CLASSES - 1}`, REMEDY);
      }
      interleave(record.subarray(1), images.subarray(i * CHANNELS * PLANE));
    }
    this.#images.write(index, images);
    this.#labels.write(index, labels);
  }
}

/** [channel, pixel] to [pixel, channel]. */
function interleave(planes: Uint8Array, image: Uint8Array): void {
  for (let channel = 0; channel < CHANNELS; channel++) {
    for (let pixel = 0; pixel < PLANE; pixel++) image[pixel * CHANNELS + channel] = planes[channel * PLANE + pixel];
  }
}
