/** Image files as inputs of a trained model. */
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import { beside } from '../../ground/near-path.js';
import type { ImageEncoding } from '../encoding.js';
import { decodeImages, imagesBelow, isFolder } from './files.js';

export interface ImageInputs {
  /** The file as given, or the paths of a folder's images from the folder on, sorted. */
  readonly names: readonly string[];
  /** [height, width, channels] of each image, decoded as they are asked for: bytes that stand for byte / 255. */
  readonly rows: AsyncIterable<Uint8Array>;
}

/**
 * The images at a path, to be decoded and scaled as the training's were.
 * @param path an image file, or a folder with PNG and JPEG files at any depth
 * @throws DataError if the path is missing or a folder holds no images; on the way through the rows, if a file does not decode
 */
export async function imageInputs(path: string, encoding: ImageEncoding): Promise<ImageInputs> {
  const folder = isFolder(path);
  if (folder === undefined) {
    throw new DataError(
      `${path} does not exist or may not be read`,
      beside(path, 'name an image file or a folder of images'),
    );
  }
  const names = folder ? imagesBelow(path) : [path];
  if (names.length === 0) {
    throw new DataError(`${path} holds no PNG or JPEG files`, 'name an image file or a folder of images');
  }
  const files = folder ? names.map((name) => join(path, name)) : names;
  return { names, rows: imageRows(files, encoding) };
}

/** Decodes and scales images as the training's were, as they are asked for. */
export async function* imageRows(
  files: readonly string[],
  { height, width, channels, greyscale, fit }: ImageEncoding,
): AsyncGenerator<Uint8Array> {
  // Models that do not say were trained before there was a choice.
  const grey = channels === 1 ? (greyscale ?? 'linear') : undefined;
  for await (const { bytes } of decodeImages(files, { greyscale: grey, size: [height, width], fit })) yield bytes;
}
