/** Files that are no text, or none that is wanted, told by their first bytes: a reader of text would find odd characters in them, and say less. */
import { DataError } from '../../errors.js';
import { isJsonObject } from '../plain-text.js';

const others: readonly [string, readonly number[], string][] = [
  ['a zip archive or an Excel workbook', [0x50, 0x4b, 0x03, 0x04], 'unpack it, or save the sheet as CSV'],
  ['an old Excel workbook', [0xd0, 0xcf, 0x11, 0xe0], 'save the sheet as CSV'],
  ['compressed by zstd', [0x28, 0xb5, 0x2f, 0xfd], 'unpack it by zstd -d, or compress it by gzip'],
  ['compressed by xz', [0xfd, 0x37, 0x7a, 0x58], 'unpack it by xz -d, or compress it by gzip'],
  ['compressed by bzip2', [0x42, 0x5a, 0x68], 'unpack it by bzip2 -d, or compress it by gzip'],
  ['a Parquet file', [0x50, 0x41, 0x52, 0x31], 'set data.source: parquet'],
  ['an array of NumPy', [0x93, 0x4e, 0x55, 0x4d], 'set data.source: npy'],
  ['UTF-16 text', [0xff, 0xfe], 'save the file as UTF-8'],
  ['UTF-16 text', [0xfe, 0xff], 'save the file as UTF-8'],
];

/** @throws DataError if the first bytes are those of a known format that is no text */
export function refuseNoText(file: string, start: Uint8Array, wanted: 'CSV' | 'JSON lines'): void {
  const found = others.find(([, bytes]) => bytes.every((byte, i) => start[i] === byte));
  if (found) throw new DataError(`${file} is ${found[0]}, no ${wanted}`, found[2]);
}

/** A key and a colon in each line, the first of which is no list of columns. */
function isYaml(start: string): boolean {
  if (/^(?:\xef\xbb\xbf)?(?:%YAML|---\r?\n)/.test(start)) return true;
  // The last line may be cut off.
  const lines = start.split(/\r?\n/).slice(0, -1);
  const said = lines.filter((line) => !/^\s*(?:#.*)?$/.test(line));
  return said.length > 1 && !/[,;\t]/.test(said[0]) && said.every((line) => /^\s*(?:- )*[\w"'-]+:(?: |$)/.test(line));
}

/** @throws DataError if the first bytes are those of a known format that is no CSV */
export function refuseOtherFormats(file: string, start: Uint8Array): void {
  refuseNoText(file, start, 'CSV');
  const isObject = isJsonObject(start);
  if (isObject || /^(?:\xef\xbb\xbf)?\s*\[\s*[[{]/.test(Buffer.from(start).toString('latin1'))) {
    throw new DataError(
      `${file} is JSON, no CSV`,
      `${isObject ? 'set data.source: jsonl if it has an object a line, or ' : ''}write it as CSV, e.g. by pandas.read_json and DataFrame.to_csv(index=False)`,
    );
  }
  if (isYaml(Buffer.from(start).toString('latin1'))) {
    throw new DataError(
      `${file} is YAML, no CSV`,
      'write it as CSV: the names of the columns, then a line for each example',
    );
  }
  const [, delimiter] = /^(?:\xef\xbb\xbf)?sep=(.)\r?\n/i.exec(Buffer.from(start).toString('latin1')) ?? [];
  if (delimiter !== undefined) {
    throw new DataError(
      `${file} starts with a line for Excel, sep=${delimiter}`,
      `remove that line, and say the same by data.delimiter: ${JSON.stringify(delimiter)}`,
    );
  }
}
