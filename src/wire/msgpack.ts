/**
 * MessagePack of control messages, and of jobs. msgpackr decodes more than a stranger should be given: regular expressions, errors,
 * references, records that compile to functions, nesting as deep as the stack. So the bytes are walked first.
 */
import { Packr } from 'msgpackr';
import { WireError } from '../errors.js';

export interface PackLimits {
  /** What is decoded, in messages for people. */
  readonly what: string;
  readonly deepest: number;
  /** Bounds the memory that small values such as empty lists decode to. */
  readonly mostValues: number;
}
/** No message nests deeper than six levels. */
const ofMessages: PackLimits = { what: 'a control message', deepest: 8, mostValues: 2 ** 20 };

/** Extension type of typed arrays, and its codes of the four kinds that messages hold. */
const typedArray = 0x74;
const elementBytes: Readonly<Record<number, number>> = { 1: 1, 5: 4, 7: 4, 8: 8 };

const remedy = 'run the same version of lockstep on both sides';
const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: true, copyBuffers: true });

/** Uint8Array, Int32Array, Float32Array and Float64Array stay what they are. */
export function pack(value: object): Buffer {
  return packr.pack(value);
}

/**
 * @returns plain objects, lists, texts, numbers, truth values, null, and copies of typed arrays; nothing else
 * @throws WireError when the bytes are not one such value, or hold more than a message may
 */
export function unpack(bytes: Uint8Array, limits = ofMessages): unknown {
  try {
    walk(bytes, limits);
  } catch (error) {
    if (error instanceof Unfit) throw new WireError(`${limits.what} ${error.message}`, remedy);
    throw error;
  }
  try {
    // As a plain Uint8Array, of which slices are copies.
    return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch (error) {
    throw new WireError(`${limits.what} is not MessagePack (${(error as Error).message})`, remedy);
  }
}

/** What is wrong with the bytes; of what they are, the caller knows. */
class Unfit extends Error {}

const refuse = (problem: string): never => {
  throw new Unfit(problem);
};

/** What stands behind a token: so many bytes, then so many values; a map's are keys and values in turn. */
interface Token {
  readonly bytes: number;
  readonly values: number;
  readonly map?: true;
  readonly text?: true;
}

/** Reads every token without building anything, so that it costs a stranger's bytes and no more. */
function walk(bytes: Uint8Array, { deepest, mostValues }: PackLimits): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  /** Values that are to come on each level; and of maps, whether the next one is a key. */
  const left = [1];
  const maps = [false];
  let position = 0;
  let values = 0;
  while (left.length > 0) {
    const level = left.length - 1;
    if (left[level] === 0) {
      left.pop();
      maps.pop();
      continue;
    }
    if (position >= bytes.length) refuse('is cut off');
    if (++values > mostValues) refuse(`holds more than ${mostValues} values`);
    const { head, token } = read(view, position);
    if (maps[level] && left[level] % 2 === 0 && !token.text) refuse('has a field whose name is not a text');
    left[level]--;
    position += head + token.bytes;
    if (position > bytes.length) refuse('is cut off');
    if (token.values === 0) continue;
    if (token.values > bytes.length - position) refuse('is cut off');
    if (left.length >= deepest) refuse(`is nested deeper than ${deepest} levels`);
    left.push(token.values);
    maps.push(token.map ?? false);
  }
  if (position < bytes.length) refuse(`is followed by ${bytes.length - position} bytes`);
}

const data = (count: number): Token => ({ bytes: count, values: 0 });
const text = (count: number): Token => ({ bytes: count, values: 0, text: true });
const list = (count: number): Token => ({ bytes: 0, values: count });
const map = (count: number): Token => ({ bytes: 0, values: 2 * count, map: true });

/** @returns what the token at `position` is, and the bytes of the token itself */
function read(view: DataView, position: number): { head: number; token: Token } {
  const byte = view.getUint8(position);
  const small = (token: Token) => ({ head: 1, token });
  const sized = (size: 1 | 2 | 4, token: (count: number) => Token) => {
    return { head: 1 + size, token: token(countAt(view, position + 1, size)) };
  };
  if (byte < 0x80 || byte >= 0xe0) return small(data(0));
  if (byte < 0x90) return small(map(byte & 15));
  if (byte < 0xa0) return small(list(byte & 15));
  if (byte < 0xc0) return small(text(byte & 31));
  if (byte === 0xc0 || byte === 0xc2 || byte === 0xc3) return small(data(0));
  const sizes = [1, 2, 4] as const;
  if (byte >= 0xc4 && byte <= 0xc6) return sized(sizes[byte - 0xc4], data);
  if (byte >= 0xc7 && byte <= 0xc9) {
    const size = sizes[byte - 0xc7];
    return sized(size, (count) => elements(view, position + 1 + size, count));
  }
  if (byte === 0xca || byte === 0xcb) return small(data(byte === 0xca ? 4 : 8));
  if (byte >= 0xcc && byte <= 0xd3) return small(data(2 ** (byte & 3)));
  if (byte >= 0xd9 && byte <= 0xdb) return sized(sizes[byte - 0xd9], text);
  if (byte === 0xdc || byte === 0xdd) return sized(byte === 0xdc ? 2 : 4, list);
  if (byte === 0xde || byte === 0xdf) return sized(byte === 0xde ? 2 : 4, map);
  return refuse(`holds a value of type 0x${byte.toString(16)}, which no message has`);
}

/** A count that has so many bytes. */
function countAt(view: DataView, position: number, size: 1 | 2 | 4): number {
  if (position + size > view.byteLength) refuse('is cut off');
  if (size === 1) return view.getUint8(position);
  return size === 2 ? view.getUint16(position) : view.getUint32(position);
}

/** An extension: one byte of type, then `count` bytes, of which the first is the kind of array. */
function elements(view: DataView, position: number, count: number): Token {
  if (position + 2 > view.byteLength) refuse('is cut off');
  const type = view.getUint8(position);
  const size = elementBytes[view.getUint8(position + 1)];
  if (type !== typedArray || size === undefined) refuse(`holds an extension of type ${type}, which no message has`);
  if (count === 0 || (count - 1) % size !== 0) refuse('holds an array with a part of an element');
  return { bytes: 1 + count, values: 0 };
}
