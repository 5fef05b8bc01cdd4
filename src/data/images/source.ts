/** `source: images`: a folder of image files for each class, decoded to bytes of one shape. */
import { join, relative, resolve, sep } from 'node:path';
import type { ImagesConfig } from '../../config/data.js';
import { suggest } from '../../config/suggest.js';
import { DataError } from '../../errors.js';
import { plainColumn } from '../examples.js';
import type { Reading } from '../reading.js';
import { realPath } from '../real-path.js';
import { budgetBytes, RowWriter } from '../rows.js';
import type { Source } from '../source.js';
import { givenOf, planOf } from '../split-plan.js';
import { type Decoding, decodeImages, type Image, imagesBelow, listFolder, otherImagesBelow } from './files.js';

/** Classes that a message lists before it breaks off. */
const LISTED = 10;

/** The folder that serves the training split or, whole, another one. */
interface Part {
  /** Under `data`. */
  readonly key: string;
  readonly dir: string;
  readonly classes: readonly ImageClass[];
}

interface ImageClass {
  readonly name: string;
  readonly files: readonly string[];
}

/**
 * The classes are the names of the folders in `dir`, sorted; a folder of another split may lack some but add none.
 * @throws DataError naming the folder or file that is missing, damaged or of another size than the first
 */
export async function imageSource(config: ImagesConfig, reading: Reading): Promise<Source> {
  const parts = listParts(config);
  const classes = parts[0].classes.map(({ name }) => name);
  for (const { dir } of parts) {
    const others = otherImagesBelow(dir);
    if (others.length === 0) continue;
    const which = others.length === 1 ? others[0] : `${others.length} images, such as ${others[0]}`;
    reading.warn(`${dir}: left out ${which}: neither PNG nor JPEG; convert them if they are to count`);
  }
  const decoding: Decoding = {
    greyscale: config.greyscale === true ? 'bt601' : config.greyscale || undefined,
    size: typeof config.size === 'number' ? [config.size, config.size] : config.size,
    fit: config.fit,
  };
  const files = parts.flatMap((part) => part.classes.flatMap((each) => each.files));
  const pictures = await readImages(files, decoding, budgetBytes(config.memory), reading);
  const columns = [
    plainColumn('input', { ...pictures, scale: 1 / 255 }),
    plainColumn('target', { shape: [], values: classIndices(parts, classes), categories: classes.length }),
  ];
  const { fit } = config;
  const [first, ...counts] = parts.map(({ classes }) => classes.reduce((sum, { files }) => sum + files.length, 0));
  const [height, width, channels] = pictures.shape as [number, number, 1 | 3];
  const { greyscale } = decoding;
  return {
    examples: { count: files.length, columns },
    split: planOf(config, { given: { first, counts } }),
    origin: `images in ${parts.map(({ dir }) => dir).join(', ')}`,
    encode: () => ({ input: { kind: 'image', height, width, channels, greyscale, fit }, classes }),
  };
}

/** The training folder, then those of other splits. */
function listParts(config: ImagesConfig): Part[] {
  const training = listPart('dir', config.dir);
  const { classes, dir } = training;
  if (classes.length === 1) {
    throw new DataError(`data.dir: ${dir} has one class only, ${classes[0].name}`, 'add a folder for each other class');
  }
  const names = classes.map(({ name }) => name);
  const parts = [training];
  for (const { split, path } of givenOf(config)) {
    const key = config.split ? `split.${split}` : split;
    const part = listPart(key, path, names);
    const other = parts.find((earlier) => isWithin(earlier.dir, part.dir) || isWithin(part.dir, earlier.dir));
    if (other) {
      throw new DataError(
        `data.${key}: ${part.dir} shares images with data.${other.key}, ${other.dir}`,
        'give each split a folder outside of the others, or a fraction of data.dir',
      );
    }
    parts.push(part);
  }
  return parts;
}

function isWithin(outer: string, inner: string): boolean {
  const path = relative(realPath(outer), realPath(inner));
  return path === '' || !(path === '..' || path.startsWith(`..${sep}`) || resolve(path) === path);
}

/** @param known classes that there may be; absent for the folder that says which there are */
function listPart(key: string, path: string, known?: readonly string[]): Part {
  const dir = resolve(path);
  const label = `data.${key}: `;
  const entries = listFolder(dir, label);
  const names = entries.filter(({ folder }) => folder).map(({ name }) => name);
  if (names.length === 0) {
    throw new DataError(
      `${label}${dir} ${entries.length === 0 ? 'is empty' : 'holds files but no folders'}`,
      'put the images of each class into a folder with its name',
    );
  }
  const unknown = names.find((name) => known && !known.includes(name));
  if (known && unknown !== undefined) {
    throw new DataError(`${label}${join(dir, unknown)} is no class of data.dir`, remedyForUnknown(unknown, known));
  }
  const classes = names.map((name) => {
    const folder = join(dir, name);
    const files = imagesBelow(folder, label).map((file) => join(folder, file));
    if (files.length === 0) {
      throw new DataError(`${label}${folder} holds no PNG or JPEG files`, 'add images of that class, or remove it');
    }
    return { name, files };
  });
  return { key, dir, classes };
}

function remedyForUnknown(name: string, known: readonly string[]): string {
  const near = suggest(name, known);
  if (near !== undefined) return `did you mean ${near}?`;
  return `remove it; the classes are ${known.slice(0, LISTED).join(', ')}${known.length > LISTED ? ', ...' : ''}`;
}

/** Decodes into rows, once the first image has said of what shape they are. */
async function readImages(files: readonly string[], decoding: Decoding, budget: number, reading: Reading) {
  let first: Image | undefined;
  let rows: RowWriter | undefined;
  try {
    for await (const image of decodeImages(files, decoding)) {
      first ??= image;
      rows ??= new RowWriter(image.bytes.length, 'uint8', budget);
      checkSize(image, first);
      rows.append(image.bytes);
      if (reading.due) await reading.pause();
    }
  } catch (error) {
    rows?.discard();
    throw error;
  }
  return { ...rows!.finish(), shape: [first!.height, first!.width, decoding.greyscale ? 1 : 3] };
}

function checkSize(image: Image, first: Image): void {
  if (image.height === first.height && image.width === first.width) return;
  const size = ({ height, width }: Image) => `${height} x ${width} pixels`;
  throw new DataError(
    `${image.file} is ${size(image)} (height x width), ${first.file} is ${size(first)}`,
    `scale all images to one size, e.g. --set data.size=[${first.height},${first.width}]`,
  );
}

function classIndices(parts: readonly Part[], names: readonly string[]): Int32Array {
  const indices = parts.flatMap(({ classes }) =>
    classes.flatMap(({ name, files }) => new Array<number>(files.length).fill(names.indexOf(name))),
  );
  const targets = new Int32Array(new SharedArrayBuffer(indices.length * Int32Array.BYTES_PER_ELEMENT));
  targets.set(indices);
  return targets;
}
