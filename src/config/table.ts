/** `source: csv` and `source: parquet`: tables, whose columns become fields. */
import { z } from 'zod';
import { column, fraction, memory, path, standardizeTargets, TEST, targetType, VALIDATION } from './data-parts.js';
import { inputsSchema, tableRules, targetsSchema } from './table-fields.js';

const datePart = z.enum(['year', 'month', 'day', 'weekday', 'hour', 'minute']);
export type DatePart = z.infer<typeof datePart>;
export const dateFormSchema = z.union([z.literal('epoch'), z.array(datePart).min(1)]);
export type DateForm = z.infer<typeof dateFormSchema>;

export const thousandsSchema = z.string().regex(/^[^\dA-Za-z+-]$/u, {
  error: (issue) => `${JSON.stringify(issue.input)} is not one character that may stand between digits`,
});

const part = (purpose: string) =>
  z.union([fraction, path]).describe(`Fraction of the examples, or a file of its own, that ${purpose}`);

const splitSchema = z
  .strictObject({
    validation: part(VALIDATION).default(0.1),
    test: part(TEST).default(0.1),
    order: column
      .optional()
      .describe(
        'Column of numbers or dates: the rows with the highest are for test, those before them for validation.',
      ),
    group: column.optional().describe('Column whose values stay together: no two splits have rows of one value.'),
    stratify: z
      .union([z.boolean(), column])
      .optional()
      .describe('Give every split the same share of each class, or of each value of a column.'),
  })
  .superRefine(({ order, group, stratify }, context) => {
    const given = Object.entries({ order, group, stratify }).filter(([, value]) => value);
    if (given.length < 2) return;
    const names = given.map(([name]) => name).join(' and ');
    context.addIssue({
      code: 'custom',
      message: `${names} cannot decide together`,
      params: { remedy: 'keep one of them' },
    });
  });

/** What tables have in common, whatever file they come from. */
const table = {
  target: z
    .union([column, z.array(column).min(1)])
    .optional()
    .describe(
      'The column to predict; several columns of numbers are predicted together. Needed unless there are targets.',
    ),
  targets: targetsSchema.optional(),
  targetType,
  standardizeTargets,
  features: z.array(column).min(1).optional().describe('Columns to predict from. Default: all the others.'),
  inputs: inputsSchema.optional(),
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
  split: splitSchema
    .optional()
    .describe('Which rows are held out, and what decides it; in the place of validation, test and stratify.'),
  validation: part(VALIDATION).optional().meta({ default: 0.1 }),
  test: part(TEST).optional().meta({ default: 0.1 }),
  stratify: z.boolean().optional().meta({
    default: false,
    description: 'Give every split the same share of each class. Needs targets that are classes.',
  }),
  memory,
};

/** The config with its defaults, in the form in which it says how to split. */
function withSplits<
  T extends {
    readonly split?: unknown;
    readonly validation?: number | string;
    readonly test?: number | string;
    readonly stratify?: boolean;
  },
>(config: T): T {
  if (config.split !== undefined) return config;
  const { validation = 0.1, test = 0.1, stratify = false } = config;
  return { ...config, validation, test, stratify };
}

/** How CSV files are written where nothing else is said. */
export const usualCsv = {
  header: true,
  delimiter: ',',
  missingValues: ['', 'NA', 'N/A', 'n/a', '#N/A', '<NA>', 'NaN', 'nan', 'NULL', 'null', '?'],
};

export const csvSchema = z
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
  .superRefine(tableRules)
  .transform(withSplits)
  .describe('A CSV file.');

export const parquetSchema = z
  .strictObject({
    source: z.literal('parquet'),
    file: path.describe('A Parquet file; a relative path starts at the current folder.'),
    ...table,
  })
  .superRefine(tableRules)
  .transform(withSplits)
  .describe('A Parquet file.');

export type CsvConfig = z.infer<typeof csvSchema>;
export type ParquetConfig = z.infer<typeof parquetSchema>;
