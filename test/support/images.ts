/** Writes image files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import sharp from 'sharp';

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
