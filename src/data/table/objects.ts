/** Rows of a table that a program holds: one object each, by the names of the columns. */
import { DataError } from '../../errors.js';
import type { Cell, CellValue, Table } from './table.js';

export type TableRow = Readonly<Record<string, string | number | boolean | Date | null | undefined>>;

/**
 * @param name what errors call it
 * @param rows a column that a row lacks, null, undefined and an empty text are missing values
 * @throws DataError for a row that is no object
 */
export function openObjects(name: string, rows: readonly unknown[]): Table {
  const isObject = (row: unknown) =>
    typeof row === 'object' && row !== null && !Array.isArray(row) && !ArrayBuffer.isView(row);
  const odd = rows.findIndex((row) => !isObject(row));
  if (odd >= 0) {
    throw new DataError(
      `${name}: row ${odd + 1} is no object`,
      'give each row its values by column: { age: 31, city: "Bonn" }',
    );
  }
  const objects = rows as readonly TableRow[];
  return {
    file: name,
    columns: [...new Set(objects.flatMap((row) => Object.keys(row)))],
    rowNames: new Map(),
    unit: 'row',
    isText: false,
    numberIn,
    async read(columns, visit) {
      objects.forEach((row, i) => {
        visit(
          columns.map((column) => (Object.hasOwn(row, column) ? cellOf(row[column]) : null)),
          i + 1,
        );
      });
    },
    close: async () => {},
  };
}

function cellOf(value: TableRow[string]): Cell {
  if (value === undefined || value === null || value === '') return null;
  return typeof value === 'boolean' ? String(value) : value;
}

/** Numbers, and text that is one as people write it in code. */
function numberIn(value: CellValue): number | undefined {
  if (value instanceof Date) return undefined;
  const number = Number(value);
  return typeof value !== 'string' || (value.trim() !== '' && !Number.isNaN(number)) ? number : undefined;
}
