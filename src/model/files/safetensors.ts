/**
 * The safetensors format (Hugging Face, github.com/huggingface/safetensors): a little-endian 64-bit header length, a JSON
 * header of dtypes, shapes and byte ranges, then the data. Only float32 is written and read here.
 */
import { z } from 'zod';
import { elements } from '../../ground/elements.js';
import { ruleOf } from '../../ground/json-file.js';

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
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
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

/** Bytes of a header at most, as the reference implementation has it. */
const mostHeaderBytes = 100_000_000;

const count = z.int().min(0);
const headerSchema = z
  .object({ __metadata__: z.record(z.string(), z.string()).nullish() })
  .catchall(z.object({ dtype: z.string(), shape: z.array(count), data_offsets: z.tuple([count, count]) }));

/**
 * Reads a file's bytes by the rules of the reference implementation: the tensors fill the data one behind the other, without
 * gaps, overlaps or a rest, each as long as its shape. The values are copies; nothing is allocated before all that is checked.
 * @throws Error saying what is wrong, for the caller to name the file
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < lengthBytes) throw new Error(`it has ${bytes.length} bytes, too few for a header`);
  const length = Number(view.getBigUint64(0, true));
  if (length > mostHeaderBytes) {
    throw new Error(`its header has ${length} bytes, and ${mostHeaderBytes} are the most that the format allows`);
  }
  const start = lengthBytes + length;
  if (start > bytes.length)
    throw new Error(`its header of ${length} bytes is cut off at ${bytes.length - lengthBytes}`);
  const { __metadata__: metadata, ...entries } = parseHeader(bytes.subarray(lengthBytes, start));
  checkEntries(entries, bytes.length - start);
  const tensors = Object.entries(entries).map(
    ([
      name,
      {
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      const values = new Float32Array((to - from) / 4);
      new Uint8Array(values.buffer).set(bytes.subarray(start + from, start + to));
      return { name, shape, values };
    },
  );
  return { tensors, metadata: metadata ?? {} };
}

/** @param held bytes of data */
function checkEntries(entries: Readonly<Record<string, HeaderEntry>>, held: number): void {
  let end = 0;
  const inOrder = Object.entries(entries).sort(
    ([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1],
  );
  for (const [name, { dtype, shape, data_offsets }] of inOrder) {
    if (dtype !== 'F32') throw new Error(`tensor ${name} has dtype ${dtype}, not F32`);
    const [from, to] = data_offsets;
    const size = elements(shape) * 4;
    if (to - from !== size) throw new Error(`tensor ${name} takes ${to - from} bytes, its shape ${size}`);
    if (from !== end) {
      const what = from > end ? `leaves a gap of ${from - end} bytes before it` : 'overlaps the tensor before it';
      throw new Error(`tensor ${name} ${what}`);
    }
    if (to > held) throw new Error(`it is cut off at ${held} bytes of data, within tensor ${name}`);
    end = to;
  }
  if (end < held) throw new Error(`it has ${held - end} bytes behind its last tensor`);
}

function parseHeader(bytes: Uint8Array): z.output<typeof headerSchema> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Error('its header is no JSON');
  }
  const { data, error } = headerSchema.safeParse(header);
  if (data) return data;
  const [name, key] = error.issues[0].path;
  if (key === 'shape' || key === 'data_offsets') {
    throw new Error(`its header gives tensor ${String(name)} no shape or no data_offsets (${ruleOf(error)})`);
  }
  throw new Error(`its header is no list of tensors (${ruleOf(error)})`);
}
