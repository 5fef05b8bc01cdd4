/** A data set as a worker holds it: a packed file (data/packed.ts), opened as examples. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { Column, Examples } from '../data/examples.js';
import { bytesPerElement, type Field, isCopy, roles, rowBytes, strideOf, valuesOf, widthOf } from '../data/field.js';
import { columnBytes, type ExamplesMeta, packedBytes, packedHeader, packedMagic, paddedBytes } from '../data/packed.js';
import { readFully } from '../data/row-reader.js';
import { WireError } from '../errors.js';

/** Bytes of the line that says what the examples are, at most. */
const maximumHeader = 1 << 16;
/** Bytes read before others get their turn. */
const turnBytes = 1 << 24;

const size = z.int().min(1).max(0x7fff_ffff);
const shape = z.array(size).max(8);

const fieldSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z_]\w{0,47}$/),
  role: z.enum(roles),
  type: z.enum(['float32', 'uint8', 'int32']),
  shape,
  scale: z.number().optional(),
  stride: size.optional(),
  categories: size.optional(),
  of: z.string().max(48).optional(),
});

/** The input whose values a target has. */
const inputOf = <F extends Field>(fields: readonly F[], { of }: Field): F | undefined =>
  fields.find(({ role, name }) => role === 'input' && name === of);
const isFormOf = (field: Field, input: Field | undefined): boolean =>
  input !== undefined &&
  field.type === input.type &&
  widthOf(field) === widthOf(input) &&
  strideOf(field) === strideOf(input);

/** What a peer may say of examples; sizes whose product is no exact number are none. */
export const metaSchema = z
  .strictObject({ count: size, fields: z.array(fieldSchema).min(1).max(1024).readonly() })
  .refine(({ fields }) => new Set(fields.map(({ name }) => name)).size === fields.length, {
    error: 'names a field twice',
  })
  .refine(({ fields }) => ['input', 'target'].every((role) => fields.some((field) => field.role === role)), {
    error: 'has no input or no target',
  })
  .refine(
    ({ fields }) => fields.every((field, i) => !isCopy(field) || isFormOf(field, inputOf(fields.slice(0, i), field))),
    {
      error: 'has a target that is no input',
    },
  )
  .refine(({ count, fields }) => fields.every((field) => columnBytes(field, count) < 2 ** 50), {
    error: 'is too large',
  });

const damaged = (file: string, problem: string) =>
  new WireError(`${file}: ${problem}`, 'the data set has to be sent again');

interface OpenImage {
  readonly fd: number;
  readonly meta: ExamplesMeta;
  /** Byte at which the values begin. */
  readonly start: number;
}

/**
 * Opens a packed data set and reads its first line.
 * @throws WireError when the file is none, or has not the size that its line says
 */
function openHeader(file: string): OpenImage {
  // A pipe of that name would be waited for.
  if (!statSync(file).isFile()) throw damaged(file, 'is no file');
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(maximumHeader);
    const line = bytes.subarray(0, readSync(fd, bytes, 0, maximumHeader, 0));
    return { fd, ...readHeader(file, line, fstatSync(fd).size) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * @param name of the packed data set, for errors
 * @param line its first bytes
 * @param found how many it has
 */
function readHeader(name: string, line: Buffer, found: number): Omit<OpenImage, 'fd'> {
  const start = line.indexOf('\n') + 1;
  const text = line.toString('utf8', 0, start);
  if (/^lockstep-examples \d+ /.test(text) && !text.startsWith(packedMagic))
    throw damaged(name, 'is written as another version of Lockstep has it');
  if (start === 0 || !text.startsWith(packedMagic)) throw damaged(name, 'is no data set of Lockstep');
  const meta = parseMeta(name, text.slice(packedMagic.length));
  // Other bytes could say the same, under another fingerprint.
  if (!line.subarray(0, start).equals(packedHeader(meta))) throw damaged(name, 'its first line is not in order');
  const expected = start + packedBytes(meta);
  if (found !== expected) throw damaged(name, `has ${found} bytes, not the ${expected} that its first line says`);
  return { meta, start };
}

function parseMeta(file: string, json: string): ExamplesMeta {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw damaged(file, 'its first line cannot be read');
  }
  const { data, error } = metaSchema.safeParse(value);
  if (data) return data;
  throw damaged(
    file,
    `its first line says what cannot be: ${error.issues[0].path.join('.')} ${error.issues[0].message}`,
  );
}

/**
 * What a packed data set holds, by its first line and its size.
 * @throws WireError when it is damaged
 */
export function checkPacked(file: string): ExamplesMeta {
  const { fd, meta } = openHeader(file);
  closeSync(fd);
  return meta;
}

/**
 * The examples of a packed data set: the first rows in shared memory, the others read from the file, which stays open until
 * `closeRows`. Rows that overlap are all in memory, which they share, or all in the file.
 *
 * @param budget bytes of inputs, and of windows of a text, that may be held in memory
 * @throws WireError when the file is no whole packed data set
 */
export async function openPacked(file: string, budget: number): Promise<Examples> {
  const { fd, meta, start } = openHeader(file);
  try {
    const columns: Column[] = [];
    let [place, left] = [start, budget];
    for (const field of meta.fields) {
      if (isCopy(field)) {
        const { values, file } = inputOf(columns, field)!;
        columns.push({ ...field, values, file });
        continue;
      }
      const bytes = columnBytes(field, meta.count);
      const isMeasured = field.role === 'input' || field.stride !== undefined;
      const fits = !isMeasured || bytes <= left;
      const first = fits ? meta.count : field.stride === undefined ? Math.floor(left / rowBytes(field)) : 0;
      const inMemory = fits ? bytes : first * rowBytes(field);
      const values = valuesOf(field.type, await load(fd, place, inMemory));
      columns.push({
        ...field,
        values,
        ...(fits ? {} : { file: { first, start: place + inMemory, end: place + bytes, fd } }),
      });
      if (isMeasured) left -= inMemory;
      place += paddedBytes(bytes);
    }
    if (!columns.some(({ file }) => file)) closeSync(fd);
    return { count: meta.count, columns };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * The examples of a packed data set that is in memory, which are not copied.
 * @throws WireError when it is no whole one
 */
export function packedInMemory(name: string, packed: SharedArrayBuffer): Examples {
  const line = Buffer.from(packed, 0, Math.min(maximumHeader, packed.byteLength));
  const { meta, start } = readHeader(name, line, packed.byteLength);
  let place = start;
  const columns: Column[] = [];
  for (const field of meta.fields) {
    const bytes = columnBytes(field, meta.count);
    const own = isCopy(field) ? inputOf(columns, field)!.values : undefined;
    columns.push({ ...field, values: own ?? valuesOf(field.type, packed, place, bytes / bytesPerElement(field)) });
    place += paddedBytes(bytes);
  }
  return { count: meta.count, columns };
}

/** A part of a file in shared memory. */
async function load(fd: number, start: number, length: number): Promise<SharedArrayBuffer> {
  const buffer = new SharedArrayBuffer(length);
  for (let offset = 0; offset < length; offset += turnBytes) {
    const part = new Uint8Array(buffer, offset, Math.min(turnBytes, length - offset));
    await readFully(fd, part, start + offset);
  }
  return buffer;
}
