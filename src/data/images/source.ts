/** `source: images`: image files, decoded to bytes of one shape; here those in a folder for each class. */
import { join, resolve } from 'node:path';
import type { ImagesConfig } from '../../config/images.js';
import { plainNames } from '../../config/plain-names.js';
import { DataError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';
import { plainColumn } from '../examples.js';
import type { Reading } from '../reading.js';
import { budgetBytes } from '../row-writer.js';
import type { Source } from '../source.js';
import { givenOf, planOf } from '../splits/split-plan.js';
import { decodingOf, imageEncoding, readFields } from './fields.js';
import { folderColumn, imagesBelow, listFolder } from './files.js';
import { checkApart, folderSource, warnOfOthers } from './folders.js';
import { tableOfImages } from './image-table.js';

/** Classes that a message lists before it breaks off. */
const LISTED = 10;

/** The folder that serves the training split or, whole, another one. */
interface ImageFolder {
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
 * A folder a class, folders of pictures and what belongs to them, or a table of names, as the config says.
 * @throws DataError naming the folder, file or row that is missing, damaged or does not fit the others
 */
export async function imageSource(config: ImagesConfig, reading: Reading): Promise<Source> {
  const { dir, inputs, targets = {} } = config;
  if (config.table !== undefined) return tableOfImages(config, reading);
  const isOfFolders = inputs !== undefined || Object.values(targets).some((target) => !isCopy(target));
  if (dir === undefined || isOfFolders || (config.targets && !holdsFolders(dir))) return folderSource(config, reading);
  return classSource({ ...config, dir }, reading);
}

const isCopy = (target: unknown): boolean => typeof target === 'object' && target !== null && 'of' in target;

const holdsFolders = (dir: string): boolean => listFolder(resolve(dir), 'data.dir: ').some(({ folder }) => folder);

type ClassesConfig = ImagesConfig & { readonly dir: string };

/** The classes are the names of the folders in `dir`, sorted; a folder of another split may lack some but add none. */
async function classSource(config: ClassesConfig, reading: Reading): Promise<Source> {
  const parts = listParts(config, reading);
  const classes = parts[0].classes.map(({ name }) => name);
  for (const { dir } of parts) warnOfOthers(dir, reading);
  const decoding = decodingOf(config);
  const files = parts.flatMap((part) => part.classes.flatMap((each) => each.files));
  const field = { name: plainNames.input, role: 'input', kind: 'picture', files, decoding } as const;
  const [pictures] = await readFields([field], budgetBytes(config.memory), reading);
  const labels = { shape: [], values: classIndices(parts, classes), categories: classes.length };
  const [first, ...counts] = parts.map(({ classes }) => classes.reduce((sum, { files }) => sum + files.length, 0));
  return {
    examples: { count: files.length, columns: [pictures, plainColumn('target', labels)] },
    split: planOf(config, { given: { first, counts } }),
    shown: folderColumn(
      parts.flatMap(({ dir, classes }) => classes.flatMap(({ files }) => files.map((file) => ({ dir, file })))),
    ),
    origin: `images in ${parts.map(({ dir }) => dir).join(', ')}`,
    encode: () => ({ input: imageEncoding(pictures, decoding), classes }),
  };
}

/** The training folder, then those of other splits. */
function listParts(config: ClassesConfig, { trained }: Reading): ImageFolder[] {
  const training = listPart('dir', config.dir);
  const { classes, dir } = training;
  // Other data of a trained model may have one only.
  if (classes.length === 1 && !trained) {
    throw new DataError(`data.dir: ${dir} has one class only, ${classes[0].name}`, 'add a folder for each other class');
  }
  const names = classes.map(({ name }) => name);
  const parts = [training];
  for (const { split, own: path } of givenOf(config)) {
    const key = config.split ? `split.${split}` : split;
    parts.push(listPart(key, path, names));
    checkApart(
      parts.map(({ key, dir }) => ({ key: `data.${key}`, dir })),
      'give each split a folder outside of the others, or a fraction of data.dir',
    );
  }
  return parts;
}

/** @param known classes that there may be; absent for the folder that says which there are */
function listPart(key: string, path: string, known?: readonly string[]): ImageFolder {
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
  const list = `${known.slice(0, LISTED).join(', ')}${known.length > LISTED ? ', ...' : ''}`;
  return oneOf(name, known, `remove it; the classes are ${list}`);
}

function classIndices(parts: readonly ImageFolder[], names: readonly string[]): Int32Array {
  const indices = parts.flatMap(({ classes }) =>
    classes.flatMap(({ name, files }) => new Array<number>(files.length).fill(names.indexOf(name))),
  );
  const targets = new Int32Array(new SharedArrayBuffer(indices.length * Int32Array.BYTES_PER_ELEMENT));
  targets.set(indices);
  return targets;
}
