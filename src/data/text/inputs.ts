/** From text to the tokens that a model trained on `source: text` reads, and back. */
import { DataError } from '../../errors.js';
import type { InputEncoding } from '../encoding.js';
import { type TextStream, textStream } from './text-stream.js';
import type { Tokenizer } from './tokenizer.js';

export type TextEncoding = Extract<InputEncoding, { kind: 'text' }>;

/** How a trained model's texts become tokens, and tokens texts. */
export class TextCoder {
  readonly #encoding: TextEncoding;
  readonly #tokenizer: Tokenizer | undefined;
  /** Of the characters that are tokens. */
  readonly #ids: ReadonlyMap<string, number>;

  private constructor(encoding: TextEncoding, tokenizer: Tokenizer | undefined) {
    this.#encoding = encoding;
    this.#tokenizer = tokenizer;
    this.#ids = new Map(encoding.vocabulary.map((character, i) => [character, i]));
  }

  /** @throws DataError where the tokenizer is none */
  static async open(encoding: TextEncoding): Promise<TextCoder> {
    if (!encoding.tokenizer) return new TextCoder(encoding, undefined);
    const { openTokenizer } = await import('./tokenizer.js');
    return new TextCoder(encoding, openTokenizer(encoding.tokenizer, 'encoding.json'));
  }

  /** @throws DataError naming the first character that the training text does not have */
  encode(text: string): readonly number[] {
    if (this.#tokenizer) return this.#tokenizer.encode(text);
    return Array.from(text, (character, i) => {
      const known = this.#ids.get(character);
      if (known === undefined) throw unknownCharacter(character, i + 1, this.#encoding.vocabulary);
      return known;
    });
  }

  /** The text of tokens. */
  decode(tokens: ArrayLike<number>): string {
    const ids = Array.from(tokens);
    if (!this.#tokenizer) return ids.map((id) => this.#encoding.vocabulary[id] ?? '').join('');
    return this.#tokenizer.decode(ids);
  }

  /** The text of tokens that come one by one. @param before tokens of the text that goes on */
  stream(before: readonly number[]): TextStream {
    if (this.#tokenizer) return textStream(this.#tokenizer, before);
    return { push: (token) => this.#encoding.vocabulary[token] ?? '', end: () => '' };
  }

  /** The token after which a text has ended, where there is one. */
  get endOfText(): number | undefined {
    return this.#encoding.endOfText ?? this.#tokenizer?.endOfText;
  }

  /** The token that stands before a text: of documents the one that ends them, else a line break, a space, the first. */
  get padding(): number {
    if (this.#encoding.endOfText !== undefined) return this.#encoding.endOfText;
    const [lineBreak] = this.#known('\n');
    const [space] = this.#known(' ');
    return lineBreak ?? space ?? 0;
  }

  #known(character: string): readonly number[] {
    if (this.#tokenizer) return this.#tokenizer.encode(character);
    const id = this.#ids.get(character);
    return id === undefined ? [] : [id];
  }
}

export interface TextRow {
  /** Tokens, [window]. */
  readonly row: Float32Array;
  /** The place, from 1, after which a model of every place says what follows. */
  readonly place: number;
}

/**
 * The row that predicts what follows a text: its last `window` tokens. What is not full is filled up with the coder's padding: before the
 * text, which then starts as a document or a line does; or behind it, where the model says after every place what follows, and so has
 * seen texts of every length, and none of what comes later.
 */
export function textRow(tokens: readonly number[], { window, targets }: TextEncoding, { padding }: TextCoder): TextRow {
  const row = new Float32Array(window).fill(padding);
  const last = tokens.slice(-window);
  row.set(last, targets === 'all' ? 0 : window - last.length);
  return { row, place: targets === 'all' ? Math.max(1, last.length) : window };
}

/** @throws DataError naming the first character that the training text does not have */
export async function textInputs(text: string, encoding: TextEncoding): Promise<TextRow> {
  const coder = await TextCoder.open(encoding);
  return textRow(coder.encode(text), encoding, coder);
}

function unknownCharacter(character: string, place: number, vocabulary: readonly string[]): DataError {
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  const sample = vocabulary.slice(0, 100).join('');
  return new DataError(
    `character ${place}, ${JSON.stringify(character)} (U+${code}), is not among the ${vocabulary.length} that the model was trained on`,
    `leave it out; the model knows ${JSON.stringify(sample)}${vocabulary.length > 100 ? ' and more' : ''}`,
  );
}
