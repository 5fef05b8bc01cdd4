/** Writes image files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { dataSchema } from '../../src/config/data.js';
import { generateDigits } from '../../src/data/digits/digits.js';
import type { Dataset } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { partsOf } from './parts.js';

export type Pixels = Uint8Array | readonly number[];

/** A picture to encode: bytes [height, width, channels], with a channel more for transparency at 2 and 4. */
export function picture(pixels: Pixels, height: number, width: number, channels: 1 | 2 | 3 | 4): sharp.Sharp {
  const image = sharp(Uint8Array.from(pixels), { raw: { height, width, channels } });
  // Without this, grey is written as three equal channels.
  return channels < 3 ? image.toColourspace('b-w') : image;
}

/** Writes a file and the folders above it. */
export function writeFile(file: string, content: Uint8Array | string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** One pixel, one channel, as PNG. */
export function greyPixel(value: number): Promise<Buffer> {
  return picture([value], 1, 1, 1).png().toBuffer();
}

/** Folders of images, each a class, as `source: images` reads them. */
export const digitNames = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

export const loadImages = (dir: string, options: object = {}): Promise<Dataset> =>
  loadDataset(dataSchema.parse({ source: 'images', dir, validation: 0, test: 0, ...options }), 1);

/** Makes folders of files inside of `root`, each under a name of its own. */
export function imageFolders(root: string) {
  let folders = 0;
  /** A folder of the files given by their paths. */
  const folderOf = (files: Record<string, Uint8Array | string>): string => {
    const dir = join(root, String(folders++));
    mkdirSync(dir);
    for (const [path, content] of Object.entries(files)) writeFile(join(dir, path), content);
    return dir;
  };
  /** Digits as PNG files, every third in colour. */
  const exportDigits = async (count: number, seed: number): Promise<string> => {
    const { features, targets } = partsOf(await generateDigits(count, seed));
    const files = Array.from({ length: count }, async (_, i) => {
      const grey = Uint8Array.from(features.subarray(i * 784, (i + 1) * 784));
      const colour = Array.from(grey).flatMap((value) => [value, value, value]);
      const image = i % 3 === 0 ? picture(colour, 28, 28, 3) : picture(grey, 28, 28, 1);
      return [`${digitNames[targets[i]]}/${String(i).padStart(5, '0')}.png`, await image.png().toBuffer()] as const;
    });
    return folderOf(Object.fromEntries(await Promise.all(files)));
  };
  return { folderOf, exportDigits };
}
