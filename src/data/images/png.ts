/** Bytes as PNG files. */
import { loadSharp } from './files.js';

/** @param bytes [height, width, channels] */
export async function encodePng(
  bytes: Uint8Array,
  height: number,
  width: number,
  channels: 1 | 3,
): Promise<Uint8Array> {
  const open = await loadSharp();
  const image = open(bytes, { raw: { height, width, channels } });
  // Without this, grey is written as three equal channels.
  if (channels === 1) image.toColourspace('b-w');
  return image.png().toBuffer();
}

/** A PNG file as an address that holds it. */
export const pngUri = (png: Uint8Array): string => `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
