/** `source: idx`: finds the files of a folder, reads them and puts them one behind the other. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { IdxConfig } from '../../config/data.js';
import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { beside } from '../../ground/near-path.js';
import { type Examples, plainColumn } from '../examples.js';
import { Reading } from '../reading.js';
import { givenOf, planOf, type SplitPlan } from '../splits/split-plan.js';
import { type IdxPair, readIdxPair } from './idx.js';

/** `train-images-idx3-ubyte.gz`, or with a dot before `idx3` as some mirrors have it. */
const FILE_NAME = /^(.+)-(images|labels)[-.]idx\d-ubyte(?:\.gz)?$/;

/** The file names of one prefix. */
interface FileNames {
  images?: string;
  labels?: string;
}

interface IdxFolder {
  readonly dir: string;
  readonly files: ReadonlyMap<string, FileNames>;
}

/** The files of one prefix, read. */
interface IdxPart extends IdxPair {
  readonly prefix: string;
}

export interface IdxExamples {
  readonly examples: Examples;
  /** The split that the config asks for, given files as ranges of rows. */
  readonly plan: SplitPlan;
  /** The prefixes that were read and their folder, for people. */
  readonly origin: string;
}

/** @throws DataError naming the folder or file that is missing or damaged, or that does not fit the others */
export async function idxExamples(config: IdxConfig, reading = new Reading()): Promise<IdxExamples> {
  const folder = await listFolder(config.dir);
  const heldOut = givenOf(config).map(({ own }) => own);
  const prefixes = [config.training ?? defaultPrefix(folder, heldOut), ...heldOut];
  const twice = prefixes.find((prefix, i) => prefixes.indexOf(prefix) < i);
  if (twice !== undefined) {
    throw new DataError(
      `data: the files "${twice}" are to serve two splits`,
      'give each split files of its own, or a fraction of the training files',
    );
  }
  const parts: IdxPart[] = [];
  for (const prefix of prefixes) parts.push({ prefix, ...(await readPart(folder, prefix, reading)) });
  const given = { first: parts[0].count, counts: parts.slice(1).map(({ count }) => count) };
  return {
    examples: concatenate(parts, folder.dir),
    plan: planOf(config, { given }),
    origin: `${prefixes.join(', ')} of ${folder.dir}`,
  };
}

async function listFolder(relative: string): Promise<IdxFolder> {
  const dir = resolve(relative);
  const files = new Map<string, FileNames>();
  for (const name of await namesIn(dir)) {
    const [, prefix, kind] = FILE_NAME.exec(name) ?? [];
    if (prefix === undefined) continue;
    const pair = files.get(prefix) ?? {};
    // In sorted order a plain file comes before its .gz and saves unzipping.
    pair[kind as keyof FileNames] ??= name;
    files.set(prefix, pair);
  }
  if (files.size === 0) {
    throw new DataError(
      `data.dir: ${dir} holds no IDX files`,
      'it needs <prefix>-images-idx3-ubyte and <prefix>-labels-idx1-ubyte, plain or .gz',
    );
  }
  return { dir, files };
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).sort();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'does not exist' : code === 'ENOTDIR' ? 'is not a folder' : message;
    throw new DataError(
      `data.dir: ${dir} ${reason}`,
      beside(dir, 'set it to a folder of IDX files, e.g. --set data.dir=...'),
    );
  }
}

/** `train`, else the only pair that no other split asks for. */
function defaultPrefix({ dir, files }: IdxFolder, heldOut: readonly string[]): string {
  const train = files.get('train');
  if (train?.images && train.labels) return 'train';
  const free = [...files.keys()].filter((prefix) => !heldOut.includes(prefix));
  if (free.length === 1) return free[0];
  throw new DataError(
    free.length === 0
      ? `data: validation and test take all files of ${dir} and leave none for training`
      : `data.training is missing and ${dir} holds several candidates: ${free.join(', ')}`,
    free.length === 0 ? 'give a fraction, or add files' : 'set data.training to one of them',
  );
}

function readPart({ dir, files }: IdxFolder, prefix: string, reading: Reading): Promise<IdxPair> {
  const names = files.get(prefix);
  if (!names) {
    throw new DataError(
      `${dir} has no files ${prefix}-images-idx3-ubyte and ${prefix}-labels-idx1-ubyte, plain or .gz`,
      `choose from ${[...files.keys()].join(', ')}`,
    );
  }
  const { images, labels } = names;
  if (!images || !labels) {
    throw new DataError(
      `${join(dir, images ?? labels ?? prefix)} has no ${images ? 'labels' : 'images'} file beside it`,
      `add ${prefix}-${images ? 'labels-idx1' : 'images-idx3'}-ubyte, plain or .gz`,
    );
  }
  return readIdxPair(join(dir, images), join(dir, labels), reading);
}

/** The parts as one set; the first, for training, says which image shape and which classes there are. */
function concatenate(parts: readonly IdxPart[], dir: string): Examples {
  const [{ prefix, imageShape, labels: trainingLabels }] = parts;
  const classes = highest(trainingLabels) + 1;
  for (const part of parts) {
    if (part.imageShape.join() !== imageShape.join()) {
      throw new DataError(
        `the images ${part.prefix} of ${dir} are ${part.imageShape.join('x')}, those of ${prefix} ${imageShape.join('x')}`,
        'use files of one data set',
      );
    }
    if (highest(part.labels) >= classes) {
      throw new DataError(
        `the labels ${part.prefix} of ${dir} go up to ${highest(part.labels)}, those of ${prefix} to ${classes - 1}`,
        'train on files that hold every class',
      );
    }
  }
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const width = elements(imageShape);
  const features = new Uint8Array(new SharedArrayBuffer(count * width));
  const targets = new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));
  let start = 0;
  for (const part of parts) {
    features.set(part.images, start * width);
    targets.set(part.labels, start);
    start += part.count;
  }
  const columns = [
    plainColumn('input', { shape: imageShape, scale: 1 / 255, values: features }),
    plainColumn('target', { shape: [], values: targets, categories: classes }),
  ];
  return { count, columns };
}

function highest(labels: Uint8Array): number {
  return labels.reduce((most, label) => Math.max(most, label), 0);
}
