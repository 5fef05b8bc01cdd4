/** Parquet files, and `source: parquet`: read by hyparquet, one row group in memory at a time. */
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetScan, parquetSchema } from 'hyparquet';
import { type ParquetConfig, usualCsv } from '../../config/table.js';
import { DataError, LockstepError } from '../../errors.js';
import { type DataFile, openData } from '../data-file.js';
import type { Reading } from '../reading.js';
import type { Source } from '../source.js';
import { unreadable } from '../unreadable.js';
import { type Chunk, checkGroup, checkPages, boundedCompressors as compressors, extentOf } from './parquet-bounds.js';
import { tableSource } from './source.js';
import { type Cell, requireDistinct, type Table, typedNumber, type Visit } from './table.js';

type ParquetScan = Awaited<ReturnType<typeof parquetScan>>;
type Tree = ReturnType<typeof parquetSchema>;

/** A file's bytes. Those of the chunks that are about to be decoded are looked at on their way. */
class Bytes implements AsyncBuffer {
  readonly byteLength: number;
  chunks: readonly Chunk[] = [];

  constructor(readonly file: DataFile) {
    this.byteLength = file.size;
  }

  async slice(start: number, end = this.byteLength): Promise<ArrayBuffer> {
    const bytes = await bytesOf(this.file, start, end);
    for (const chunk of this.chunks) {
      const extent = extentOf(chunk);
      if (extent.start < start || extent.end > end) continue;
      checkPages(this.file.name, chunk, new DataView(bytes, extent.start - start, extent.end - extent.start));
    }
    return bytes;
  }
}

interface ParquetFile {
  readonly path: string;
  readonly file: Bytes;
  readonly metadata: FileMetaData;
  readonly reading: Reading;
}

/** @throws DataError naming file, row and column of what is wrong */
export function parquetSource(config: ParquetConfig, reading: Reading): Promise<Source> {
  return tableSource(config, parquetOpener(reading), usualCsv, reading);
}

export const parquetOpener =
  (reading: Reading) =>
  async (path: string): Promise<Table> =>
    openParquet(await openData(path, reading), reading);

/**
 * @param file closed with the table, or where this throws
 * @throws DataError if the file cannot be read or is no Parquet file
 */
