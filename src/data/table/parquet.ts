/** Parquet files, and `source: parquet`: read by hyparquet, one row group in memory at a time. */
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetScan,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { type ParquetConfig, usualCsv } from '../../config/data.js';
import { DataError } from '../../errors.js';
import type { Source } from '../source.js';
import { unreadable } from '../unreadable.js';
import { tableSource } from './source.js';
import { type Cell, requireDistinct, type Table, type Value, type Visit } from './table.js';

interface ParquetFile {
  readonly path: string;
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
}

/** @throws DataError naming file, row and column of what is wrong */
export function parquetSource(config: ParquetConfig): Promise<Source> {
  return tableSource(config, openParquet, usualCsv);
}

/** @throws DataError if the file cannot be read or is no Parquet file */
export async function openParquet(path: string): Promise<Table> {
  const file = await asyncBufferFromFile(path).catch((error) => {
    throw unreadable(path, error);
  });
  const metadata = await decode(path, async () => parquetMetadataAsync(file));
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  requireDistinct(path, columns);
  const read = (names: readonly string[], visit: Visit) => readRows({ path, file, metadata }, names, visit);
  return { file: path, columns, unit: 'row', numberIn, read };
}

function numberIn(value: Value): number | undefined {
  return typeof value === 'string' ? undefined : Number(value);
}

async function readRows({ path, file, metadata }: ParquetFile, names: readonly string[], visit: Visit): Promise<void> {
  const columns = [...names];
  const scan = await decode(path, () => parquetScan({ file, metadata, columns, compressors }));
  const cells: Cell[] = names.map(() => null);
  for (const { rowStart, rowEnd } of scan.ranges) {
    const readAll = () => Promise.all(columns.map((column) => scan.readColumn({ column, rowStart, rowEnd })));
    const values = await decode(path, readAll);
    for (let row = 0; row < rowEnd - rowStart; row++) {
      for (let i = 0; i < names.length; i++) cells[i] = cellOf(path, names[i], values[i][row]);
      visit(cells, rowStart + row + 1);
    }
  }
}

/** What hyparquet throws is about the file. */
async function decode<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall) throw unreadable(path, error);
    throw new DataError(
      `${path} is damaged or no Parquet file (${(error as Error).message})`,
      'get or write the file again; tables of text are data.source: csv',
    );
  }
}

/** NaN is how data frames write a missing number. */
function cellOf(path: string, name: string, value: unknown): Cell {
  if (typeof value === 'number') return Number.isNaN(value) ? null : value;
  if (typeof value === 'string' || typeof value === 'bigint') return value;
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return String(value);
  const kind = value instanceof Date ? 'dates' : value instanceof Uint8Array ? 'bytes' : 'lists or records';
  throw new DataError(
    `${path}: column ${name} holds ${kind}, not numbers or text`,
    'list it under data.exclude, or write it as numbers',
  );
}
