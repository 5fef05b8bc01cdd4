/**
 * What a Parquet file declares is held against its own footer and against the memory, before hyparquet allocates by it: a few
 * bytes may announce billions of rows, and encodings by run lengths may even hold them.
 */

import { getHeapStatistics } from 'node:v8';
import { brotliDecompressSync, unzipSync } from 'node:zlib';
import type { FileMetaData } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { type Compressors, compressors, decompressZstd } from 'hyparquet-compressors';
import { DataError } from '../../errors.js';
import { memoryLimit, requireMemory } from '../../ground/memory.js';

export type Chunk = NonNullable<FileMetaData['row_groups'][number]['columns'][number]['meta_data']>;

const damaged = (problem: string) =>
  new DataError(`${problem}: it is damaged`, 'get or write the file again; tables of text are data.source: csv');
const smaller =
  'write the file with smaller row groups, e.g. by pyarrow.parquet.write_table(table, path, row_group_size=100000)';

/** Bytes of a value in an array, or of what refers to it. */
const valueBytes = 8;
/** Types whose values hyparquet keeps in typed arrays where none is missing; all others lie in V8's heap. */
const typed = new Set(['INT32', 'INT64', 'FLOAT', 'DOUBLE']);

/** Compressors that stop where a page is as long as its header says. Those of LZ4 stumble over pages of nothing. */
const bounded: Compressors = {
  ...compressors,
  GZIP: (input, length) => unzipSync(input, { maxOutputLength: length }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: length }),
  ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
};
export const boundedCompressors: Compressors = Object.fromEntries(
  Object.entries(bounded).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number) => (length === 0 ? new Uint8Array(0) : decompress(input, length)),
  ]),
);

/** Where in the file a chunk lies. */
export function extentOf(chunk: Chunk): { start: number; end: number } {
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
  return { start, end: start + Number(chunk.total_compressed_size) };
}

/**
 * @param file its name, and how many bytes it has
 * @param rows of the row group
 * @param chunks of the columns that are read, by the footer
 * @throws DataError when the group has more rows than fit into the memory, or its chunks are not what the footer allows
 */
export function checkGroup(file: { name: string; size: number }, rows: number, chunks: readonly Chunk[]): void {
  const { name, size } = file;
  const text = `${name}: a row group declares ${rows} rows`;
  requireMemory(text, rows * chunks.length * valueBytes, DataError, smaller);
  const onHeap = chunks.filter(({ type }) => !typed.has(type)).length;
  const heap = Math.min(memoryLimit(), getHeapStatistics().heap_size_limit);
  requireMemory(text, rows * onHeap * valueBytes, DataError, smaller, heap);
  for (const chunk of chunks) {
    const column = `${name}: column ${chunk.path_in_schema.join('.')}`;
    const { start, end } = extentOf(chunk);
    if (!(start >= 0 && start <= end && end <= size)) {
      throw damaged(`${column} declares bytes ${start} to ${end} of a file of ${size}`);
    }
    const values = Number(chunk.num_values);
    const isFlat = chunk.path_in_schema.length === 1;
    if (isFlat ? values !== rows : values < 0) {
      throw damaged(`${column} declares ${values} values in a row group of ${rows} rows`);
    }
    requireMemory(`${column} declares ${values} values`, values * valueBytes, DataError, smaller);
    const bytes = Number(chunk.total_uncompressed_size);
    requireMemory(`${column} declares ${bytes} bytes when unpacked`, bytes, DataError, smaller);
  }
}

/**
 * Walks over the headers of a chunk's pages.
 * @param view of the whole chunk
 * @throws DataError when a page, or all together, declare more than the chunk does
 */
export function checkPages(name: string, chunk: Chunk, view: DataView): void {
  const column = `${name}: column ${chunk.path_in_schema.join('.')}`;
  const declared = Number(chunk.num_values);
  const mostBytes = Math.max(Number(chunk.total_uncompressed_size), view.byteLength);
  const reader = { view, offset: 0 };
  let values = 0;
  while (values < declared) {
    if (reader.offset >= view.byteLength - 1)
      throw damaged(`${column} declares ${declared} values and holds ${values}`);
    const page = parquetHeader(reader);
    const { compressed_page_size: packed, uncompressed_page_size: bytes } = page;
    if (!(packed >= 0 && reader.offset + packed <= view.byteLength && bytes >= 0 && bytes <= mostBytes)) {
      throw damaged(`${column} has a page of ${packed} bytes, unpacked ${bytes}, where ${mostBytes} are declared`);
    }
    const entries = page.dictionary_page_header?.num_values ?? 0;
    // Each takes a byte at least.
    if (!(entries >= 0 && entries <= bytes)) {
      throw damaged(`${column} has a dictionary of ${entries} entries in ${bytes} bytes`);
    }
    const { num_values: more = 0 } = page.data_page_header ?? page.data_page_header_v2 ?? {};
    const { num_nulls: missing = 0 } = page.data_page_header_v2 ?? {};
    if (!(more >= 0 && values + more <= declared && missing >= 0 && missing <= more)) {
      throw damaged(`${column} has a page of ${more} values, ${missing} missing, where ${declared - values} are left`);
    }
    values += more;
    reader.offset += packed;
  }
}
