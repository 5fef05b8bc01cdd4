/** PNG and JPEG files: finding them below a folder, and decoding them to bytes of one shape. */
import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import type sharp from 'sharp';
import type { MaskKeys } from '../../config/images.js';
import { DataError } from '../../errors.js';
import { memoryLimit, requireMemory } from '../../ground/memory.js';
import { beside } from '../../ground/near-path.js';
import { grouped } from '../../ground/units.js';
import type { Greyscale } from '../encoding.js';
import { type ExampleColumns, textColumn } from '../example-columns.js';

const IMAGE_NAME = /\.(?:png|jpe?g)$/i;
const OTHER_IMAGE_NAME = /\.(?:webp|gif|bmp|tiff?|avif|hei[cf]|jxl|jfif|ppm|pgm)$/i;

/** Whether a file is an image by its name. */
export const isImageName = (name: string): boolean => IMAGE_NAME.test(name) || OTHER_IMAGE_NAME.test(name);

/** How files become images of one kind. */
export interface Decoding {
  /** How colours become one channel; absent where there are three. */
  readonly greyscale?: Greyscale;
  /** Height and width to scale to; absent where images keep their own. */
  readonly size?: readonly [number, number];
  /** What becomes of an image of another shape than `size`. */
  readonly fit: 'cover' | 'contain' | 'fill';
  /** Whether sizes before scaling are wanted. */
  readonly measure?: boolean;
}

/** A field, and its file of each example. */
export interface FileField {
  readonly name: string;
  readonly role: 'input' | 'target';
  readonly kind: 'picture' | 'mask';
  readonly files: readonly string[];
  readonly decoding: Decoding;
  readonly mask?: MaskKeys;
}

export interface PictureSize {
  readonly height: number;
  readonly width: number;
}

export interface Image extends PictureSize {
  readonly file: string;
  /** Size of the image in its file, before scaling; absent unless `measure` asks for it. */
  readonly original?: PictureSize;
  /** [height, width, channels]. */
  readonly bytes: Uint8Array;
}

interface FolderEntry {
  readonly name: string;
  readonly folder: boolean;
}

/**
 * What a folder holds, in the order of names; hidden files and folders left out, links followed.
 * @param label stands before the path in messages, e.g. `data.dir: `
 * @throws DataError if it is missing, no folder or cannot be read
 */
