/** Fields that are made of files, a picture or a mask for each example: read side by side, example by example. */
import type { PictureKeys } from '../../config/images.js';
import { DataError } from '../../errors.js';
import type { ImageEncoding } from '../encoding.js';
import { plainColumn, type SourceColumn } from '../examples.js';
import type { Reading } from '../reading.js';
import { RowWriter, sharesOf } from '../row-writer.js';
import { MaskClasses } from './classes.js';
import { type Decoding, decodeImages, type FileField, type Image, type PictureSize } from './files.js';
import { decodeMasks, type MaskImage, scaleMask } from './masks.js';

/** What a config says of all images. */
interface CommonDecoding extends PictureKeys {
  readonly fit: Decoding['fit'];
}

/** How images of a field are decoded: as it says itself, else as all are. */
export function decodingOf({ size, greyscale, fit }: CommonDecoding, own: PictureKeys = {}): Decoding {
  const wanted = own.size ?? size;
  const grey = own.greyscale ?? greyscale;
  return {
    greyscale: grey === true ? 'bt601' : grey || undefined,
    size: typeof wanted === 'number' ? [wanted, wanted] : wanted,
    fit,
  };
}

/** What the encoding keeps of pictures, so that others are read alike. */
export function imageEncoding({ shape }: Pick<SourceColumn, 'shape'>, { greyscale, fit }: Decoding): ImageEncoding {
  const [height, width, channels] = shape as [number, number, 1 | 3];
  return { kind: 'image', height, width, channels, greyscale, fit };
}

/** Names of the classes of masks whose values are no indices. */
export const maskEncoding = ({ name, mask }: FileField) =>
  mask?.values ? { [name]: { classes: mask.values.map(String) } } : {};

/**
 * Decodes into rows, once the first example has said of what shape they are. Masks lie on the first picture: they have its
 * size, and are scaled with it.
 *
 * @param where an example is, for messages; nothing where its files say it
 * @throws DataError naming the file that does not decode, or does not fit the others
 */
export async function readFields(
  fields: readonly FileField[],
  budget: number,
  reading: Reading,
  where: (example: number) => string = () => '',
): Promise<SourceColumn[]> {
  const picture = fields.findIndex(({ kind }) => kind === 'picture');
  const hasMasks = fields.some(({ kind }) => kind === 'mask');
  const streams = fields.map(({ kind, files, decoding }, i) =>
    kind === 'mask' ? decodeMasks(files) : decodeImages(files, { ...decoding, measure: hasMasks && i === picture }),
  );
  const classes = fields.map((field) => (field.kind === 'mask' ? new MaskClasses(field, reading) : undefined));
  let writers: RowWriter[] | undefined;
  let first: DecodedRow[] | undefined;
  const rowOf = async (i: number, images: readonly (Image | MaskImage)[]): Promise<DecodedRow> => {
    const image = images[i];
    const { decoding } = fields[i];
    if ('bytes' in image) return image;
    requireSize(image, images[picture] as Image);
    const { outside } = classes[i]!;
    const [height, width] = decoding.size ?? [image.height, image.width];
    return {
      file: image.file,
      height,
      width,
      bytes: scaleMask(classes[i]!.indices(image), image, decoding, outside),
    };
  };
  try {
    for (let example = 0; example < fields[0].files.length; example++) {
      const images: (Image | MaskImage)[] = [];
      for (const stream of streams) images.push((await stream.next()).value as Image | MaskImage);
      const rows = await Promise.all(fields.map((_, i) => rowOf(i, images)));
      first ??= rows;
      if (!writers) {
        const widths = rows.map(({ bytes }) => bytes.length);
        const budgets = sharesOf(budget, widths);
        writers = widths.map((width, i) => new RowWriter(width, 'uint8', budgets[i]));
      }
      for (const [i, row] of rows.entries()) {
        checkSize(row, first[i], where(example));
        writers[i].append(row.bytes);
      }
      if (reading.due) await reading.pause();
    }
    return fields.map((field, i) => columnOf(field, first![i], writers![i], classes[i]));
  } catch (error) {
    for (const writer of writers ?? []) writer.discard();
    throw error;
  } finally {
    for (const stream of streams) await stream.return(undefined);
  }
}

type DecodedRow = PictureSize & Pick<Image, 'file' | 'bytes'>;

function columnOf(
  { name, role, decoding }: FileField,
  { height, width }: PictureSize,
  writer: RowWriter,
  classes: MaskClasses | undefined,
): SourceColumn {
  const rows = classes
    ? { shape: [height, width], categories: classes.count() }
    : { shape: [height, width, decoding.greyscale ? 1 : 3], scale: 1 / 255 };
  return { ...plainColumn(role, { ...rows, ...writer.finish() }), name };
}

const sizeText = ({ height, width }: PictureSize) => `${height} x ${width} pixels`;

/** @throws DataError unless a mask has the size of its picture, as that is stored and turned */
function requireSize(mask: MaskImage, picture: Image): void {
  const wanted = picture.original ?? picture;
  if (mask.height === wanted.height && mask.width === wanted.width) return;
  throw new DataError(
    `${mask.file} is ${sizeText(mask)} (height x width), and its picture ${picture.file} is ${sizeText(wanted)}`,
    'give the mask the size of its picture',
  );
}

function checkSize(image: DecodedRow, first: DecodedRow, where: string): void {
  if (image.height === first.height && image.width === first.width) return;
  throw new DataError(
    `${where && `${where}: `}${image.file} is ${sizeText(image)} (height x width), ${first.file} is ${sizeText(first)}`,
    `scale all images to one size, e.g. --set data.size=[${first.height},${first.width}]`,
  );
}
