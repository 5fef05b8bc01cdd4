/** Other folders, or another table, in the places of those that a config of `source: images` names. */
import type { ImagesConfig } from '../../src/config/images.js';
import { plainNames } from '../../src/config/plain-names.js';
import { type Encoding, encodedImages, targetEncoding } from '../../src/data/encoding.js';
import { checkArrayNames, type OtherPlace } from '../../src/data/npy/other-arrays.js';
import { ConfigError } from '../../src/errors.js';

/**
 * Folders go by the names of their fields, that of images without a name by `features`; one path stands for the only one, or for the
 * table.
 * @param encoding saved with the model: images have its sizes, and masks its classes
 * @throws ConfigError where the place says not of all folders where others are
 */
export function otherImages(data: ImagesConfig, place: OtherPlace, encoding: Encoding | undefined): ImagesConfig {
  const read = asTrained(data, encoding);
  if (data.table !== undefined) {
    if (typeof place === 'string') return { ...read, table: place };
    const [[name, file]] = Object.entries(place);
    throw new ConfigError(
      `--data ${name}=${file}: a table names the images of the model's data`,
      'give --data once, with the path of another table alone',
    );
  }
  const names = foldersIn(data);
  const [first, ...others] = names;
  if (typeof place === 'string' && others.length > 0) {
    throw new ConfigError(
      `--data ${place}: is one folder, and the model's data are ${names.join(', ')}`,
      `name each: ${names.map((name) => `--data ${name}=FOLDER`).join(' ')}`,
    );
  }
  const folders = typeof place === 'string' ? { [first]: place } : place;
  checkArrayNames(folders, names);
  const exchanged = <T>(fields: Readonly<Record<string, T>>): Record<string, T> =>
    mapped(fields, (name, field) => {
      if (isOf(field, 'images')) return { ...field, images: folders[name] };
      return isOf(field, 'masks') ? { ...field, masks: folders[name] } : field;
    });
  return {
    ...read,
    ...(data.dir !== undefined && { dir: folders[plainNames.input] }),
    inputs: read.inputs && exchanged(read.inputs),
    targets: read.targets && exchanged(read.targets),
  };
}

/** The config with the sizes of the model's inputs, and the classes of its masks. */
function asTrained(data: ImagesConfig, encoding: Encoding | undefined): ImagesConfig {
  if (!encoding) return data;
  const images = encodedImages(encoding);
  const sizeOf = (name: string) => images[name] && ([images[name].height, images[name].width] as [number, number]);
  const [picture] = Object.keys(images);
  return {
    ...data,
    // Of masks too, which have the size of the picture that they lie on.
    size: data.size ?? (picture === undefined ? undefined : sizeOf(picture)),
    inputs:
      data.inputs &&
      mapped(data.inputs, (name, field) =>
        isOf(field, 'image') || isOf(field, 'images') ? { ...field, size: sizeOf(name) ?? field.size } : field,
      ),
    targets:
      data.targets &&
      mapped(data.targets, (name, field) => {
        const { classes } = targetEncoding(encoding, { name, role: 'target' });
        const isMask = (isOf(field, 'mask') || isOf(field, 'masks')) && !isOf(field, 'values');
        return isMask && classes ? { ...field, classes: classes.length } : field;
      }),
  };
}

const mapped = <T>(fields: Readonly<Record<string, T>>, change: (name: string, field: T) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, change(name, field)]));

const isOf = <T, K extends string>(field: T, key: K): field is Extract<T, Readonly<Record<K, unknown>>> =>
  typeof field === 'object' && field !== null && key in field;

/** The fields that have folders. */
const foldersIn = ({ dir, inputs = {}, targets = {} }: ImagesConfig): string[] => [
  ...(dir === undefined ? [] : [plainNames.input]),
  ...Object.entries({ ...inputs, ...targets }).flatMap(([name, field]) =>
    isOf(field, 'images') || isOf(field, 'masks') ? [name] : [],
  ),
];
