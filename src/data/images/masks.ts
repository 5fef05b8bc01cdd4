/** Masks: PNG files that hold a class index for each pixel of a picture. They are scaled, but never blended. */
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { DataError } from '../../errors.js';
import { type Decoding, decodingError, isPng, loadSharp, mostPixels, type PictureSize, readImage } from './files.js';

export interface MaskImage extends PictureSize {
  readonly file: string;
  /** [height, width]: what PIL reads, the index of a palette's colour or the grey value. */
  readonly values: Uint8Array;
}

/**
 * Decodes masks, several at once, in the order of the files.
 * @throws DataError naming the first file, in that order, that is no PNG, does not decode or is in colour
 */
export async function* decodeMasks(files: readonly string[]): AsyncGenerator<MaskImage> {
  const open = await loadSharp();
  const limitInputPixels = mostPixels();
  const decode = async (file: string): Promise<MaskImage> => {
    const content = await readImage(file);
    if (!isPng(content)) {
      throw new DataError(
        `${file} is no PNG file, by its first bytes, and a mask must be: other formats change values`,
        'make the mask again as PNG',
      );
    }
    const { png, factor } = indicesOf(content);
    try {
      const image = open(png, { ignoreIcc: true, failOn: 'warning', limitInputPixels });
      const { depth, space, channels: stored } = await image.metadata();
      const isWide = depth === 'ushort';
      // Without this, grey becomes three equal channels, and 16 bits become 8.
      image.toColourspace(isWide ? space : stored === 1 ? 'b-w' : 'srgb').raw({ depth: isWide ? 'ushort' : 'uchar' });
      const { data, info } = await image.toBuffer({ resolveWithObject: true });
      const { height, width } = info;
      const samples = isWide ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
      return { file, height, width, values: valuesOf(file, samples, info, factor) };
    } catch (error) {
      throw error instanceof DataError ? error : decodingError(file, error, limitInputPixels);
    }
  };
  const masks: AsyncIterable<MaskImage> = Readable.from(files).map(decode, { concurrency: availableParallelism() });
  yield* masks;
}

/** Bytes before the fields of a PNG's header: the signature, a length and a name. */
const headerStart = 16;

/**
 * A PNG file with the indices of its palette as grey values, because the decoder would give colours.
 * @returns also by what the decoder multiplies values of less than 8 bits; PIL does so too, but for indices and single bits
 */
function indicesOf(content: Buffer): { png: Uint8Array; factor: number } {
  const [bits, colour] = [content[headerStart + 8], content[headerStart + 9]];
  const factor = bits < 8 ? 255 / (2 ** bits - 1) : 1;
  if (colour !== 3) return { png: content, factor: colour === 0 && bits === 1 ? factor : 1 };
  const parts: Uint8Array[] = [content.subarray(0, 8)];
  for (let start = 8; start + 12 <= content.length; ) {
    const end = start + 12 + content.readUInt32BE(start);
    const name = content.toString('latin1', start + 4, start + 8);
    // The palette, and what else is said of it, would not fit any more.
    if (name === 'IHDR') parts.push(greyHeader(content.subarray(start, end)));
    else if (name === 'IDAT' || name === 'IEND') parts.push(content.subarray(start, end));
    start = end;
  }
  return { png: Buffer.concat(parts), factor };
}

/** A header that says grey instead of palette. */
function greyHeader(header: Buffer): Buffer {
  const grey = Buffer.from(header);
  grey[headerStart + 9 - 8] = 0;
  grey.writeUInt32BE(crc32(grey.subarray(4, grey.length - 4)), grey.length - 4);
  return grey;
}

/** @throws DataError for a colour, transparency or a value beyond 255 */
function valuesOf(
  file: string,
  samples: Uint8Array | Uint16Array,
  { width, channels }: Pick<PictureSize, 'width'> & { readonly channels: number },
  factor: number,
): Uint8Array {
  const values = new Uint8Array(samples.length / channels);
  for (let i = 0, start = 0; i < values.length; i++, start += channels) {
    const value = samples[start];
    if (value > 255 || (channels > 1 && !isOpaqueGrey(samples, start, channels))) {
      throw odd(file, pixelPlace(i, width), samples.subarray(start, start + channels));
    }
    values[i] = value / factor;
  }
  return values;
}

function isOpaqueGrey(samples: ArrayLike<number>, start: number, channels: number): boolean {
  const colours = channels < 3 ? 1 : 3;
  for (let i = 1; i < colours; i++) if (samples[start + i] !== samples[start]) return false;
  return colours === channels || samples[start + colours] === 255;
}

function odd(file: string, place: string, pixel: Uint8Array | Uint16Array): DataError {
  const [value, green, blue] = pixel;
  const isGrey = pixel.length < 3 || (green === value && blue === value);
  const holds = !isGrey
    ? `the colour ${value}, ${green}, ${blue}`
    : value > 255
      ? `${value}, above 255`
      : 'transparent';
  return new DataError(
    `${file}: pixel ${place} is ${holds}, and a mask holds class indices up to 255`,
    "save the indices with a palette or as grey of 8 bits (PIL's modes P and L)",
  );
}

export const pixelPlace = (pixel: number, width: number): string =>
  `(${pixel % width}, ${Math.floor(pixel / width)}) (x, y from 0)`;

/**
 * A mask scaled as its picture is: each pixel takes the value of the nearest, as PIL's NEAREST does.
 * @param outside what becomes of places beyond the mask, where pictures are padded
 */
export function scaleMask(
  values: Uint8Array,
  { height, width }: PictureSize,
  { size, fit }: Pick<Decoding, 'size' | 'fit'>,
  outside: number,
): Uint8Array {
  if (!size || (size[0] === height && size[1] === width)) return values;
  const ratios = [size[0] / height, size[1] / width];
  const ratio = fit === 'cover' ? Math.max(...ratios) : Math.min(...ratios);
  const [rows, columns] = [height, width].map((length, axis) =>
    Array.from({ length: size[axis] }, (_, to) => {
      // About the centre, where one ratio serves both axes.
      if (fit === 'fill') return Math.floor(((to + 0.5) * length) / size[axis]);
      return Math.floor((to + 0.5 - size[axis] / 2) / ratio + length / 2);
    }),
  );
  const scaled = new Uint8Array(size[0] * size[1]);
  rows.forEach((row, y) => {
    columns.forEach((column, x) => {
      const isInside = row >= 0 && row < height && column >= 0 && column < width;
      scaled[y * size[1] + x] = isInside ? values[row * width + column] : outside;
    });
  });
  return scaled;
}
