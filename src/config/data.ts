/** `data`: where the examples come from and how they are split. */
import { z } from 'zod';

const fraction = z.number().min(0).lt(1);
const prefix = z.string().min(1);
const path = z.string().min(1);
const column = z.string().min(1);

/** `512MB`, `1.5 GiB`: 1 MB is 2^20 bytes here, with or without the i. */
export const SIZE = /^(\d+(?:\.\d+)?)\s*([KMGT])i?B$/i;

const memory = z
  .string()
  .regex(SIZE, { error: (issue) => `${JSON.stringify(issue.input)} is not a size such as 512MB or 2GB` })
  .optional()
  .describe(
    'Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.',
  );

const stratify = z
  .boolean()
  .default(false)
  .describe('Give every split the same share of each class. Needs targets that are classes.');

const VALIDATION = 'is held out and evaluated after every epoch.';
const TEST = 'is held out and evaluated once, at the end.';

function fractions(preset: number) {
  return {
    validation: fraction.default(preset).describe(`Fraction of the examples that ${VALIDATION}`),
    test: fraction.default(preset).describe(`Fraction of the examples that ${TEST}`),
    stratify,
    memory,
  };
}

/** A fraction of the training files, or the prefix of files of its own. */
function fractionOrFiles(purpose: string) {
  return z
    .union([fraction, prefix])
    .default(0.1)
    .describe(`Fraction of the training files, or prefix of the files, that ${purpose}`);
}

/** Splits of sources where a split may have a file or folder of its own. */
function fractionsOrPaths(what: string) {
  const part = (purpose: string) =>
    z
      .union([fraction, path])
      .default(0.1)
      .describe(`Fraction of the examples, or a ${what} of its own, that ${purpose}`);
  return { validation: part(VALIDATION), test: part(TEST), stratify, memory };
}

const digitsSchema = z
  .strictObject({
    source: z.literal('digits'),
    examples: z.int().min(20).default(12_000).describe('How many digits to make, all splits together.'),
    seed: z
      .int()
      .min(0)
      .default(0)
      .describe('Names the set of digits. Apart from the seed of the run, so that all seeds train on the same set.'),
    ...fractions(0.1),
  })
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
    training: prefix
      .optional()
      .describe(
        "Prefix of the training files. Default: train where there is such a pair, else the folder's only pair.",
      ),
    validation: fractionOrFiles(VALIDATION),
    test: fractionOrFiles(TEST),
    stratify,
    memory,
  })
  .describe('Images of the MNIST family (MNIST, Fashion-MNIST, EMNIST, KMNIST) in IDX files.');

const rows = z.array(z.union([z.number(), z.array(z.number()).min(1)])).min(1);

const standardizeTargets = z
  .boolean()
  .optional()
  .describe(
    'Give targets that are numbers mean 0 and deviation 1, column by column, as measured on the training split in 64 bits. ' +
      'The loss is that of the standardized targets; mae, mse, r2 and predictions are in their own units. Default: false.',
  );

const valuesSchema = z
  .strictObject({
    source: z.literal('values'),
    features: rows.describe('One row of numbers for each example; a plain number is a row of one.'),
    targets: rows.describe('One row of numbers for each example, or one class index each if classes is given.'),
    classes: z.int().min(2).optional().describe('Makes the targets class indices, 0 to classes - 1.'),
    standardizeTargets,
    ...fractions(0),
  })
  .describe('Numbers written in the config.');

const targetType = z
  .enum(['class', 'number'])
  .optional()
  .describe(
    'Whether targets are classes or numbers. Default: what the loss takes; where it takes both, classes if they are text, else numbers.',
  );

const datePart = z.enum(['year', 'month', 'day', 'weekday', 'hour', 'minute']);
export type DatePart = z.infer<typeof datePart>;
export const dateFormSchema = z.union([z.literal('epoch'), z.array(datePart).min(1)]);
export type DateForm = z.infer<typeof dateFormSchema>;

export const thousandsSchema = z.string().regex(/^[^\dA-Za-z+-]$/u, {
  error: (issue) => `${JSON.stringify(issue.input)} is not one character that may stand between digits`,
});

/** What tables have in common, whatever file they come from. */
const table = {
  target: z
    .union([column, z.array(column).min(1)])
    .describe('The column to predict; several columns of numbers are predicted together.'),
  targetType,
  standardizeTargets,
  features: z.array(column).min(1).optional().describe('Columns to predict from. Default: all the others.'),
  exclude: z.array(column).optional().describe('Columns to leave out, such as an identifier.'),
  dates: z
    .record(column, dateFormSchema)
    .optional()
    .describe(
      'Columns of dates, and which numbers they become: epoch (seconds since 1970, UTC) or a list of year, month, day, ' +
        'weekday (Monday is 1), hour and minute. Dates in text are written as 2024-01-31 or 2024-01-31 12:30:00 (ISO 8601).',
    ),
  categorical: z
    .array(column)
    .optional()
    .describe(
      'Columns of numbers that name categories. Columns of text do anyway; each category becomes a 0/1 feature.',
    ),
  weight: column.optional().describe("The column of the examples' weights in the loss."),
  standardize: z
    .boolean()
    .optional()
    .describe(
      'Give numeric columns mean 0 and deviation 1, as measured on the training split. ' +
        'Default: true, except where the first layer is an embedding, which reads whole numbers.',
    ),
  missing: z
    .enum(['error', 'mean', 'drop'])
    .default('error')
    .describe(
      'Missing values: refuse them, take the mean of the training split (for a category: a category of its own), or leave the row out.',
    ),
  ...fractionsOrPaths('file'),
};

