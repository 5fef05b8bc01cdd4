/** Columns of text, by the columns of a terminal: characters of East Asia and emoji take two, marks over letters none. */
import { createRequire } from 'node:module';
import { stripVTControlCharacters } from 'node:util';
import type StringWidth from 'string-width';

const require = createRequire(import.meta.url);
let widthOf: typeof StringWidth | undefined;

/** Columns that a text takes on a terminal; colours take none. */
export function displayWidth(text: string): number {
  // Nearly always, and it takes 10 ms to load what knows the others.
  const plain = stripVTControlCharacters(text);
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length;
  widthOf ??= require('string-width') as typeof StringWidth;
  return widthOf(plain);
}

const gap = (text: string, width: number) => ' '.repeat(Math.max(0, width - displayWidth(text)));
export const padEnd = (text: string, width: number): string => text + gap(text, width);
export const padStart = (text: string, width: number): string => gap(text, width) + text;

/** A text of at most so many columns, ending in dots where there was more of it. */
export function cutText(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let cut = '';
  for (const character of text) {
    if (displayWidth(cut + character) > width - 3) break;
    cut += character;
  }
  return `${cut}...`;
}

/**
 * A line for each row, with columns as wide as their widest cell.
 * @param left how many of the columns begin at the same place; the others, which are numbers, end at it
 */
export function tableLines(rows: readonly (readonly string[])[], left = 1): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => displayWidth(row[i]))));
  return rows.map((row) =>
    row.map((cell, i) => (i < left ? padEnd(cell, widths[i]) : padStart(cell, widths[i]))).join('  '),
  );
}
