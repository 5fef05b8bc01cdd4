/** The row cache: what is put there is found again, the least recently used gives way, and never what is being read. */
import { expect, it } from 'vitest';
import { cachedExamples, RowCache } from '../../src/pool/row-cache.js';
import { lcg } from '../support/engines.js';
import { fieldsOf, partsOf } from '../support/parts.js';

const fields = fieldsOf({ featureShape: [3], targetShape: [2], targetType: 'int32', weightShape: [] });
const list = (...rows: number[]) => Int32Array.from(rows);
const bytes = (values: Float32Array | Int32Array) => new Uint8Array(values.buffer);

function makeCache(capacity: number) {
  const examples = cachedExamples({ count: 1000, fields }, capacity);
  const cache = new RowCache(examples, capacity);
  /** Every number of a row tells which row it is. */
  const put = (...rows: number[]) =>
    cache.put(list(...rows), [
      bytes(Float32Array.from(rows.flatMap((row) => [row, row + 0.25, row + 0.5]))),
      bytes(Int32Array.from(rows.flatMap((row) => [row, -1 - row]))),
      bytes(Float32Array.from(rows, (row) => row / 2)),
    ]);
  const read = (...rows: number[]) =>
    [...cache.locate(list(...rows))].map((place) => [
      ...partsOf(examples).features.subarray(place * 3, place * 3 + 3),
      ...partsOf(examples).targets.subarray(place * 2, place * 2 + 2),
      partsOf(examples).weights![place],
    ]);
  return { cache, put, read };
}
const contents = (row: number) => [row, row + 0.25, row + 0.5, row, -1 - row, row / 2];

it('finds rows again, wherever they lie', () => {
  const { cache, put, read } = makeCache(4);
  put(7, 900, 3);
  expect(read(3, 7, 900)).toEqual([3, 7, 900].map(contents));
  expect([...cache.missing(list(1, 3, 2, 7))]).toEqual([1, 2]);
  // One that comes twice takes one place, and one that is there already keeps its own.
  const place = cache.locate(list(900));
  put(5, 900, 5);
  expect(cache.locate(list(900))).toEqual(place);
  expect(read(7, 900, 3, 5)).toEqual([7, 900, 3, 5].map(contents));
});

it('replaces the least recently used', () => {
  const { cache, put, read } = makeCache(3);
  put(1, 2, 3);
  read(1);
  cache.release();
  put(4);
  expect([...cache.missing(list(1, 2, 3, 4))]).toEqual([2]);
  // Asked for, row 3 is wanted now, and row 1 is the oldest but one that was not.
  cache.missing(list(1));
  cache.missing(list(3));
  put(5);
  expect([...cache.missing(list(1, 3, 4, 5))]).toEqual([4]);
  expect(() => read(4)).toThrow('example 4 is to be read and was not sent');
});

it('keeps what is being read, and says when there is no place beside it', () => {
  const { cache, put, read } = makeCache(3);
  put(1, 2, 3);
  const places = cache.locate(list(1, 2));
  put(4);
  expect(() => put(5, 6)).toThrow('2 rows came while 2 are being read, more than the 3 that are kept');
  put(5);
  expect(cache.locate(list(1, 2))).toEqual(places);
  cache.release();
  put(6, 7);
  expect(read(6, 7)).toEqual([6, 7].map(contents));
  expect(() => makeCache(3).put(1, 2, 3, 4)).toThrow('4 rows came while 0 are being read');
});

it('takes whole rows only', () => {
  const { cache } = makeCache(3);
  const [features, targets, weights] = [12, 8, 4].map((length) => new Uint8Array(length));
  const put = (...parts: Uint8Array[]) => cache.put(list(1), parts);
  expect(() => put(features.subarray(1), targets, weights)).toThrow('features of 1 rows of 12 bytes came as 11 bytes');
  expect(() => put(features, features, weights)).toThrow('targets of 1 rows of 8 bytes came as 12 bytes');
  expect(() => put(features, targets)).toThrow('weights of 1 rows of 4 bytes came as 0 bytes');
  expect([...cache.missing(list(1))]).toEqual([1]);
  put(features, targets, weights);
});

it('agrees with a list of rows in the order of their use', () => {
  const capacity = 12;
  const { cache, put, read } = makeCache(capacity);
  const random = lcg(4);
  let order: number[] = [];
  for (let turn = 0; turn < 300; turn++) {
    const rows = [...new Set(Array.from({ length: 1 + random() * 9 }, () => Math.floor(random() * 30)))];
    const missing = rows.filter((row) => !order.includes(row));
    expect([...cache.missing(list(...rows))]).toEqual(missing);
    put(...missing);
    order = [...order.filter((row) => !rows.includes(row)), ...rows].slice(-capacity);
    expect(read(...rows)).toEqual(rows.map(contents));
    cache.release();
  }
});
