/** `source: csv`, `source: parquet` and `source: jsonl`: tables, whose columns become fields. */
import { z } from 'zod';
import { column, memory, path, standardizeTargets, targetType } from './data-parts.js';
import { byKey, oneWay, partOrOwn, splitKeys, withSplits } from './split.js';
import { inputsSchema, tableRules, targetsSchema } from './table-fields.js';

const datePart = z.enum(['year', 'month', 'day', 'weekday', 'hour', 'minute']);
export type DatePart = z.infer<typeof datePart>;
export const dateFormSchema = z.union([z.literal('epoch'), z.array(datePart).min(1)]);
export type DateForm = z.infer<typeof dateFormSchema>;

export const thousandsSchema = z.string().regex(/^[^\dA-Za-z+-]$/u, {
  error: (issue) => `${JSON.stringify(issue.input)} is not one character that may stand between digits`,
});

/** What is said of columns, whatever examples they are part of. */
export const tableKeys = {
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
  weight: column
    .optional()
    .describe("The column of the examples' weights in the loss of training; evaluation counts each row once."),
  standardize: z
    .boolean()
    .optional()
    .describe(
      'Give numeric columns mean 0 and deviation 1, as measured on the training split. ' +
        'Default: true, except where the first layer is an embedding, which reads whole numbers.',
    ),
  missing: z
    .enum(['error', 'mean', 'drop'])
    .describe(
      'Missing values: refuse them, take the mean of the training split (for a category: a category of its own), or leave the row out.',
    ),
};

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
  ...tableKeys,
  missing: tableKeys.missing.default('error'),
  ...splitKeys(partOrOwn('a file of its own'), byKey('Column')),
  memory,
};

/** How CSV files are written where nothing else is said. */
export const usualCsv = {
  header: true,
  delimiter: ',',
  missingValues: ['', 'NA', 'N/A', 'n/a', '#N/A', '<NA>', 'NaN', 'nan', 'NULL', 'null', '?'],
};

/** How CSV files may be written. */
export const textKeys = {
  header: z.boolean().describe('Whether the first line names the columns; else they are c1, c2, ...'),
  delimiter: z.string().length(1).describe('What separates the columns.'),
  decimal: z.enum(['.', ',']).describe('What stands before the decimals of a number.'),
  thousands: thousandsSchema.describe(
    'What stands between groups of three digits, such as , in 1,100; a blank means no-break spaces too.',
  ),
  missingValues: z.array(z.string()).describe('Texts that stand for a missing value.'),
};

export const csvSchema = z
  .strictObject({
    source: z.literal('csv'),
    file: path.describe('Table of text, one row a line; a relative path starts at the current folder.'),
    header: textKeys.header.default(usualCsv.header),
    delimiter: textKeys.delimiter.default(usualCsv.delimiter),
    decimal: textKeys.decimal.default('.'),
    thousands: textKeys.thousands.optional(),
    missingValues: textKeys.missingValues.default(usualCsv.missingValues),
    ...table,
  })
  .superRefine(tableRules)
  .superRefine(oneWay)
  .transform(withSplits())
  .describe('A CSV file.');

export const parquetSchema = z
  .strictObject({
    source: z.literal('parquet'),
    file: path.describe('A Parquet file; a relative path starts at the current folder.'),
    ...table,
  })
  .superRefine(tableRules)
  .superRefine(oneWay)
  .transform(withSplits())
  .describe('A Parquet file.');

export const jsonlSchema = z
  .strictObject({
    source: z.literal('jsonl'),
    file: path.describe(
      'JSON lines, an object a line with a value for each column; plain or gzip. A relative path starts at the current folder.',
    ),
    ...table,
  })
  .superRefine(tableRules)
  .superRefine(oneWay)
  .transform(withSplits())
  .describe('A file of JSON lines.');

export type CsvConfig = z.infer<typeof csvSchema>;
export type ParquetConfig = z.infer<typeof parquetSchema>;
export type JsonlConfig = z.infer<typeof jsonlSchema>;
export type TableConfig = CsvConfig | ParquetConfig | JsonlConfig;

const tableSources: readonly string[] = ['csv', 'parquet', 'jsonl'] satisfies TableConfig['source'][];

/** Whether examples are the rows of a table, and nothing else. */
export const isTable = <Data extends { readonly source: string }>(
  data: Data,
): data is Extract<Data, { readonly source: TableConfig['source'] }> => tableSources.includes(data.source);