export async function openParquet(file: DataFile, reading: Reading): Promise<Table> {
  const { name: path } = file;
  try {
    const buffer = new Bytes(file);
    const metadata = await decode(path, async () => parquetMetadataAsync(buffer));
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    requireDistinct(path, columns);
    const parquet = { path, file: buffer, metadata, reading };
    const read = (names: readonly string[], visit: Visit) => readRows(parquet, names, visit);
    const rowNames = rowNamesOf(metadata, columns);
    const close = () => file.close();
    return { file: path, columns, rowNames, unit: 'row', isText: false, numberIn: typedNumber, read, close };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function bytesOf(file: DataFile, start: number, end: number): Promise<ArrayBuffer> {
  const bytes = await file.read(end - start, start);
  const buffer = bytes.buffer as ArrayBuffer;
  return bytes.length === buffer.byteLength ? buffer : buffer.slice(0, bytes.length);
}

/** The columns that pandas' own metadata call the index (https://pandas.pydata.org/docs/development/developer.html). */
function rowNamesOf(
  { key_value_metadata: entries = [] }: FileMetaData,
  columns: readonly string[],
): Map<string, string> {
  const text = entries.find(({ key }) => key === 'pandas')?.value;
  const known = new Set(columns);
  const names = text === undefined ? [] : indexColumns(text);
  return new Map(names.filter((name) => known.has(name)).map((name) => [name, "the index, as pandas' metadata say"]));
}

/** A range that no column holds is an object there, not a name. */
function indexColumns(text: string): string[] {
  try {
    const { index_columns: names } = JSON.parse(text) as { index_columns?: unknown };
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}

async function readRows(
  { path, file, metadata, reading }: ParquetFile,
  names: readonly string[],
  visit: Visit,
): Promise<void> {
  const columns = [...new Set(names)];
  const place = new Map(columns.map((name, i) => [name, i]));
  const positions = names.map((name) => place.get(name)!);
  const parts: { columns: readonly string[]; scan: ParquetScan; groups: readonly RowGroup[] }[] = [];
  for (const part of narrowed(metadata, columns)) {
    const scan = await decode(path, () => parquetScan({ file, ...part, compressors, parsers }));
    parts.push({
      columns: part.columns,
      scan,
      groups: part.metadata.row_groups.filter(({ num_rows }) => num_rows > 0),
    });
  }
  const cells: Cell[] = names.map(() => null);
  for (const [g, { rowStart, rowEnd }] of parts[0].scan.ranges.entries()) {
    const chunks = parts.flatMap(({ groups }) => chunksOf(groups[g]));
    checkGroup({ name: path, size: file.byteLength }, rowEnd - rowStart, chunks);
    const values: ArrayLike<unknown>[] = [];
    for (const part of parts) {
      for (const column of part.columns) {
        file.chunks = chunksOf(part.groups[g], column);
        values.push(await decode(path, () => part.scan.readColumn({ column, rowStart, rowEnd })));
        if (reading.due) await reading.pause();
      }
    }
    for (let row = 0; row < rowEnd - rowStart; row++) {
      for (let i = 0; i < names.length; i++) cells[i] = cellOf(path, names[i], values[positions[i]][row]);
      visit(cells, rowStart + row + 1);
      if (reading.due) await reading.pause();
    }
  }
}

/** Not all writers mark text as such: what is UTF-8 is text, and other bytes stay bytes, which are refused. */
const utf8 = new TextDecoder('utf-8', { fatal: true });
const parsers = {
  stringFromBytes(bytes: Uint8Array | undefined) {
    try {
      return bytes && utf8.decode(bytes);
    } catch {
      return bytes;
    }
  },
};

type RowGroup = FileMetaData['row_groups'][number];

/** Of a column, or of all; one of records or lists has several. */
const chunksOf = ({ columns }: RowGroup, name?: string): Chunk[] =>
  columns.flatMap(({ meta_data }) =>
    meta_data && (name === undefined || meta_data.path_in_schema[0] === name) ? meta_data : [],
  );

/** Columns whose metadata are given to hyparquet at once: it looks through all of them for each column that it reads. */
const columnsAtOnce = 64;

/** The metadata of a file as if it had a few of its columns alone, for a few at a time. */
function* narrowed(
  metadata: FileMetaData,
  names: readonly string[],
): Generator<{ metadata: FileMetaData; columns: string[] }> {
  const [root] = metadata.schema;
  const trees = new Map(parquetSchema(metadata).children.map((tree) => [tree.element.name, tree]));
  const groups = metadata.row_groups.map((group) => {
    const chunks = new Map<string, typeof group.columns>();
    for (const chunk of group.columns) {
      const name = chunk.meta_data?.path_in_schema[0] ?? '';
      const found = chunks.get(name);
      if (found) found.push(chunk);
      else chunks.set(name, [chunk]);
    }
    return { group, chunks };
  });
  for (let first = 0; first < names.length; first += columnsAtOnce) {
    const columns = names.slice(first, first + columnsAtOnce);
    const schema = [
      { ...root, num_children: columns.length },
      ...columns.flatMap((name) => elementsOf(trees.get(name)!)),
    ];
    const row_groups = groups.map(({ group, chunks }) => ({
      ...group,
      columns: columns.flatMap((name) => chunks.get(name) ?? []),
    }));
    yield { metadata: { ...metadata, schema, row_groups }, columns };
  }
}

/** Of a column, in the order in which a file lists them. */
const elementsOf = ({ element, children }: Tree): FileMetaData['schema'] => [element, ...children.flatMap(elementsOf)];

/** Runs `action` on a file; what hyparquet throws is told as damage of the file. */
async function decode<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof LockstepError || /allocation failed/.test((error as Error).message)) throw error;
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
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value;
  const kind = value instanceof Uint8Array ? 'bytes that are no UTF-8 text' : 'lists or records';
  throw new DataError(
    `${path}: column ${name} holds ${kind}, not numbers or text`,
    'list it under data.exclude, or write it as numbers',
  );
}
