/** What the inputs of a model consist of, by names: columns, pixels, words, numbers. */
import {
  type Encoding,
  fieldsOfTable,
  type ImageEncoding,
  type TableEncoding,
  type TextColumn,
} from '../../src/data/encoding.js';
import { dateColumns } from '../../src/data/table/dates.js';
import { tableWidth } from '../../src/data/table/rows.js';
import { openTokenizer } from '../../src/data/text/tokenizer.js';
import { elements } from '../../src/ground/elements.js';
import type { SavedModel } from './saved-model.js';
import { encodingOf } from './signature.js';

/** A column of a table, or of each category's or date's part its numbers. */
interface NamedColumn {
  readonly name: string;
  readonly features: readonly number[];
  /** Whether its numbers say which category it is. */
  readonly isCategory: boolean;
}

/** What one input consists of. */
export type InputParts =
  | { readonly kind: 'columns'; readonly columns: readonly NamedColumn[] }
  | { readonly kind: 'picture'; readonly height: number; readonly width: number; readonly channels: number }
  | { readonly kind: 'places'; readonly vocabulary: readonly string[] }
  | { readonly kind: 'numbers' };

export function partsOfInputs({ inputs, encoding }: Pick<SavedModel, 'inputs' | 'encoding'>): InputParts[] {
  return inputs.map((input): InputParts => {
    const table = encoding?.input.kind === 'table' ? encoding.input : undefined;
    const text = table && textColumn(table, input.name, input.isNamed);
    if (text) return { kind: 'places', vocabulary: openTokenizer(text.tokenizer, 'encoding.json').names };
    const own = table && tableColumns(table, input.name, input.isNamed);
    if (own) return { kind: 'columns', columns: own };
    const found = encoding && encodingOf(encoding, input.name);
    if (found && 'window' in found) return { kind: 'places', vocabulary: encoding.classes ?? found.vocabulary };
    const [height, width, channels] = input.shape;
    const isPicture = isImage(found) || (input.shape.length === 3 && (channels === 1 || channels === 3));
    return isPicture ? { kind: 'picture', height, width, channels } : { kind: 'numbers' };
  });
}

const isImage = (encoding: ReturnType<typeof encodingOf>): encoding is ImageEncoding =>
  encoding !== undefined && 'height' in encoding;

/** The field of an input. */
const fieldOf = (table: TableEncoding, name: string, isNamed: boolean) => {
  const fields = fieldsOfTable(table);
  return isNamed ? fields.find((each) => each.name === name) : fields[0];
};

/** The column of texts that is an input; undefined for any other. */
function textColumn(table: TableEncoding, name: string, isNamed: boolean): TextColumn | undefined {
  const [column] = fieldOf(table, name, isNamed)?.columns ?? [];
  return column && 'tokenizer' in column ? column : undefined;
}

/** Whether all that the model reads is one text of a table. */
export const isOneText = (encoding: Encoding, inputs: number): boolean =>
  inputs === 1 && encoding.input.kind === 'table' && textColumn(encoding.input, '', false) !== undefined;

/** The columns that make an input, those of one date together; undefined for an input that is a picture. */
export function tableColumns(table: TableEncoding, name: string, isNamed: boolean): NamedColumn[] | undefined {
  const field = fieldOf(table, name, isNamed);
  if (!field || field.columns.length === 0) return undefined;
  const dates = new Map(
    Object.entries(table.dates ?? {}).flatMap(([date, form]) => dateColumns(date, form).map((part) => [part, date])),
  );
  const found = new Map<string, { name: string; features: number[]; isCategory: boolean }>();
  let next = 0;
  for (const column of field.columns) {
    const own = dates.get(column.name) ?? column.name;
    const group = found.get(own) ?? { name: own, features: [], isCategory: 'categories' in column };
    for (let i = tableWidth([column]); i > 0; i--) group.features.push(next++);
    found.set(own, group);
  }
  return [...found.values()];
}

/** Of one number of an array: `[3]`, `[2, 5]`, counted from 1. */
export function placeText(shape: readonly number[], feature: number): string {
  let rest = feature;
  const places = shape.toReversed().map((size) => {
    const place = rest % size;
    rest = Math.floor(rest / size);
    return place + 1;
  });
  return `[${places.toReversed().join(', ')}]`;
}

/** Pixels of a picture, or the numbers of an array: one part each. */
export const singleParts = (input: number, shape: readonly number[], width = 1) =>
  Array.from({ length: elements(shape) / width }, (_, i) => ({
    input,
    features: Array.from({ length: width }, (_, j) => i * width + j),
  }));
