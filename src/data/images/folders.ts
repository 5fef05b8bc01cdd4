/** Pictures at any depth below a folder, and what belongs to them below others: files of the same name but for its ending. */

import { extname, join, relative, resolve, sep } from 'node:path';
import type { ImagesConfig, MaskKeys, PictureKeys } from '../../config/images.js';
import { plainNames } from '../../config/plain-names.js';
import { DataError } from '../../errors.js';
import { realPath } from '../../ground/real-path.js';
import { plural } from '../../ground/units.js';
import type { Encoding } from '../encoding.js';
import type { Reading } from '../reading.js';
import { budgetBytes } from '../row-writer.js';
import type { Source } from '../source.js';
import { givenOf, planOf, sectionOf } from '../splits/split-plan.js';
import { decodingOf, imageEncoding, maskEncoding, readFields } from './fields.js';
import { type FileField, folderColumn, imagesBelow, otherImagesBelow } from './files.js';

/** A folder and what its files are for. */
interface NamedFolder {
  readonly name: string;
  readonly role: 'input' | 'target';
  readonly kind: FileField['kind'];
  /** The key of the config that names the folder. */
  readonly key: string;
  readonly dir: string;
  readonly own: PictureKeys & MaskKeys;
}

/** The first is that of the pictures which examples are counted by. */
function foldersOf({ dir, inputs = {}, targets = {} }: ImagesConfig): NamedFolder[] {
  const folders: NamedFolder[] = [];
  if (dir !== undefined)
    folders.push({
      name: plainNames.input,
      role: 'input',
      kind: 'picture',
      key: 'data.dir',
      dir: resolve(dir),
      own: {},
    });
  for (const [role, fields] of [['input', inputs] as const, ['target', targets] as const]) {
    for (const [name, entry] of Object.entries(fields)) {
      if (typeof entry !== 'object') continue;
      const key = `data.${role}s.${name}`;
      if ('images' in entry) {
        const { images, ...own } = entry;
        folders.push({ name, role, kind: 'picture', key: `${key}.images`, dir: resolve(images), own });
      } else if ('masks' in entry) {
        const { masks, ...own } = entry;
        folders.push({ name, role, kind: 'mask', key: `${key}.masks`, dir: resolve(masks), own });
      }
    }
  }
  return folders;
}

/** @throws DataError naming the folder or file that is missing, damaged or does not fit the others */
export async function folderSource(config: ImagesConfig, reading: Reading): Promise<Source> {
  const folders = foldersOf(config);
  const [{ key, dir }, ...others] = folders;
  checkApart(folders);
  const pictures = imagesBelow(dir, `${key}: `);
  if (pictures.length === 0) {
    throw new DataError(`${key}: ${dir} holds no PNG or JPEG files`, 'name a folder of images');
  }
  warnOfOthers(dir, reading);
  const held = heldOut(config, folders, reading);
  const names = [...pictures.map((name) => join(dir, name)), ...held.flatMap(({ files }) => files)];
  const fields = folders.map(({ name, role, kind, own }, i): FileField => {
    const files = i === 0 ? names : filesFor(pictures, folders[0], others[i - 1], reading);
    return { name, role, kind, files, decoding: decodingOf(config, own), mask: own };
  });
  const columns = await readFields(fields, budgetBytes(config.memory), reading);
  return {
    examples: { count: names.length, columns },
    split: planOf(config, { given: { first: pictures.length, counts: held.map(({ files }) => files.length) } }),
    origin: `images in ${[...new Set([...folders, ...held].map((folder) => folder.dir))].join(', ')}`,
    shown: folderColumn([
      ...pictures.map((name) => ({ dir, file: join(dir, name) })),
      ...held.flatMap((own) => own.files.map((file) => ({ dir: own.dir, file }))),
    ]),
    encode: () => encodingOf(config, fields, columns),
    where: (example, field) => fields.find(({ name }) => name === field)?.files[example] ?? names[example],
  };
}

