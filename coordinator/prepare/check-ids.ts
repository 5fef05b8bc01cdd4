/** Whether the ids that a model's embeddings are given are ids: whole numbers from 0, with a row each. */

import type { DataConfig } from '../../src/config/data.js';
import { eachRow } from '../../src/data/each-row.js';
import { fieldsOfTable, type TableEncoding } from '../../src/data/encoding.js';
import type { Column, Dataset } from '../../src/data/examples.js';
import { isCode, isPlain } from '../../src/data/field.js';
import { originOf } from '../../src/data/row-origins.js';
import { featuresOf } from '../../src/data/table/cell-values.js';
import type { StepModel } from '../../src/engine/step.js';
import { DataError, ModelError } from '../../src/errors.js';
import { numberText } from '../../src/ground/units.js';
import { type IdInput, idInputs } from '../../src/model/embedding-ids.js';

interface Odd {
  readonly input: IdInput;
  readonly example: number;
  readonly feature: number;
  readonly value: number;
}

/**
 * Looks at every example once, on disk too, if the model has an embedding that its features reach.
 * @throws DataError naming row, value and rule; ModelError when an embedding has fewer rows than a text has tokens
 */
export async function checkIds(data: DataConfig, dataset: Dataset, { built, fields }: StepModel): Promise<void> {
  const shapes = built.inputs.map((name) => fields.find((field) => field.name === name)!.shape);
  const inputs = idInputs(built.model, shapes);
  if (inputs.length === 0) return;
  const { input } = dataset.encoding;
  if (input.kind === 'text') {
    const what = input.tokenizer ? 'tokens of the tokenizer' : 'distinct characters of the text';
    return checkTokens(inputs, input.vocabulary.length, what);
  }
  for (const [place, name] of built.inputs.entries()) {
    const column = dataset.examples.columns.find((column) => column.name === name)!;
    const own = inputs.filter((input) => input.input === place);
    if (own.length === 0) continue;
    checkColumns(dataset, column, own);
    checkCategories(column, own, input.kind === 'table' && !isText(input, name));
    await checkColumn(data, dataset, column, own);
  }
}

const isText = (input: TableEncoding, name: string): boolean =>
  fieldsOfTable(input).some((field) => field.name === name && 'tokenizer' in field.columns[0]);

async function checkColumn(
  data: DataConfig,
  dataset: Dataset,
  column: Column,
  inputs: readonly IdInput[],
): Promise<void> {
  const scale = Math.fround(column.scale ?? 1);
  let odd: Odd | undefined;
  let highest = 0;
  await eachRow(column, dataset.examples.count, (row, start, example) => {
    for (const input of inputs) {
      for (const feature of input.features) {
        const value = Math.fround(row[start + feature] * scale);
        if (isCode(value, input.rows)) continue;
        if (value > highest && Number.isInteger(value)) highest = value;
        odd ??= { input, example, feature, value };
      }
    }
  });
  if (odd) throw noId(data, dataset, column, odd, highest);
}

/** What is scaled, or made of texts, is no id whatever its rows hold. */
function checkColumns(dataset: Dataset, field: Column, inputs: readonly IdInput[]): void {
  const key = isPlain(field) ? undefined : `data.inputs.${field.name}`;
  for (const { layer, features } of inputs) {
    for (const feature of features) {
      const column = columnOf(dataset, field, feature);
      if (column && 'categories' in column) {
        throw new DataError(
          `${layer} looks up its features as ids, and column ${column.name} becomes features of 0 and 1`,
          key
            ? `give it an input of its own, with its categories numbered: ${key}: { index: ${JSON.stringify(column.name)} }`
            : 'write its categories as whole numbers from 0, or list it under data.exclude',
        );
      }
      if (column && isStandardized(column)) {
        throw new DataError(
          `${layer} looks up its features as ids, and column ${column.name} is standardized, which makes fractions of ids`,
          key ? `set ${key}: { columns: ..., standardize: false }` : 'set data.standardize: false',
        );
      }
    }
  }
}

/**
 * Codes are of all categories, whether they occur in the examples or not: predictions may have any.
 * @param coded by us, with a code for what training did not see
 */
function checkCategories({ name, categories }: Column, inputs: readonly IdInput[], coded: boolean): void {
  const short = inputs.find(({ rows }) => categories !== undefined && rows < categories);
  if (!short) return;
  throw new ModelError(
    `${short.layer}: inputDim: ${short.rows} is less than the ${categories} categories of input ${name}${coded ? ', of which one is for those that training did not see' : ''}`,
    `use inputDim: categories${otherKey('categories')}`,
  );
}

function checkTokens(inputs: readonly IdInput[], tokens: number, what: string): void {
  const short = inputs.find(({ rows }) => rows < tokens);
  if (!short) return;
  throw new ModelError(
    `${short.layer}: inputDim: ${short.rows} is less than the ${tokens} ${what}`,
    `use inputDim: classes${otherKey('classes')}`,
  );
}

/** A layer that looks ids up, and adds where they stand, calls the rows of its table otherwise. */
const otherKey = (rows: string | number): string => ` (vocabulary: ${rows} of tokenAndPositionEmbedding)`;

/** The rule, for messages. */
export const takesIds = ({ layer, rows }: IdInput): string =>
  `${layer} takes whole numbers from 0 to ${rows - 1} (inputDim: ${rows})`;

function noId(
  data: DataConfig,
  dataset: Dataset,
  field: Column,
  { input, example, feature, value }: Odd,
  highest: number,
): DataError {
  const column = columnOf(dataset, field, feature);
  const shown = numberText(value, 7);
  const where = `${originOf(dataset, example, field.name)}${column ? `: column ${column.name}` : ''}`;
  return new DataError(`${where} holds ${shown}, and ${takesIds(input)}`, remedy());

  function remedy(): string {
    if (!Number.isInteger(value) && 'scale' in data && data.scale !== 1) return 'leave data.scale out';
    if (!Number.isInteger(value)) return 'give it whole numbers, or leave out what is none';
    if (value < 0) return 'number the ids from 0';
    return `set inputDim: ${highest + 1}${otherKey(highest + 1)}, or leave out what has no row`;
  }
}

const isStandardized = (column: TableEncoding['columns'][number]): boolean =>
  'scale' in column && (column.scale !== 1 || column.mean !== 0);

/** The column of a table that a feature of an input comes from. */
function columnOf({ encoding: { input } }: Dataset, { name }: Column, feature: number) {
  if (input.kind !== 'table') return undefined;
  let start = 0;
  return fieldsOfTable(input)
    .find((field) => field.name === name)
    ?.columns.find((column) => {
      start += featuresOf(column);
      return feature < start;
    });
}
