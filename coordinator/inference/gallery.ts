/** Examples of a gallery with their inputs as people see them: a picture, a row of a table, a text. */
import { pictureIn } from '../../src/data/augment/moved.js';
import { type Encoding, fieldsOfTable, type TextColumn } from '../../src/data/encoding.js';
import type { Column, Dataset } from '../../src/data/examples.js';
import { bytesPerElement, ofRole, rowBytes, strideOf, type Values, valuesOf, widthOf } from '../../src/data/field.js';
import { encodePng, pngUri } from '../../src/data/images/png.js';
import { readFully } from '../../src/data/row-reader.js';
import { TextCoder, type TextEncoding } from '../../src/data/text/inputs.js';
import { openTokenizer } from '../../src/data/text/tokenizer.js';
import { galleryOf } from '../../src/diagnosis/shelves.js';
import { numberText } from '../../src/ground/units.js';
import type { GalleryReport } from '../../src/report/evaluation-report.js';
import type { EvaluatedExamples } from './evaluate-examples.js';

type Seen = Pick<GalleryReport['examples'][number], 'picture' | 'row' | 'text'>;

/** @returns undefined where no gallery is wanted, or what is needed for it was not kept */
export async function galleryFor(evaluated: EvaluatedExamples): Promise<GalleryReport[] | undefined> {
  const { config, dataset, kept, rows, split } = evaluated;
  const most = config.evaluation.gallery;
  if (most === 0 || !kept) return undefined;
  const shelves: GalleryReport[] = [];
  for (const { title, examples } of galleryOf(kept, most, split !== 'training')) {
    const shown = [];
    for (const { place, ...said } of examples) {
      const example = rows[place];
      shown.push({ example, ...said, ...(await seen(dataset, example)) });
    }
    shelves.push({ title, examples: shown });
  }
  return shelves;
}

async function seen({ examples: { columns }, encoding }: Dataset, example: number): Promise<Seen> {
  const inputs = ofRole(columns, 'input');
  const picture = pictureIn(inputs);
  if (picture && [1, 3].includes(picture.shape[2])) return { picture: await pngOf(picture, example) };
  if (encoding.input.kind === 'text') return { text: await textOf(inputs[0], example, encoding.input) };
  return { row: await rowOf(inputs, example, encoding) };
}

/** The values of one example, which may be on the disk. */
export async function valuesAt(column: Column, example: number): Promise<Values> {
  const { values, file, type } = column;
  const width = widthOf(column);
  const start = example * strideOf(column);
  if (!file || example < file.first) return values.subarray(start, start + width);
  const bytes = new Uint8Array(rowBytes(column));
  const place = (example - file.first) * strideOf(column) * bytesPerElement(column);
  await readFully(file.fd, bytes, (file.start ?? 0) + place);
  return valuesOf(type, bytes.buffer);
}

/** Bytes as they are; numbers from their lowest to their highest, where they do not lie from 0 to 1. */
async function pngOf(column: Column, example: number): Promise<string> {
  const values = await valuesAt(column, example);
  const [height, width, channels] = column.shape;
  const png = await encodePng(bytesOf(values, bytesPerElement(column) === 1), height, width, channels as 1 | 3);
  return pngUri(png);
}

function bytesOf(values: Values, isBytes: boolean): Uint8Array {
  if (isBytes) return Uint8Array.from(values);
  const finite = [...values].filter(Number.isFinite);
  const [least, most] = [Math.min(0, ...finite), Math.max(1, ...finite)];
  return Uint8Array.from(values, (value) => Math.round((255 * (value - least)) / (most - least)) || 0);
}

const textOf = async (column: Column, example: number, encoding: TextEncoding): Promise<string> =>
  (await TextCoder.open(encoding)).decode(await valuesAt(column, example));

/** Numbers of an input without columns that are shown. */
const mostNumbers = 16;

async function rowOf(inputs: readonly Column[], example: number, { input }: Encoding): Promise<Record<string, string>> {
  const row: Record<string, string> = {};
  for (const column of inputs) {
    const values = await valuesAt(column, example);
    const fields = input.kind === 'table' ? fieldsOfTable(input).find(({ name }) => name === column.name) : undefined;
    if (fields) Object.assign(row, cellsOf(fields.columns, values));
    else {
      const listed = Array.from(values.subarray(0, mostNumbers), (value) => numberText(value * (column.scale ?? 1), 4));
      row[column.name] = `${listed.join(', ')}${values.length > mostNumbers ? ', ...' : ''}`;
    }
  }
  return row;
}

/** Zeros at the end fill a text up. */
function textIn({ tokenizer }: TextColumn, values: Values): string {
  const end = values.findLastIndex((value) => value !== 0) + 1;
  return openTokenizer(tokenizer, 'encoding.json').decode(Array.from(values.subarray(0, end)));
}

type TableColumns = ReturnType<typeof fieldsOfTable>[number]['columns'];

/** Cells of a table, in their own units again. */
function cellsOf(columns: TableColumns, values: Values): Record<string, string> {
  let at = 0;
  const cells = columns.map((column): [string, string] => {
    if ('tokenizer' in column) return [column.name, textIn(column, values)];
    if ('codes' in column) return [column.name, column.codes[values[at++]] ?? ''];
    if ('categories' in column) {
      const own = values.subarray(at, at + column.categories.length + Number(column.missing));
      at += own.length;
      return [column.name, column.categories[own.indexOf(1)] ?? ''];
    }
    const { name, mean, scale, offset = 0 } = column;
    return [name, numberText(values[at++] / scale + mean + offset, 6)];
  });
  return Object.fromEntries(cells);
}
