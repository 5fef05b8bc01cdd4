/** `data`: where the examples come from and how they are split. */
import { z } from 'zod';
import { byField, copies, memory, path, standardizeTargets } from './data-parts.js';
import { imagesSchema, tableOf } from './images.js';
import { npySchema } from './npy.js';
import { byClass, byKey, oneWay, partOfExamples, partOrOwn, splitKeys, withSplits } from './split.js';
import { csvSchema, isTable, jsonlSchema, parquetSchema, type TableConfig } from './table.js';
import { textSchema } from './text.js';

const digitsSchema = z
  .strictObject({
    source: z.literal('digits'),
    examples: z.int().min(20).default(12_000).describe('How many digits to make, all splits together.'),
    seed: z
      .int()
      .min(0)
      .default(0)
      .describe('Names the set of digits. Apart from the seed of the run, so that all seeds train on the same set.'),
    targets: copies,
    ...splitKeys(partOfExamples, byClass),
    memory,
  })
  .superRefine(oneWay)
  .transform(withSplits())
  .describe('Synthetic handwritten digits, 28 x 28 x 1, ten classes, made when the run starts.');

const idxSchema = z
  .strictObject({
    source: z.literal('idx'),
    dir: z
      .string()
      .min(1)
      .describe(
        'Folder of <prefix>-images-idx3-ubyte and <prefix>-labels-idx1-ubyte files, with or without .gz; ' +
          'a relative path starts at the current folder.',
      ),
    training: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Prefix of the training files. Default: train where there is such a pair, else the folder's only pair.",
      ),
    targets: copies,
    ...splitKeys(partOrOwn('prefix of the files', 'training files'), byClass),
    memory,
  })
  .superRefine(oneWay)
  .transform(withSplits())
  .describe('Images of the MNIST family (MNIST, Fashion-MNIST, EMNIST, KMNIST) in IDX files.');

const rows = z.array(z.union([z.number(), z.array(z.number()).min(1)])).min(1);

/** What is held out where nothing is said. */
const none = { validation: 0, test: 0, stratify: false } as const;

const valuesSchema = z
  .strictObject({
    source: z.literal('values'),
    features: rows.describe('One row of numbers for each example; a plain number is a row of one.'),
    targets: rows.describe('One row of numbers for each example, or one class index each if classes is given.'),
    classes: z.int().min(2).optional().describe('Makes the targets class indices, 0 to classes - 1.'),
    standardizeTargets,
    ...splitKeys(partOfExamples, byClass, none),
    memory,
  })
  .superRefine(oneWay)
  .transform(withSplits(none))
  .describe('Numbers written in the config.');

const moduleSchema = z
  .strictObject({
    source: z.literal('module'),
    file: path.describe(
      'JavaScript or TypeScript file whose default export is, or is a function that returns, an iterable of ' +
        '{ features, target, weight? } or, by names, { inputs: { name: ... }, targets: { name: ... }, weights?: { target: ... } }, ' +
        'sync or async; a relative path starts at the current folder.',
    ),
    options: z.record(z.string(), z.unknown()).optional().describe('Given to the function.'),
    classes: byField(z.int().min(2))
      .optional()
      .describe('Makes a target class indices, 0 to classes - 1: of the only target, or { target: classes }.'),
    categories: byField(z.int().min(1))
      .optional()
      .describe(
        'Makes an input whole numbers from 0 to categories - 1, for which embeddings write inputDim: categories: of the only input, ' +
          'or { input: categories }.',
      ),
    length: byField(z.union([z.literal('longest'), z.int().min(1)]))
      .optional()
      .describe(
        'Makes an input a sequence whose first axis differs from example to example: filled up with 0 to so many places, or to the ' +
          'longest, with a mask that leaves those places out of layers, losses and metrics. Of the only input, or { input: length }. ' +
          'Targets that have as many places as an input in every example go with it.',
      ),
    targets: copies,
    truncate: z.boolean().default(false).describe('Cut off what sequences have beyond data.length.'),
    standardizeTargets,
    ...splitKeys(partOrOwn('a module of its own'), byKey('Key of the examples that is no input')),
    memory,
  })
  .superRefine(oneWay)
  .transform(withSplits())
  .describe('Examples that a module of yours makes.');

export const dataSchema = z.discriminatedUnion('source', [
  digitsSchema,
  idxSchema,
  valuesSchema,
  csvSchema,
  parquetSchema,
  jsonlSchema,
  npySchema,
  imagesSchema,
  textSchema,
  moduleSchema,
]);

export type DataConfig = z.infer<typeof dataSchema>;

/** The table that a config reads, as the source of tables would; undefined where it reads none. */
export function tableIn(data: DataConfig): TableConfig | undefined {
  if (data.source === 'images') return tableOf(data);
  return isTable(data) ? data : undefined;
}

export type IdxConfig = z.infer<typeof idxSchema>;
export type ValuesConfig = z.infer<typeof valuesSchema>;
export type NpyConfig = z.infer<typeof npySchema>;
export type ModuleConfig = z.infer<typeof moduleSchema>;