function encodingOf(
  { inputs }: ImagesConfig,
  fields: readonly FileField[],
  columns: readonly { readonly shape: readonly number[] }[],
): Encoding {
  const images = fields.flatMap(({ name, role, decoding }, i) =>
    role === 'input' ? [[name, imageEncoding(columns[i], decoding)] as const] : [],
  );
  return {
    input: inputs ? { kind: 'fields', fields: Object.fromEntries(images) } : images[0][1],
    named: Object.assign({}, ...fields.map(maskEncoding)),
  };
}

/** Folders of splits of their own, where nothing else belongs to the pictures. */
function heldOut(
  config: ImagesConfig,
  folders: readonly NamedFolder[],
  reading: Reading,
): { key: string; dir: string; files: string[] }[] {
  return givenOf(config).map(({ split, own: given }) => {
    const key = `${sectionOf(config)}.${split}`;
    if (folders.length > 1) {
      throw new DataError(
        `${key}: ${given} is a folder of pictures, and nothing says where its ${folders[1].name} is`,
        'give a fraction, or name the files in a table for each split: data.table, data.validation, data.test',
      );
    }
    const dir = resolve(given);
    checkApart([...folders, { ...folders[0], key, dir }]);
    const files = imagesBelow(dir, `${key}: `).map((name) => join(dir, name));
    if (files.length === 0) throw new DataError(`${key}: ${dir} holds no PNG or JPEG files`, 'name a folder of images');
    warnOfOthers(dir, reading);
    return { key, dir, files };
  });
}

/** @throws DataError where the files of one folder would be those of another too */
export function checkApart(
  folders: readonly Pick<NamedFolder, 'key' | 'dir'>[],
  remedy = 'give each a folder outside of the others, or name the files in a table: data.table',
): void {
  folders.forEach(({ key, dir }, i) => {
    const other = folders.slice(0, i).find((earlier) => isWithin(earlier.dir, dir) || isWithin(dir, earlier.dir));
    if (!other) return;
    throw new DataError(`${key}: ${dir} shares images with ${other.key}, ${other.dir}`, remedy);
  });
}

function isWithin(outer: string, inner: string): boolean {
  const path = relative(realPath(outer), realPath(inner));
  return path === '' || !(path === '..' || path.startsWith(`..${sep}`) || resolve(path) === path);
}

export function warnOfOthers(dir: string, { warn }: Reading): void {
  const others = otherImagesBelow(dir);
  if (others.length === 0) return;
  const which = others.length === 1 ? others[0] : `${plural(others.length, 'image')}, such as ${others[0]}`;
  warn(`${dir}: left out ${which}: neither PNG nor JPEG; convert them if they are to count`);
}

const stemOf = (name: string): string => name.slice(0, name.length - extname(name).length);

/** The file of a folder for each picture. */
function filesFor(
  pictures: readonly string[],
  first: NamedFolder,
  { key, dir, kind }: NamedFolder,
  reading: Reading,
): string[] {
  stemsOf(first.key, first.dir, pictures);
  const found = stemsOf(key, dir, imagesBelow(dir, `${key}: `));
  warnOfOthers(dir, reading);
  const files = pictures.map((picture) => {
    const file = found.get(stemOf(picture));
    if (file !== undefined) return join(dir, file);
    throw new DataError(
      `${key}: ${dir} has no ${kind} for ${join(first.dir, picture)}: ${stemOf(picture)}.png is not there`,
      'add it, remove the picture, or name the files in a table: data.table',
    );
  });
  if (found.size > pictures.length) {
    const known = new Set(pictures.map(stemOf));
    const left = [...found].filter(([stem]) => !known.has(stem)).map(([, file]) => file);
    reading.warn(
      `${dir}: left out ${left.length} of ${found.size} files, such as ${left[0]}: ${first.dir} has no picture of that name`,
    );
  }
  return files;
}

/** Files by their names without endings. @throws DataError where two have one */
function stemsOf(key: string, dir: string, files: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    const other = found.get(stemOf(file));
    if (other !== undefined) {
      throw new DataError(
        `${key}: ${dir} holds ${other} and ${file}, and files belong together by their names without endings`,
        'rename or remove one of them, or name the files in a table: data.table',
      );
    }
    found.set(stemOf(file), file);
  }
  return found;
}
