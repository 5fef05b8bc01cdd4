/** Images that a table names, a row for each example, beside what its other columns hold. */
import { statSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { type ImagesConfig, type MaskKeys, type PictureKeys, tableOf } from '../../config/images.js';
import { DataError } from '../../errors.js';
import type { ColumnReport } from '../column-report.js';
import type { Encoding, TableEncoding } from '../encoding.js';
import type { SourceColumn } from '../examples.js';
import type { Reading } from '../reading.js';
import { budgetBytes, closeExamples } from '../row-writer.js';
import type { Source } from '../source.js';
import { csvFormat } from '../table/csv.js';
import { openTable, type TableExamples, tableExamples } from '../table/inputs.js';
import { type TableSource, tableSource } from '../table/source.js';
import type { TargetSchema } from '../table/survey.js';
import { decodingOf, imageEncoding, maskEncoding, readFields } from './fields.js';
import type { FileField } from './files.js';

/** A field whose files a column names. */
interface NamedImages {
  readonly name: string;
  readonly role: 'input' | 'target';
  readonly kind: FileField['kind'];
  readonly key: string;
  readonly column: string;
  /** Where names start. */
  readonly dir: string;
  readonly own: PictureKeys & MaskKeys;
}

/** What a config says of columns that name images. @param table its path: names start beside it by default */
export function namedImages({ dir, inputs = {}, targets = {} }: ImagesConfig, table: string): NamedImages[] {
  const start = dir ?? dirname(resolve(table));
  return [['input', inputs] as const, ['target', targets] as const].flatMap(([role, fields]) =>
    Object.entries(fields).flatMap(([name, entry]): NamedImages[] => {
      if (typeof entry !== 'object' || !('image' in entry || 'mask' in entry)) return [];
      const key = `data.${role}s.${name}`;
      const about = { name, role, key, dir: resolve(entry.dir ?? start), own: entry };
      if ('mask' in entry) return [{ ...about, kind: 'mask', column: entry.mask }];
      return [{ ...about, kind: 'picture', column: entry.image }];
    }),
  );
}

/** @throws DataError naming the row of a file that is missing, outside of its folder or named twice, and what tables and images may have wrong */
export async function tableOfImages(config: ImagesConfig, reading: Reading): Promise<Source> {
  const table = tableOf(config)!;
  const named = namedImages(config, table.file);
  const format = csvFormat(table);
  const source = await tableSource(table, (file) => openTable(file, format, reading), format, reading, named);
  const { fields, images, columns } = await readNamed(config, named, source, reading);
  const encode: Source['encode'] = async (splits) => encodingOf(await source.encode!(splits), named, fields, images);
  const examples = { count: source.examples.count, columns };
  return { ...source, examples, encode, columns: reportOf(source, named), origin: `images in ${source.origin}` };
}

/** What columns are for, with those that name images. */
function reportOf({ columns }: TableSource, named: readonly NamedImages[]): ColumnReport {
  const images = named.map(({ column, name, role, kind, dir }) => ({
    name: column,
    field: name,
    role: role === 'input' ? ('feature' as const) : role,
    why: `names ${kind}s in ${dir}`,
  }));
  return { ...columns!, shown: [...images, ...columns!.shown] };
}

/**
 * The examples of another table with what it names, as a model was trained on them.
 * @param targets those that are columns
 */
export async function otherTableOfImages(
  config: ImagesConfig,
  encoding: TableEncoding,
  targets: readonly TargetSchema[],
  reading: Reading,
): Promise<TableExamples> {
  const named = namedImages(config, config.table!);
  const table = await tableExamples(config.table!, encoding, targets, reading, named);
  const { columns } = await readNamed(config, named, table, reading);
  return { ...table, examples: { count: table.examples.count, columns } };
}

/** Reads what rows name, to stand beside what they hold. */
async function readNamed(
  config: ImagesConfig,
  named: readonly NamedImages[],
  { examples, files, where = String }: Pick<TableSource, 'examples' | 'files' | 'where'>,
  reading: Reading,
) {
  const placed = (example: number) => where(example, '');
  try {
    const fields = named.map(
      ({ name, role, kind, own, column, dir }, i): FileField => ({
        name,
        role,
        kind,
        mask: own,
        decoding: decodingOf(config, own),
        files: files.map((names, example) =>
          fileOf(names[i], { column, dir, asked: 'data.dir' }, () => placed(example)),
        ),
      }),
    );
    refuseRepeated(config, named, fields, files, placed);
    const taken = examples.columns.reduce((sum, { values }) => sum + values.byteLength, 0);
    const room = Math.max(0, budgetBytes(config.memory) - taken);
    const images = await readFields(fields, room, reading, placed);
    return { fields, images, columns: inOrder(config, [...examples.columns, ...images]) };
  } catch (error) {
    closeExamples(examples);
    throw error;
  }
}

/** Columns in the order in which the config has their fields, and then the others. */
function inOrder({ inputs = {}, targets = {} }: ImagesConfig, columns: readonly SourceColumn[]): SourceColumn[] {
  const names = [...Object.keys(inputs), ...Object.keys(targets)];
  const placed = names.flatMap((name) => columns.find((column) => column.name === name) ?? []);
  return [...placed, ...columns.filter((column) => !placed.includes(column))];
}

function encodingOf(
  encoding: Encoding,
  named: readonly NamedImages[],
  fields: readonly FileField[],
  columns: readonly SourceColumn[],
): Encoding {
  const { input } = encoding;
  if (input.kind !== 'table') throw new Error('inputs are no table');
  const images = named.flatMap(({ name, role, column }, i) =>
    role === 'input' ? [[name, { column, ...imageEncoding(columns[i], fields[i].decoding) }] as const] : [],
  );
  return {
    input: { ...input, images: Object.fromEntries(images) },
    named: Object.assign({ ...encoding.named }, ...fields.map(maskEncoding)),
  };
}

/** Where the names of a column start. */
export interface NamedFiles {
  readonly column: string;
  readonly dir: string;
  /** What says so. */
  readonly asked: string;
}

/** @param where the name stands @throws DataError if it leads out of the folder, or to no file */
export function fileOf(name: string, { column, dir, asked }: NamedFiles, where: () => string): string {
  const file = resolve(dir, name);
  const way = relative(dir, file);
  const holds = () => `${where()}: column ${column} holds ${JSON.stringify(name)}`;
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
    throw new DataError(`${holds()}, which is outside of ${dir}`, `name the folder that holds them all: ${asked}`);
  }
  if (!isFile(file))
    throw new DataError(
      `${holds()}, and there is no file ${file}`,
      `correct it, or name the folder where names start: ${asked}`,
    );
  return file;
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Two rows may show one picture where something else tells them apart, and never may one mask lie on two pictures.
 * @throws DataError naming both rows
 */
function refuseRepeated(
  { inputs = {} }: ImagesConfig,
  named: readonly NamedImages[],
  fields: readonly FileField[],
  files: TableSource['files'],
  where: (example: number) => string,
): void {
  const pictures = fields.filter(({ role }) => role === 'input');
  const onlyPictures = pictures.length === Object.keys(inputs).length;
  const shownAt = new Map<string, number>();
  const lieAt = new Map<string, number>();
  const twice = (example: number, other: number, field: number) =>
    `${where(example)}: column ${named[field].column} holds ${JSON.stringify(files[example][field])}, as ${where(other)} does`;
  for (let example = 0; example < files.length; example++) {
    const shown = pictures.map((field) => field.files[example]).join('\n');
    const before = shownAt.get(shown);
    if (before === undefined) shownAt.set(shown, example);
    else if (onlyPictures) {
      throw new DataError(
        twice(example, before, fields.indexOf(pictures[0])),
        'remove one of the rows: an example is what its pictures show; data.weight makes one count more',
      );
    }
    fields.forEach(({ role, files: own }, field) => {
      if (role === 'input') return;
      const place = `${field} ${own[example]}`;
      const other = lieAt.get(place) ?? example;
      lieAt.set(place, other);
      if (pictures[0].files[other] === pictures[0].files[example]) return;
      throw new DataError(
        `${twice(example, other, field)}, for another picture`,
        `give each picture its own ${fields[field].kind}`,
      );
    });
  }
}
