/**
 * The safetensors format (Hugging Face, github.com/huggingface/safetensors): a little-endian 64-bit header length, a JSON
 * header of dtypes, shapes and byte ranges, then the data. Only float32 is written and read here.
 */
import { elements } from '../data/examples.js';

export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface SafetensorsFile {
  readonly tensors: readonly NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

/** Bytes that the data starts at a multiple of, as the reference implementation has it. */
const alignment = 8;
const lengthBytes = 8;

/** The file as parts to be written one behind the other; those of the tensors are views of their values, not copies. */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const header: Record<string, HeaderEntry | object> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let end = 0;
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: 'F32', shape: [...shape], data_offsets: [end, end + values.byteLength] };
    end += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Math.ceil(text.length / alignment) * alignment;
  const start = Buffer.alloc(lengthBytes + length, ' ');
  start.writeBigUInt64LE(BigInt(length));
  text.copy(start, lengthBytes);
  return [start, ...tensors.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength))];
}

/**
 * Reads a file's bytes; the values are copies.
 * @throws Error saying what is wrong, for the caller to name the file
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < lengthBytes) throw new Error(`it has ${bytes.length} bytes, too few for a header`);
  const length = Number(view.getBigUint64(0, true));
  const start = lengthBytes + length;
  if (start > bytes.length)
    throw new Error(`its header of ${length} bytes is cut off at ${bytes.length - lengthBytes}`);
  const header = parseHeader(bytes.subarray(lengthBytes, start));
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = Object.entries(entries as Record<string, HeaderEntry>).map(([name, entry]) => {
    const { dtype, shape, data_offsets } = entry;
    if (![shape, data_offsets].every((list) => Array.isArray(list) && list.every(Number.isSafeInteger)))
      throw new Error(`its header gives tensor ${name} no shape or no data_offsets`);
    if (dtype !== 'F32') throw new Error(`tensor ${name} has dtype ${dtype}, not F32`);
    const [from, to] = data_offsets;
    const size = elements(shape) * 4;
    if (!(from >= 0 && to - from === size))
      throw new Error(`tensor ${name} takes ${to - from} bytes, its shape ${size}`);
    if (start + to > bytes.length) throw new Error(`it is cut off at ${bytes.length} bytes, within tensor ${name}`);
    const values = new Float32Array(size / 4);
    new Uint8Array(values.buffer).set(bytes.subarray(start + from, start + to));
    return { name, shape, values };
  });
  return { tensors, metadata: metadata as Record<string, string> };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Error('its header is no JSON');
  }
  if (typeof header === 'object' && header !== null && Object.values(header).every((entry) => Object(entry) === entry))
    return header as Record<string, unknown>;
  throw new Error('its header is no list of tensors');
}
