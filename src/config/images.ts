/** `data.source: images`: a folder a class, folders of pictures and masks, or a table of their names. */
import { z } from 'zod';
import { column, copySchema, memory, path } from './data-parts.js';
import { type Refuse, refusal } from './refusal.js';
import { byKey, oneWay, partOrOwn, splitKeys, withSplits } from './split.js';
import { type CsvConfig, tableKeys, textKeys, usualCsv } from './table.js';
import {
  inputSchema,
  isInputColumns,
  isTargetColumns,
  ownFieldName,
  refuseNames,
  type TargetKeys,
  targetSchema,
} from './table-fields.js';

const sizeSchema = z.union([z.int().min(1), z.tuple([z.int().min(1), z.int().min(1)])]);
const greyscaleSchema = z.union([z.boolean(), z.enum(['bt601', 'linear'])]);

const pictureKeys = {
  size: sizeSchema.optional().describe('As data.size, for these.'),
  greyscale: greyscaleSchema.optional().describe('As data.greyscale, for these.'),
};

const maskKeys = {
  size: sizeSchema.optional().describe('As data.size, for these.'),
  classes: z
    .int()
    .min(2)
    .max(256)
    .optional()
    .describe('How many classes there are. Default: up to the highest value that a mask holds.'),
  values: z
    .array(z.int().min(0).max(255))
    .min(2)
    .optional()
    .describe(
      'The value that stands for each class, in their order: [0, 255] where 255 is class 1. Default: values are class indices.',
    ),
};

const ofFolder = path.describe('A folder with a file for each picture, of the same name but for its ending.');
const dir = path.optional().describe('Where its names start. Default: data.dir.');

const picturesSchema = z.strictObject({ images: ofFolder, ...pictureKeys });
const pictureSchema = z.strictObject({
  image: column.describe('The column of their names.'),
  dir,
  ...pictureKeys,
});
const masksSchema = z.strictObject({ masks: ofFolder, ...maskKeys });
const maskSchema = z.strictObject({ mask: column.describe('The column of their names.'), dir, ...maskKeys });

const inputs = z
  .record(ownFieldName, z.union([inputSchema, pictureSchema, picturesSchema]))
  .optional()
  .describe(
    'Inputs of the model by name: with a table { image: column }, or columns as those of source csv; without one { images: folder }, ' +
      'in the place of dir.',
  );

const targets = z
  .record(ownFieldName, z.union([targetSchema, copySchema, maskSchema, masksSchema, pictureSchema, picturesSchema]))
  .optional()
  .describe(
    'Targets by name. Masks are PNG files whose values are class indices, those of a palette too: { masks: folder, classes, values }, or with ' +
      'a table { mask: column }. Pictures, bytes times 1/255: { images: folder }, { image: column }, or { of: input }, as autoencoders have ' +
      'them. With a table also columns, as those of source csv.',
  );

/** Keys that say how to read a table. */
const ofTable = {
  header: textKeys.header.optional(),
  delimiter: textKeys.delimiter.optional(),
  decimal: textKeys.decimal.optional(),
  thousands: textKeys.thousands.optional(),
  missingValues: textKeys.missingValues.optional(),
  ...tableKeys,
  missing: tableKeys.missing.optional(),
};

export const imagesSchema = z
  .strictObject({
    source: z.literal('images'),
    dir: path
      .optional()
      .describe(
        'Folder with a folder of PNG or JPEG files for each class; where targets are masks or pictures, with files at any depth; ' +
          "with a table, where its names start (default: the table's folder). A relative path starts at the current folder.",
      ),
    table: path
      .optional()
      .describe(
        'A CSV, Parquet or JSON lines file with a row for each example, whose columns name its images and hold what else there is.',
      ),
    inputs,
    targets,
    size: sizeSchema
      .optional()
      .describe('Height and width to scale images to; one number for both. Default: images must be of one size.'),
    fit: z
      .enum(['cover', 'contain', 'fill'])
      .default('cover')
      .describe('Images of another shape are cropped (cover), padded with black (contain) or distorted (fill).'),
    greyscale: greyscaleSchema
      .default(false)
      .describe(
        'One channel instead of three: bt601 (or true) weighs the stored bytes as ITU-R BT.601 does, 0.299 R + 0.587 G + ' +
          "0.114 B, like PIL's mode L, OpenCV and torchvision; linear is the luminance of the light, which is brighter.",
      ),
    ...ofTable,
    ...splitKeys(partOrOwn('a folder of its own (with data.table: a table)'), byKey('Column of the table')),
    memory,
  })
  .superRefine(imagesRules)
  .superRefine(oneWay)
  .transform(withSplits())
  .describe('Image files: in one folder a class, beside their masks, or named by a table.');

