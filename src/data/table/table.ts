/** What CSV, Parquet and JSON lines files have in common for those who read them: named columns, and rows that come one by one. */
import { DataError } from '../../errors.js';
import { firstFew } from '../../ground/first-few.js';
import { oneOf } from '../../ground/suggest.js';

/** A value that is there. */
export type CellValue = string | number | bigint | Date;
/** null where it is missing. */
export type Cell = CellValue | null;

/**
 * @param cells in the order of the columns asked for; to be used before the call returns
 * @param place the row's line or number, from 1
 */
export type Visit = (cells: readonly Cell[], place: number) => void;

/** A file with named columns; reading it holds a small part of it in memory. */
export interface Table {
  readonly file: string;
  readonly columns: readonly string[];
  /** Columns that number or name the rows, by what says so; they are no features unless the config names them. */
  readonly rowNames: ReadonlyMap<string, string>;
  /** What `place` counts. */
  readonly unit: 'line' | 'row';
  /** Whether all values are written as text, as in CSV, so that the config says what stands for a number or for none. */
  readonly isText: boolean;
  /** The number that a value is, finite or not; undefined for text. */
  numberIn(value: CellValue): number | undefined;
  /**
   * Shows every row in order.
   * @throws DataError if the file is damaged, and whatever `visit` throws
   */
  read(columns: readonly string[], visit: Visit): Promise<void>;
  close(): Promise<void>;
}

/** @throws DataError if two columns have one name */
export function requireDistinct(file: string, columns: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of columns) {
    if (seen.has(name)) {
      throw new DataError(`${file} has two columns named ${JSON.stringify(name)}`, 'rename one of them');
    }
    seen.add(name);
  }
}

/** The number that a value is, where values have types of their own. */
export const typedNumber = (value: CellValue): number | undefined =>
  typeof value === 'string' || value instanceof Date ? undefined : Number(value);

/** A value as text, as messages and categories have it. */
export const textOf = (value: CellValue): string => (value instanceof Date ? value.toISOString() : String(value));

/**
 * @param origin where the names come from, for people
 * @param used names of columns that are something else already: none of them is meant
 * @throws DataError if the table lacks one of them
 */
export function requireColumns(
  table: Pick<Table, 'file' | 'columns'>,
  names: readonly string[],
  origin: string,
  used: Iterable<string> = [],
): void {
  const known = new Set(table.columns);
  const absent = names.find((name) => !known.has(name));
  if (absent === undefined) return;
  const taken = new Set([...names, ...used]);
  const free = table.columns.filter((name) => !taken.has(name));
  throw new DataError(
    `${origin}: ${table.file} has no column ${JSON.stringify(absent)}`,
    apart(table.columns, absent, origin) ?? oneOf(absent, free, `it has ${firstFew(table.columns, 20)}`),
  );
}

/** What to do where all columns were read as one; undefined where they were not. */
function apart([only, ...others]: readonly string[], wanted: string, origin: string): string | undefined {
  const between = ['\t', ';', ',', '|'].find((each) => only.split(each).some((name) => name.trim() === wanted));
  if (between === undefined || others.length > 0) return undefined;
  const text = JSON.stringify(between);
  return origin.startsWith('data.')
    ? `set data.delimiter: ${text}, which stands between its columns`
    : `write it as the files that the model was trained on: ${text} stands between its columns`;
}
