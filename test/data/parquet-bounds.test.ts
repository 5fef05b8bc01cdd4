/** Parquet files that declare more than they hold, or than memory holds: one number of a small, sound file is another. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { type FileMetaData, type PageHeader, parquetMetadata } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { ByteWriter, type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { describe, expect, it } from 'vitest';
import { boundedCompressors } from '../../src/data/table/parquet-bounds.js';
import { temporaryFolder } from '../support/folder.js';
import { failure, load } from '../support/tables.js';

const folder = temporaryFolder();
const rows = 300;
const x: ColumnSource = { name: 'x', data: Array.from({ length: rows }, (_, i) => Math.sin(i)), type: 'DOUBLE' };
const y: ColumnSource = { ...x, name: 'y', encoding: 'PLAIN' };
/** Few texts, so that there is a dictionary. */
const k: ColumnSource = { name: 'k', data: Array.from({ length: rows }, (_, i) => 'abc'[i % 3]), type: 'STRING' };

type Chunk = NonNullable<FileMetaData['row_groups'][number]['columns'][number]['meta_data']>;
interface Change {
  readonly footer?: (metadata: FileMetaData, last: Chunk) => unknown;
  /** Of the first page of the last column. */
  readonly page?: (header: PageHeader) => unknown;
}

/** A file of these columns, with a header or the footer written anew. */
function changed(columnData: ColumnSource[], { footer, page }: Change): string {
  const bytes = new Uint8Array(parquetWriteBuffer({ columnData, codec: 'UNCOMPRESSED' }));
  const metadata = parquetMetadata(bytes.buffer);
  const last = metadata.row_groups[0].columns.at(-1)!.meta_data!;
  const start = Number(last.dictionary_page_offset ?? last.data_page_offset);
  const end = start + Number(last.total_compressed_size);
  const reader = { view: new DataView(bytes.buffer, start, end - start), offset: 0 };
  const header = parquetHeader(reader);
  page?.(header);
  const writer = new ByteWriter();
  writer.appendBytes(bytes.subarray(0, start));
  writePageHeader(writer, header);
  const longer = BigInt(writer.offset - start - reader.offset);
  writer.appendBytes(bytes.subarray(start + reader.offset, end));
  last.total_compressed_size += longer;
  if (last.dictionary_page_offset !== undefined) last.data_page_offset += longer;
  footer?.(metadata, last);
  writeMetadata(writer, metadata);
  writer.appendUint32(writer.offset - end - Number(longer));
  writer.appendBytes(new TextEncoder().encode('PAR1'));
  const file = join(folder, 'changed.parquet');
  writeFileSync(file, writer.getBytes());
  return file;
}
const source = (file: string) => ({ source: 'parquet', file, target: 'y', targetType: 'number' });
const giant = 2n ** 44n;

describe('is refused before anything is allocated', () => {
  const all = (metadata: FileMetaData, count: bigint) => {
    metadata.row_groups[0].num_rows = count;
    for (const { meta_data } of metadata.row_groups[0].columns) meta_data!.num_values = count;
  };
  const tooMany = /a row group declares 17592186044416 rows, which takes .* of memory, and there are .*row_group_size/;
  it.each<[string, Change, RegExp]>([
    ['rows, as all columns have them', { footer: (metadata) => all(metadata, giant) }, tooMany],
    ['rows alone', { footer: ({ row_groups: [group] }) => Object.assign(group, { num_rows: giant }) }, tooMany],
    [
      'more rows than there are',
      { footer: (metadata) => all(metadata, 10_000n) },
      /declares 10000 values and holds 300/,
    ],
    [
      'fewer rows',
      { footer: ({ row_groups: [group] }) => Object.assign(group, { num_rows: 7n }) },
      /declares 300 values in a row group of 7/,
    ],
    [
      'values of a column',
      { footer: (_, last) => Object.assign(last, { num_values: giant }) },
      /column \w declares 17592186044416 values in/,
    ],
    [
      'unpacked bytes',
      { footer: (_, last) => Object.assign(last, { total_uncompressed_size: giant }) },
      /bytes when unpacked, which takes/,
    ],
    [
      'a chunk behind the end',
      { footer: (_, last) => Object.assign(last, { total_compressed_size: giant }) },
      /declares bytes \d+ to \d+ of a file/,
    ],
    [
      'a chunk before the start',
      { footer: (_, last) => Object.assign(last, { data_page_offset: -5n }) },
      /declares bytes -5 to/,
    ],
    [
      'unpacked bytes of a page',
      { page: (page) => Object.assign(page, { uncompressed_page_size: 2 ** 30 }) },
      /unpacked 1073741824, where/,
    ],
    [
      'bytes of a page',
      { page: (page) => Object.assign(page, { compressed_page_size: 2 ** 30 }) },
      /a page of 1073741824 bytes/,
    ],
    [
      'negative bytes of a page',
      { page: (page) => Object.assign(page, { uncompressed_page_size: -8 }) },
      /unpacked -8/,
    ],
    [
      'values of a page',
      { page: (page) => Object.assign(dataHeader(page), { num_values: 2 ** 30 }) },
      /a page of 1073741824 values/,
    ],
    [
      'negative values of a page',
      { page: (page) => Object.assign(dataHeader(page), { num_values: -8 }) },
      /a page of -8 values/,
    ],
  ])('%s', async (_, change, rule) => {
    const error = await failure(source(changed([x, y], change)));
    expect(error.message).toMatch(rule);
    expect(error.exitCode).toBe(2);
  });

  it('a dictionary of more entries than bytes', async () => {
    const many = (page: PageHeader) => Object.assign(page.dictionary_page_header!, { num_values: 2 ** 30 });
    const { message } = await failure(source(changed([x, y, k], { page: many })));
    expect(message).toMatch(/column k has a dictionary of 1073741824 entries in 15 bytes: it is damaged/);
  });

  it('but not a file that is sound', async () => {
    for (const columns of [
      [x, y],
      [x, y, k],
    ])
      expect((await load(source(changed(columns, {})))).examples.count).toBe(rows);
  });
});

/** @throws where the page is none of data */
function dataHeader(page: PageHeader): { num_values: number } {
  return (page.data_page_header ?? page.data_page_header_v2)!;
}

it('no compression gives more bytes than a page declares', () => {
  const zeros = new Uint8Array(1 << 20);
  const packed = [
    ['GZIP', gzipSync(zeros)],
    ['GZIP', deflateSync(zeros)],
    ['BROTLI', brotliCompressSync(zeros)],
  ] as const;
  for (const [codec, input] of packed) {
    expect(boundedCompressors[codec]!(input, zeros.length)).toHaveLength(zeros.length);
    expect(() => boundedCompressors[codec]!(input, 1000)).toThrow(/larger than 1000 bytes/);
  }
  // A frame of Zstandard 1.5 with one block of 4,096 zeros by their number, which declares no size of its contents.
  const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x03, 0x80, 0x00, 0x00);
  expect(boundedCompressors.ZSTD!(frame, 4096)).toEqual(new Uint8Array(4096));
  expect(boundedCompressors.ZSTD!(frame, 1000)).toHaveLength(1000);
});
