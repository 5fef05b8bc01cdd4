/** The longest sequence of tokens that two texts have in the same order. */

import { DataError } from '../errors.js';

/** Cells of a table that is held whole. */
const mostCells = 1 << 27;

/** Its length, with two rows of the table. */
export function commonLength(some: readonly string[], others: readonly string[]): number {
  const [a, b] = numbered(some, others);
  let above = new Uint32Array(b.length + 1);
  let row = new Uint32Array(b.length + 1);
  for (let i = 0; i < a.length; i++) {
    const token = a[i];
    for (let j = 0; j < b.length; j++) {
      row[j + 1] = token === b[j] ? above[j] + 1 : Math.max(above[j + 1], row[j]);
    }
    [above, row] = [row, above];
  }
  return above[b.length];
}

/**
 * Which tokens of `reference` are part of it: of several that are as long the one that rouge-score takes.
 * @throws DataError where the table would be too large
 */
export function commonPlaces(reference: readonly string[], others: readonly string[]): number[] {
  const [a, b] = numbered(reference, others);
  const width = b.length + 1;
  if ((a.length + 1) * width > mostCells) {
    throw new DataError(
      `sentences of ${a.length} and ${b.length} tokens are too long to be compared for rougeLsum`,
      'put them on shorter lines, with --sentence-break between them, or leave rouge out of --metric',
    );
  }
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1, at = i * width + 1; j < width; j++, at++) {
      table[at] = a[i - 1] === b[j - 1] ? table[at - width - 1] + 1 : Math.max(table[at - width], table[at - 1]);
    }
  }
  const places: number[] = [];
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    const at = i * width + j;
    if (a[i - 1] === b[j - 1]) {
      places.push(i - 1);
      i--;
      j--;
    } else if (table[at - 1] > table[at - width]) j--;
    else i--;
  }
  return places.reverse();
}

/** Numbers are compared faster than texts. */
export function numbered(...lists: (readonly string[])[]): Uint32Array[] {
  const numbers = new Map<string, number>();
  return lists.map((list) =>
    Uint32Array.from(list, (token) => {
      const known = numbers.get(token);
      if (known !== undefined) return known;
      numbers.set(token, numbers.size);
      return numbers.size - 1;
    }),
  );
}