export function listFolder(folder: string, label = ''): FolderEntry[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'does not exist' : code === 'ENOTDIR' ? 'is not a folder' : `cannot be read (${message})`;
    throw new DataError(`${label}${folder} ${reason}`, beside(folder, 'name a folder of images that you may read'));
  }
  return entries
    .filter(({ name }) => !name.startsWith('.'))
    .map((entry) => ({
      name: entry.name,
      folder: entry.isSymbolicLink() ? isFolder(join(folder, entry.name)) === true : entry.isDirectory(),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** undefined where nothing is, or nothing that may be seen. */
export function isFolder(path: string): boolean | undefined {
  try {
    return statSync(path).isDirectory();
  } catch {
    return undefined;
  }
}

/** The column that sources of image files have: the folder of each file, as from the data's on. */
export const folderColumn = (files: Iterable<{ readonly dir: string; readonly file: string }>): ExampleColumns =>
  new Map([['folder', textColumn(foldersIn(files))]]);

function* foldersIn(files: Iterable<{ readonly dir: string; readonly file: string }>): Generator<string> {
  for (const { dir, file } of files) yield relative(dir, dirname(file)).split(sep).join('/') || '.';
}

/**
 * The PNG and JPEG files at any depth below a folder, as told by their names.
 * @returns paths from the folder on, with `/` on every platform, sorted
 * @throws DataError if a folder cannot be read or is a link to one that holds it
 */
export function imagesBelow(folder: string, label = ''): string[] {
  return filesBelow(folder, IMAGE_NAME, label, []);
}

/** The images of formats that are not read, as `imagesBelow` lists those that are. */
export function otherImagesBelow(folder: string): string[] {
  return filesBelow(folder, OTHER_IMAGE_NAME, '', []);
}

function filesBelow(folder: string, wanted: RegExp, label: string, above: readonly string[]): string[] {
  const entries = listFolder(folder, label);
  const real = realpathSync(folder);
  if (above.includes(real)) {
    throw new DataError(`${label}${folder} is a link to a folder around it`, 'remove the link');
  }
  const found = entries.flatMap(({ name, folder: nested }) => {
    if (!nested) return wanted.test(name) ? [name] : [];
    return filesBelow(join(folder, name), wanted, label, [...above, real]).map((inner) => `${name}/${inner}`);
  });
  return found.sort();
}

/**
 * Decodes files, several at once, and gives the images in the order of the files: turned as their EXIF data says,
 * transparency on black, without colour management, so that a PNG's bytes come out as they were put in.
 * @throws DataError naming the first file, in that order, that cannot be read or does not decode
 */
export async function* decodeImages(files: readonly string[], decoding: Decoding): AsyncGenerator<Image> {
  const decode = await imageDecoder(decoding);
  const images: AsyncIterable<Image> = Readable.from(files).map(decode, { concurrency: availableParallelism() });
  yield* images;
}

async function imageDecoder({ greyscale, size, fit, measure }: Decoding): Promise<(file: string) => Promise<Image>> {
  const open = await loadSharp();
  const remedy = 'make data.size smaller';
  if (size) requireMemory(`data.size: ${size.join(' x ')} pixels`, 3 * size[0] * size[1], DataError, remedy);
  const limitInputPixels = mostPixels();
  return async (file) => {
    const content = await readImage(file);
    if (!isPngOrJpeg(content)) {
      throw undecoded(file, 'neither PNG nor JPEG, by its first bytes');
    }
    try {
      // Truncated files and all others that the decoders complain of are refused.
      const image = open(content, { autoOrient: true, ignoreIcc: true, failOn: 'warning', limitInputPixels });
      const original = measure ? (await image.metadata()).autoOrient : undefined;
      image.flatten({ background: 'black' });
      if (greyscale === 'linear') image.greyscale();
      else image.toColourspace('srgb');
      if (size) {
        const [height, width] = size;
        // Defaults may change from one version of sharp to the next, and the bytes with them.
        image.resize({ height, width, fit, position: 'centre', kernel: 'lanczos3', background: 'black' });
      }
      const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
      const bytes = greyscale === 'bt601' ? luma(data) : data;
      return { file, height: info.height, width: info.width, bytes, ...(original && { original }) };
    } catch (error) {
      throw decodingError(file, error, limitInputPixels);
    }
  };
}

/** What a decoder says of a file, as an error of the user's. */
export function decodingError(file: string, error: unknown, limitInputPixels: number): DataError {
  const [reason] = (error as Error).message.split('\n');
  if (!/pixel limit/.test(reason)) return undecoded(file, reason);
  return new DataError(
    `${file} has more pixels than the ${grouped(limitInputPixels)} that are decoded`,
    'scale it down, or remove it',
  );
}

const undecoded = (file: string, reason: string): DataError =>
  new DataError(`${file} cannot be decoded (${reason})`, 'save it as PNG or JPEG again, or remove it');

/** What stands in the file, whatever its name: other formats have decoders that do more than decode. */
const isPngOrJpeg = (content: Uint8Array): boolean => isPng(content) || startsWith(content, [0xff, 0xd8, 0xff]);

export const isPng = (content: Uint8Array): boolean =>
  startsWith(content, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const startsWith = (content: Uint8Array, signature: readonly number[]): boolean =>
  signature.every((byte, i) => content[i] === byte);

/** Bytes that decoding takes for a pixel: four channels of 16 bits. */
const pixelBytes = 8;
/** libvips's own limit of pixels. */
const usualPixels = 0x3fff ** 2;

/** Pixels that a header may announce: as many images as are decoded at once have half of the memory. */
export const mostPixels = (): number =>
  Math.min(usualPixels, Math.floor(memoryLimit() / 2 / pixelBytes / availableParallelism()));

/** The luma of ITU-R BT.601 of RGB bytes, in the integers of PIL's mode L: grey stays what it is. */
function luma(rgb: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: rgb.length / 3 }, (_, i) => {
    const [r, g, b] = [rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]];
    return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
  });
}

/** Through memory, because libvips caches what it reads by path, and so that a missing right is told from damage. */
export async function readImage(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new DataError(`${file} cannot be read (${(error as Error).message})`, 'check the file and its permissions');
  }
}

/** sharp's library is an optional dependency of sharp: an installation may lack it. */
export async function loadSharp(): Promise<typeof sharp> {
  try {
    return (await import('sharp')).default;
  } catch (error) {
    const [reason] = (error as Error).message.trim().split('\n');
    throw new DataError(
      `images cannot be decoded, because sharp does not load (${reason})`,
      'install again with its library: npm ci --include=optional',
    );
  }
}
