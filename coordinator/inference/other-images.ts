/** Other folders in the places of those that a config of `source: images` names. */
import type { ImagesConfig } from '../../src/config/images.js';
import { plainNames } from '../../src/config/plain-names.js';
import { type Encoding, targetEncoding } from '../../src/data/encoding.js';
import { ConfigError } from '../../src/errors.js';
import { checkNames, type OtherPlace } from './other-arrays.js';
import { encodingOf } from './signature.js';

/**
 * Folders go by the names of their fields, that of images without a name by `features`; one path stands for the only one.
 * @param encoding saved with the model: images have its sizes, and masks its classes
 * @throws ConfigError where the place says not of all folders where others are
 */
export function otherImages(data: ImagesConfig, place: OtherPlace, encoding: Encoding | undefined): ImagesConfig {
  const names = foldersIn(data);
  const [first, ...others] = names;
  if (typeof place === 'string' && others.length > 0) {
    throw new ConfigError(
      `--data ${place}: is one folder, and the model's data are ${names.join(', ')}`,
      `name each: ${names.map((name) => `--data ${name}=FOLDER`).join(' ')}`,
    );
  }
  const folders = typeof place === 'string' ? { [first]: place } : place;
  checkNames(folders, names);
  const sizeOf = (name: string) => {
    const own = encoding && encodingOf(encoding, name);
    return own && 'height' in own ? { size: [own.height, own.width] as [number, number] } : {};
  };
  const classesOf = (name: string) => {
    const classes = encoding && targetEncoding(encoding, { name, role: 'target' }).classes;
    return classes ? { classes: classes.length } : {};
  };
  const exchanged = <T>(fields: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(
      Object.entries(fields).map(([name, field]) => {
        if (isOf(field, 'images')) return [name, { ...sizeOf(name), ...field, images: folders[name] }];
        if (!isOf(field, 'masks')) return [name, field];
        return [name, { ...('values' in field ? {} : classesOf(name)), ...field, masks: folders[name] }];
      }),
    );
  return {
    ...data,
    ...(data.dir !== undefined && { ...sizeOf(plainNames.input), dir: folders[plainNames.input] }),
    inputs: data.inputs && exchanged(data.inputs),
    targets: data.targets && exchanged(data.targets),
  };
}

const isOf = <K extends string>(field: unknown, key: K): field is Record<K, string> =>
  typeof field === 'object' && field !== null && key in field;

/** The fields that have folders. */
const foldersIn = ({ dir, inputs = {}, targets = {} }: ImagesConfig): string[] => [
  ...(dir === undefined ? [] : [plainNames.input]),
  ...Object.entries({ ...inputs, ...targets }).flatMap(([name, field]) =>
    isOf(field, 'images') || isOf(field, 'masks') ? [name] : [],
  ),
];
