/** Columns of free text, which become the tokens of each row's text. */

import type { TextInput } from '../../config/table-fields.js';
import { DataError } from '../../errors.js';
import type { ColumnInfo } from '../column-report.js';
import type { TextColumn } from '../encoding.js';
import type { Reading } from '../reading.js';
import { learnedTokenizer, noteFewer, WordCounts } from '../text/learned-tokenizer.js';
import { openTokenizer, type Tokenizer } from '../text/tokenizer.js';
import { tokenCount } from '../text/tokenizer-json.js';
import type { FieldColumn } from './cell-values.js';
import { type Cell, type Table, textOf } from './table.js';

/** What the first pass over a table finds out about a column of texts: the words from which its tokenizer is learned. */
export class TextFinding {
  readonly name: string;
  /** A text is no class. */
  readonly categories = undefined;
  readonly #table: Table;
  readonly #column: FieldColumn;
  readonly #text: TextInput;
  readonly #words = new WordCounts();
  #texts = 0;
  #missing = 0;
  #feature: TextColumn | undefined;
  #tokenizer: Tokenizer | undefined;
  #longest = 1;

  constructor(table: Table, column: FieldColumn, text: TextInput) {
    this.name = column.name;
    this.#table = table;
    this.#column = column;
    this.#text = text;
  }

  see(cell: Cell): void {
    if (cell === null) {
      this.#missing++;
      return;
    }
    this.#texts++;
    if ('file' in this.#text.tokens) return;
    this.#words.add(textOf(cell));
  }

  /** @throws DataError where there is no text in any row */
  judge(): void {
    if (this.#texts > 0) return;
    throw new DataError(
      `${this.#table.file}: column ${this.name} has no value in any row`,
      `take it out of data.inputs.${this.#column.field}`,
    );
  }

  /** To be called when all rows are seen. @throws DataError where the tokenizer's file is none */
  async learn({ signal, warn }: Reading): Promise<void> {
    const { tokens, truncate = false } = this.#text;
    const key = `data.inputs.${this.#column.field}.tokens`;
    const tokenizer = await learnedTokenizer(
      tokens,
      { key: `${key}.file`, words: () => this.#words, special: [] },
      signal,
    );
    noteFewer(tokens, tokenCount(tokenizer), key, warn);
    const length = this.#text.length === 'longest' ? 0 : this.#text.length;
    if (this.isOpen) this.#tokenizer = openTokenizer(tokenizer, 'file' in tokens ? tokens.file : key);
    this.#feature = { name: this.name, tokenizer, length, truncate };
  }

  /** Whether texts have to be measured, once the tokenizer is known. */
  get isOpen(): boolean {
    return this.#text.length === 'longest';
  }

  measure(cell: Cell): void {
    const tokens = cell === null ? [] : this.#tokenizer!.encode(textOf(cell));
    this.#longest = Math.max(this.#longest, tokens.length);
  }

  feature(): TextColumn {
    return this.isOpen ? { ...this.#feature!, length: this.#longest, truncate: true } : this.#feature!;
  }

  info(): ColumnInfo {
    const { role, field } = this.#column;
    const features = this.feature().length;
    return {
      name: this.name,
      ...(field !== undefined && { field }),
      role,
      type: 'text',
      missing: this.#missing,
      features,
    };
  }
}

/**
 * The tokens of a text, as many as there is room for.
 * @param where the file and the row, for messages
 * @throws DataError where it has none, or more than there is room for
 */
export function tokensOf(
  cell: Cell,
  { name, length, truncate }: TextColumn,
  tokenizer: Tokenizer,
  where: () => string,
): readonly number[] {
  const tokens = cell === null ? [] : tokenizer.encode(textOf(cell));
  if (tokens.length === 0) {
    const what =
      cell === null ? 'no value, and a text has no mean' : `${JSON.stringify(textOf(cell))}, which has no token`;
    throw new DataError(
      `${where()}: column ${name} holds ${what}`,
      cell === null ? 'leave the row out, as data.missing: drop does' : 'leave the row out',
    );
  }
  if (tokens.length <= length) return tokens;
  if (truncate) return tokens.slice(0, length);
  throw new DataError(
    `${where()}: column ${name} holds a text of ${tokens.length} tokens, and its length is ${length}`,
    `set length: ${tokens.length} or more, or truncate: true`,
  );
}