export type ImagesConfig = z.infer<typeof imagesSchema>;
export type PictureKeys = { readonly [K in keyof typeof pictureKeys]?: z.infer<(typeof pictureKeys)[K]> };
export type MaskKeys = { readonly [K in keyof typeof maskKeys]?: z.infer<(typeof maskKeys)[K]> };

const has = (entry: unknown, ...keys: readonly string[]): boolean =>
  typeof entry === 'object' && entry !== null && keys.some((key) => key in entry);

type Given = TargetKeys &
  Readonly<Partial<Record<keyof typeof ofTable | 'dir' | 'table', unknown>>> & { readonly split?: object };

/** Columns need a table, folders need none; something is read, and what is said of a table needs one. */
function imagesRules(config: Given, context: z.RefinementCtx): void {
  const refuse = refusal(context);
  const { table, dir, inputs, targets } = config;
  refuseNames(config, refuse);
  for (const [key, given] of Object.entries({ inputs, targets })) {
    for (const [name, entry] of Object.entries(given ?? {}))
      fieldRules([key, name], entry, table !== undefined, refuse);
  }
  if (table !== undefined) {
    if (!Object.values(inputs ?? {}).some((entry) => has(entry, 'image')))
      refuse(['inputs'], 'names no image', 'name the column of their names: inputs: { picture: { image: COLUMN } }');
    if (!targets) refuse(['targets'], 'is missing', 'name the columns to predict: targets: { label: COLUMN }');
    return;
  }
  if (dir === undefined && !inputs) refuse(['dir'], 'is missing', 'name a folder of images');
  if (dir !== undefined && inputs)
    refuse(['dir'], 'stands beside data.inputs', 'name all folders under data.inputs, or the one under data.dir');
  if (inputs && !targets)
    refuse(['targets'], 'is missing', 'name folders of masks or of pictures, or an input: { copy: { of: INPUT } }');
  for (const key of Object.keys(ofTable) as (keyof typeof ofTable)[]) {
    if (config[key] === undefined) continue;
    refuse([key], 'says how to read a table, and there is no data.table', 'name one, or remove it');
  }
  for (const [key, column] of Object.entries(config.split ?? {})) {
    if (['validation', 'test'].includes(key) || typeof column !== 'string') continue;
    refuse(
      ['split', key],
      `${JSON.stringify(column)} is a column, and there is no data.table`,
      'name one, or remove it',
    );
  }
}

/** The key for a folder of masks or pictures, to be named instead of the key for a column in `entry`. */
const folderKey = ([list]: readonly string[], entry: unknown): 'masks' | 'images' =>
  has(entry, 'mask') || (list === 'targets' && !has(entry, 'image')) ? 'masks' : 'images';

function fieldRules(path: readonly string[], entry: unknown, hasTable: boolean, refuse: Refuse): void {
  if (has(entry, 'of')) return;
  const isFolder = has(entry, 'images', 'masks');
  if (!hasTable && !isFolder)
    refuse(
      path,
      'is a column, and there is no data.table',
      `name the table, or a folder: { ${folderKey(path, entry)}: FOLDER }`,
    );
  if (hasTable && isFolder) {
    const key = has(entry, 'masks') ? 'mask' : 'image';
    refuse(path, 'is a folder beside data.table', `name the column of their names: { ${key}: COLUMN, dir: FOLDER }`);
  }
  if (!has(entry, 'mask', 'masks')) return;
  const { classes, values } = entry as MaskKeys;
  if (classes !== undefined && values !== undefined)
    refuse([...path, 'classes'], 'stands beside values, which say the same', 'leave it out');
  if (values && new Set(values).size < values.length)
    refuse([...path, 'values'], 'names a value twice', 'give each class a value of its own');
}

const pick = <T>(fields: Readonly<Record<string, unknown>>, is: (entry: unknown) => entry is T) =>
  Object.fromEntries(Object.entries(fields).filter((field): field is [string, T] => is(field[1])));

/** The table as source csv would read it: those of its fields that are columns; undefined where there is none. */
export function tableOf({ table, inputs = {}, targets = {}, ...config }: ImagesConfig): CsvConfig | undefined {
  if (table === undefined) return undefined;
  const { header, delimiter, decimal, thousands, missingValues, missing = 'error' } = config;
  const { dates, categorical, weight, standardize, split, validation, test, stratify, memory } = config;
  return {
    source: 'csv',
    file: table,
    header: header ?? usualCsv.header,
    delimiter: delimiter ?? usualCsv.delimiter,
    decimal: decimal ?? '.',
    thousands,
    missingValues: missingValues ?? usualCsv.missingValues,
    missing,
    dates,
    categorical,
    weight,
    standardize,
    split,
    validation,
    test,
    stratify,
    memory,
    inputs: pick(inputs, isInputColumns),
    targets: pick(targets, isTargetColumns),
  };
}
