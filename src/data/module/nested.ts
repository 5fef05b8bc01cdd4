/** Numbers as users give them: alone, in typed arrays, or in arrays of these. */
import type { DataError } from '../../errors.js';

/** Row-major; a plain number has no shape. */
export interface NestedNumbers {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
  readonly bytes: boolean;
}

/** Reads a number, a typed array, or arrays of either, nested to any depth. */
export function numbersOf(value: unknown, fail: (problem: string) => DataError): NestedNumbers {
  if (typeof value === 'number') return { shape: [], values: [value], bytes: false };
  if (isTyped(value)) {
    if (value.length === 0) throw fail('no numbers');
    const bytes = value instanceof Uint8Array || value instanceof Uint8ClampedArray;
    return { shape: [value.length], values: value, bytes };
  }
  if (!Array.isArray(value)) throw fail(described(value));
  if (value.length === 0) throw fail('no numbers');
  if (value.every((item) => typeof item === 'number')) return { shape: [value.length], values: value, bytes: false };
  const parts = value.map((item) => numbersOf(item, fail));
  const [{ shape, bytes }] = parts;
  if (parts.some((part) => part.shape.join() !== shape.join())) throw fail('arrays of different lengths');
  const values = parts.flatMap((part) => Array.from(part.values));
  return { shape: [value.length, ...shape], values, bytes: bytes && parts.every((part) => part.bytes) };
}

type Typed = Exclude<NodeJS.TypedArray, BigInt64Array | BigUint64Array>;
const isTyped = (value: unknown): value is Typed =>
  ArrayBuffer.isView(value) &&
  !(value instanceof DataView || value instanceof BigInt64Array || value instanceof BigUint64Array);

/** A value that is none of what was due, for people. */
export function described(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'object')
    return Array.isArray(value) ? 'an array' : `an object of class ${value.constructor?.name ?? 'Object'}`;
  return typeof value === 'string' ? JSON.stringify(value) : value === undefined ? 'undefined' : `a ${typeof value}`;
}
