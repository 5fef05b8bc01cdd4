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

/** A text of at most so many columns, with dots in its middle where there was more of it: names often differ at their ends. */
export function cutMiddle(text: string, width: number): string {
  const whole = displayWidth(text);
  if (whole <= width) return text;
  const characters = [...text];
  const [before, after]: [string[], string[]] = [[], []];
  const room = () => width - 1 - displayWidth(before.join('')) - displayWidth(after.join(''));
  for (let i = 0; i < characters.length; i++) {
    const [kept, next] = i % 2 === 0 ? [before, characters[i >> 1]] : [after, characters.at(-1 - (i >> 1))!];
    if (displayWidth(next) > room()) break;
    if (i % 2 === 0) kept.push(next);
    else kept.unshift(next);
  }
  return `${before.join('')}…${after.join('')}`;
}

/** What of a table begins at the left, and what may be cut. */
interface TableForm {
  /** How many of the columns begin at the same place; the others, which are numbers, end at it. Default: 1. */
  readonly left?: number;
  /** Which columns hold names, that are cut where lines are too wide; default: those at the left. */
  readonly names?: readonly number[];
  /** Whether the first row holds names too. */
  readonly isHeadNames?: boolean;
  /** Columns that are left out, one after the other, where lines are too wide even with names that are cut. */
  readonly spare?: readonly number[];
  /** Columns that names keep: the lines may then be wider than the terminal. Default: 8. */
  readonly leastName?: number;
}

/** Names cut by as much as lines are too wide, the longest first. */
function fitted(
  rows: readonly (readonly string[])[],
  room: number,
  { names = [], isHeadNames, leastName = 8 }: TableForm,
) {
  const isName = (row: number, column: number) => names.includes(column) || (isHeadNames === true && row === 0);
  const sizes = rows.map((row) => row.map(displayWidth));
  const widest = (cap: number) =>
    (sizes[0] ?? []).map((_, i) => Math.max(...sizes.map((row, r) => (isName(r, i) ? Math.min(cap, row[i]) : row[i]))));
  const total = (cap: number) => widest(cap).reduce((sum, width) => sum + width + 2, -2);
  const longest = sizes.reduce((most, row) => row.reduce((a, b) => Math.max(a, b), most), 0);
  if (total(longest) <= room) return rows;
  let cap = longest;
  while (cap > leastName && total(cap) > room) cap--;
  return rows.map((row, r) => row.map((cell, i) => (isName(r, i) ? cutMiddle(cell, cap) : cell)));
}

/**
 * A line for each row, with columns as wide as their widest cell.
 * @param room columns of the terminal that there are for a line: long names are cut in their middle
 */
export function tableLines(all: readonly (readonly string[])[], room: number, form: TableForm = {}): string[] {
  const { left = 1, spare = [] } = form;
  const lines = alignedLines(fitted(all, room, { names: Array.from({ length: left }, (_, i) => i), ...form }), left);
  const [column, ...others] = spare;
  if (column === undefined || lines.every((line) => displayWidth(line) <= room)) return lines;
  const rest = others.map((other) => (other > column ? other - 1 : other));
  return tableLines(
    all.map((row) => row.toSpliced(column, 1)),
    room,
    { ...form, spare: rest },
  );
}

function alignedLines(rows: readonly (readonly string[])[], left: number): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => displayWidth(row[i]))));
  return rows.map((row) =>
    row.map((cell, i) => (i < left ? padEnd(cell, widths[i]) : padStart(cell, widths[i]))).join('  '),
  );
}
