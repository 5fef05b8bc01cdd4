/** The documents of a text: what lies between two borders. */
import type { DocumentsConfig, TextConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';
import { jsonLines } from '../json-lines.js';
import type { PlainText } from '../plain-text.js';
import type { Reading } from '../reading.js';

/** A part of a text, or null where a document ends. None is empty. */
export type TextItem = string | null;

/** What the token behind a document is called. */
export const endOfText = ({ endOfText: named = '<|endoftext|>' }: Pick<TextConfig, 'endOfText'>): string => named;

interface Border {
  readonly start: number;
  readonly end: number;
}

/** Says where documents end. */
interface Borders {
  /** The first border; undefined where there is none, or where more of the text may belong to it. */
  find(text: string, isWhole: boolean): Border | undefined;
  /** Characters at the end of a text without borders that may belong to one. */
  held(text: string): number;
}

const blankLines: Borders = {
  find(text, isWhole) {
    const found = /\r?\n(?:[ \t]*\r?\n)+/.exec(text);
    if (!found) return undefined;
    const end = found.index + found[0].length;
    // Blanks may be those of one more blank line.
    const isOpen = !isWhole && end + trailing(text.slice(end), ' \t\r') === text.length;
    return isOpen ? undefined : { start: found.index, end };
  },
  held(text) {
    const blanks = text.slice(text.length - trailing(text, ' \t\r\n'));
    const first = blanks.search(/\r?\n/);
    return first < 0 ? trailing(text, '\r') : blanks.length - first;
  },
};

/** How many of some characters a text ends with. */
function trailing(text: string, characters: string): number {
  let start = text.length;
  while (start > 0 && characters.includes(text[start - 1])) start--;
  return text.length - start;
}

/** A line break before and one behind a border belong to it. */
function separated(separator: string): Borders {
  const lineBreaks = '\r\n'.length;
  return {
    find(text, isWhole) {
      const at = text.indexOf(separator);
      const behind = at + separator.length;
      if (at < 0 || (!isWhole && text.length < behind + lineBreaks)) return undefined;
      const before = /\r?\n$/.exec(text.slice(Math.max(0, at - lineBreaks), at))?.[0] ?? '';
      const after = /^\r?\n/.exec(text.slice(behind, behind + lineBreaks))?.[0] ?? '';
      return { start: at - before.length, end: behind + after.length };
    },
    held: (text) => Math.min(text.length, separator.length + 2 * lineBreaks),
  };
}

const wholeFiles: Borders = { find: () => undefined, held: (text) => trailing(text, '\r\n') };

/** @param parts none of which ends inside a character @returns the text without its borders, and without line breaks at its end */
export async function* documentsOf(
  parts: AsyncIterable<string>,
  config: Exclude<DocumentsConfig, { column: string }>,
): AsyncGenerator<TextItem> {
  const borders = config === 'blankLines' ? blankLines : config === 'files' ? wholeFiles : separated(config.separator);
  let rest = '';
  let isOpen = false;
  function* cut(isWhole: boolean): Generator<TextItem> {
    for (let border = borders.find(rest, isWhole); border; border = borders.find(rest, isWhole)) {
      if (border.start > 0) yield rest.slice(0, border.start);
      if (border.start > 0 || isOpen) yield null;
      isOpen = false;
      rest = rest.slice(border.end);
    }
    const held = isWhole ? trailing(rest, '\r\n') : borders.held(rest);
    const end = wholeCharacters(rest, rest.length - held);
    if (end > 0) yield rest.slice(0, end);
    if (end > 0) isOpen = true;
    rest = rest.slice(end);
  }
  for await (const part of parts) {
    rest += part;
    yield* cut(false);
  }
  yield* cut(true);
  if (isOpen) yield null;
}

/** The end, or one before, where it would divide a pair of surrogates. */
const wholeCharacters = (text: string, end: number): number =>
  end > 0 && /[\udc00-\udfff]/.test(text[end] ?? '') ? end - 1 : end;

/** The documents in a column of a file of JSON lines, those that are not empty. @throws DataError naming the line that has none */
export async function* documentsInLines(text: PlainText, column: string, reading: Reading): AsyncGenerator<TextItem> {
  for await (const lines of jsonLines(text, reading)) {
    for (const { row, line } of lines) {
      const value = Object.hasOwn(row, column) ? row[column] : undefined;
      if (typeof value !== 'string') throw noText(text.file.name, line, column, row);
      if (value === '') continue;
      yield value;
      yield null;
    }
  }
}

function noText(file: string, line: number, column: string, row: Readonly<Record<string, unknown>>): DataError {
  const where = `data.documents.column: ${file}, line ${line}`;
  if (!Object.hasOwn(row, column)) {
    const names = Object.keys(row);
    return new DataError(
      `${where} has no ${JSON.stringify(column)}`,
      oneOf(column, names, `it has ${names.slice(0, 20).join(', ')}`),
    );
  }
  return new DataError(
    `${where}: ${column} holds ${JSON.stringify(row[column]).slice(0, 40)}, which is no text`,
    'leave the line out, or name a column of texts',
  );
}
