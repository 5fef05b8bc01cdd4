/** The fields that the columns of a table become, and the room for their values. */
import { plainColumn, type SourceColumn } from '../examples.js';
import { RowWriter, sharesOf } from '../row-writer.js';
import { maskOf } from '../sequences.js';
import { tokenCount } from '../text/tokenizer-json.js';
import { tableWidth, typeOfInput } from './rows.js';
import type { InputSchema, TargetSchema } from './survey.js';

/** Memory goes to inputs by the room that their rows take. */
export function writersOf(inputs: readonly InputSchema[], budget: number): RowWriter[] {
  const widths = inputs.map(({ columns }) => tableWidth(columns));
  const budgets = sharesOf(budget, widths);
  return inputs.map((input, i) => new RowWriter(widths[i], typeOfInput(input), budgets[i]));
}

/** @param writers have the rows, and get no more */
export const inputColumns = (inputs: readonly InputSchema[], writers: readonly RowWriter[]): SourceColumn[] =>
  inputs.map((input, i) => ({
    ...plainColumn('input', { shape: [tableWidth(input.columns)], ...writers[i].finish() }),
    name: input.name,
    ...categoriesOf(input),
  }));

/** Tokens; or codes, and one for what training did not see. */
function categoriesOf({ columns }: InputSchema): { categories?: number } {
  const [column] = columns;
  if ('tokenizer' in column) return { categories: tokenCount(column.tokenizer) };
  return 'codes' in column ? { categories: column.codes.length + 1 } : {};
}

/** The masks of inputs that are texts. @param lengths for each input, tokens of each row */
export const textMasks = (inputs: readonly InputSchema[], lengths: readonly (readonly number[])[]): SourceColumn[] =>
  inputs.flatMap(({ name, columns: [column] }, i) =>
    column && 'tokenizer' in column ? [maskOf(name, { kept: lengths[i], length: column.length })] : [],
  );

/** @param isExact whether numbers keep 64 bits, as those that are to be standardized do */
export function tableTargetColumn(
  { name, columns, classes }: TargetSchema,
  isExact: boolean,
  count: number,
): SourceColumn {
  const { length: width } = columns;
  const bytes = new SharedArrayBuffer((isExact && !classes ? 8 : 4) * count * width);
  const numbers = isExact && !classes ? new Float64Array(bytes) : new Float32Array(bytes);
  const values = classes ? new Int32Array(bytes) : numbers;
  return { ...plainColumn('target', { shape: classes ? [] : [width], values, categories: classes?.length }), name };
}