/** How CSV files are written where nothing else is said. */
export const usualCsv = {
  header: true,
  delimiter: ',',
  missingValues: ['', 'NA', 'N/A', 'n/a', '#N/A', '<NA>', 'NaN', 'nan', 'NULL', 'null', '?'],
};

const csvSchema = z
  .strictObject({
    source: z.literal('csv'),
    file: path.describe('Table of text, one row a line; a relative path starts at the current folder.'),
    header: z
      .boolean()
      .default(usualCsv.header)
      .describe('Whether the first line names the columns; else they are c1, c2, ...'),
    delimiter: z.string().length(1).default(usualCsv.delimiter).describe('What separates the columns.'),
    decimal: z.enum(['.', ',']).default('.').describe('What stands before the decimals of a number.'),
    thousands: thousandsSchema
      .optional()
      .describe('What stands between groups of three digits, such as , in 1,100; a blank means no-break spaces too.'),
    missingValues: z
      .array(z.string())
      .default(usualCsv.missingValues)
      .describe('Texts that stand for a missing value.'),
    ...table,
  })
  .describe('A CSV file.');

const parquetSchema = z
  .strictObject({
    source: z.literal('parquet'),
    file: path.describe('A Parquet file; a relative path starts at the current folder.'),
    ...table,
  })
  .describe('A Parquet file.');

const npySchema = z
  .strictObject({
    source: z.literal('npy'),
    features: path.describe('NumPy array whose first axis counts the examples; bytes stay bytes, else float32.'),
    targets: path.describe('NumPy array of as many classes or numbers.'),
    weights: path
      .optional()
      .describe(
        "NumPy array of the examples' weights in the training loss, [n]; or of weights of places, [n, places], which evaluation counts too: " +
          '0 leaves a place out of metrics.',
      ),
    targetType: targetType.describe(
      'Whether targets are classes or numbers. Default: what the loss takes; where it takes both, classes if each example ' +
        'has one integer from 0, else numbers.',
    ),
    standardizeTargets,
    scale: z.number().positive().default(1).describe('Factor of the features, such as 0.00392156862745098 for bytes.'),
    ...fractions(0.1),
  })
  .describe('NumPy .npy files.');

const imagesSchema = z
  .strictObject({
    source: z.literal('images'),
    dir: path.describe(
      'Folder with a folder of PNG or JPEG files for each class; a relative path starts at the current folder.',
    ),
    size: z
      .union([z.int().min(1), z.tuple([z.int().min(1), z.int().min(1)])])
      .optional()
      .describe('Height and width to scale images to; one number for both. Default: images must be of one size.'),
    fit: z
      .enum(['cover', 'contain', 'fill'])
      .default('cover')
      .describe('Images of another shape are cropped (cover), padded with black (contain) or distorted (fill).'),
    greyscale: z
      .union([z.boolean(), z.enum(['bt601', 'linear'])])
      .default(false)
      .describe(
        'One channel instead of three: bt601 (or true) weighs the stored bytes as ITU-R BT.601 does, 0.299 R + 0.587 G + ' +
          "0.114 B, like PIL's mode L, OpenCV and torchvision; linear is the luminance of the light, which is brighter.",
      ),
    ...fractionsOrPaths('folder'),
  })
  .describe('Image files in one folder a class.');

const textSchema = z
  .strictObject({
    source: z.literal('text'),
    file: path.describe('UTF-8 text; a relative path starts at the current folder.'),
    window: z.int().min(1).default(32).describe('Characters that an example shows the model.'),
    stride: z
      .int()
      .min(1)
      .default(1)
      .describe('Characters from the start of one training example to that of the next.'),
    targets: z
      .enum(['last', 'all'])
      .default('last')
      .describe('Predict the character after the window, or the one after each character of it.'),
    validation: fraction
      .default(0.1)
      .describe(`Fraction of the text, in one piece before that for test, that ${VALIDATION}`),
    test: fraction.default(0).describe(`Fraction of the text, in one piece at its end, that ${TEST}`),
    memory,
  })
  .describe('Characters of a text: the examples are windows of it, the targets the characters that follow.');

const moduleSchema = z
  .strictObject({
    source: z.literal('module'),
    file: path.describe(
      'JavaScript or TypeScript file whose default export is, or is a function that returns, an iterable of ' +
        '{ features, target, weight? }, sync or async; a relative path starts at the current folder.',
    ),
    options: z.record(z.string(), z.unknown()).optional().describe('Given to the function.'),
    classes: z.int().min(2).optional().describe('Makes the targets class indices, 0 to classes - 1.'),
    standardizeTargets,
    ...fractions(0.1),
  })
  .describe('Examples that a module of yours makes.');

export const dataSchema = z.discriminatedUnion('source', [
  digitsSchema,
  idxSchema,
  valuesSchema,
  csvSchema,
  parquetSchema,
  npySchema,
  imagesSchema,
  textSchema,
  moduleSchema,
]);

export type DataConfig = z.infer<typeof dataSchema>;
export type IdxConfig = z.infer<typeof idxSchema>;
export type ValuesConfig = z.infer<typeof valuesSchema>;
export type CsvConfig = z.infer<typeof csvSchema>;
export type ParquetConfig = z.infer<typeof parquetSchema>;
export type NpyConfig = z.infer<typeof npySchema>;
export type ImagesConfig = z.infer<typeof imagesSchema>;
export type TextConfig = z.infer<typeof textSchema>;
export type ModuleConfig = z.infer<typeof moduleSchema>;
