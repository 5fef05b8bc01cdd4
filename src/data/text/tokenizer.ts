/** A text as tokens and back, as a tokenizer.json says: byte-level BPE, WordPiece, Unigram and what else Hugging Face's library reads. */
import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import type { Tokenizer as Library } from '@huggingface/tokenizers';
import { DataError } from '../../errors.js';
import { byteLevelWords, inByteCharacters, lastBorder, tokenBytes } from './byte-alphabet.js';
import { hasByteLevelWords, isByteLevel, saveIt, type TokenizerJson } from './tokenizer-json.js';

const require = createRequire(import.meta.url);

/** Words whose tokens are remembered; those of a text are few, and most of the time goes into new ones. */
const remembered = 200_000;

/** What files that are read by many programs call the end of a text; tokenizer.json itself has no place for it. */
const endsOfText = ['<|endoftext|>', '<|end_of_text|>', '</s>', '<eos>', '[EOS]', '<|eot_id|>', '<|im_end|>'];

/** As SentencePiece writes a byte. */
const byteName = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

export class Tokenizer {
  /** By id, as the file writes them; an id that it leaves out is empty. */
  readonly tokens: readonly string[];
  /** Whether its tokens are the bytes of the text, whatever the text: none is lost, and none replaced. */
  readonly isByteLevel: boolean;
  readonly #library: Library;
  readonly #ids: ReadonlyMap<string, number>;
  /** Special ones, and others that are no part of its model. */
  readonly added: readonly string[];
  /** Whether words are those of GPT-2: then they are cut here, and each is looked at once. */
  readonly #hasWords: boolean;
  readonly #words = new Map<string, readonly number[]>();

  /** @throws Error where the file is none, or one that the library does not know */
  constructor(json: TokenizerJson) {
    // Loaded when it is needed: most tables have no text.
    const { Tokenizer: Reader } = require('@huggingface/tokenizers') as { Tokenizer: typeof Library };
    this.#library = new Reader(json, {});
    this.#ids = this.#library.get_vocab();
    const tokens: string[] = [];
    for (const [token, id] of this.#ids) tokens[id] = token;
    this.tokens = Array.from(tokens, (token) => token ?? '');
    this.added = json.added_tokens.map(({ content }) => content);
    this.isByteLevel = isByteLevel(json);
    this.#hasWords = hasByteLevelWords(json);
  }

  /**
   * The ids of a text; those that a model of pairs or of classes puts around it are left out.
   * @throws DataError where it has a character that no token stands for
   */
  encode(text: string): readonly number[] {
    if (!this.#hasWords || this.added.some((token) => text.includes(token))) return this.#encodeWhole(text);
    const ids: number[] = [];
    for (const word of byteLevelWords(text)) for (const id of this.#idsOf(word)) ids.push(id);
    return ids;
  }

  #encodeWhole(text: string): readonly number[] {
    if (text === '') return [];
    const { ids, tokens } = this.#library.encode(text, { add_special_tokens: false });
    const unknown = (ids as (number | undefined)[]).indexOf(undefined);
    if (unknown < 0) return ids;
    throw new DataError(
      `the tokenizer has no token for ${JSON.stringify(tokens[unknown])}, and none for what it does not know`,
      'leave it out of the text, or use a tokenizer with an unknown token',
    );
  }

  #idsOf(word: string): readonly number[] {
    const known = this.#words.get(word);
    if (known) return known;
    const ids = this.#library.model!.encode([inByteCharacters(word)]).map((token: string) => this.#ids.get(token)!);
    if (this.#words.size === remembered) this.#words.clear();
    this.#words.set(word, ids);
    return ids;
  }

  /**
   * Where a text of which more will come may be cut, so that its parts have the tokens that the whole has.
   * @returns the last such place; 0 where there is none
   */
  lastBorder(text: string): number {
    return this.#hasWords ? lastBorder(text) : text.lastIndexOf('\n') + 1;
  }

  /** The ids of a text that may be long: each line by itself where words are not those of GPT-2. */
  encodeLines(text: string): readonly number[] {
    return this.#hasWords ? this.encode(text) : text.split(/(?<=\n)/).flatMap((line) => this.encode(line));
  }

  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    if (!this.isByteLevel) return this.#library.decode([...ids], { clean_up_tokenization_spaces: false });
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(ids.map((id) => this.bytesOf(id))));
  }

  /** The tokens as they stand in a text; a part of a character by its bytes. */
  get names(): readonly string[] {
    if (!this.isByteLevel) return this.tokens;
    return this.tokens.map((_, id) => {
      const bytes = this.bytesOf(id);
      return isUtf8(bytes) ? Buffer.from(bytes).toString() : Array.from(bytes, byteName).join('');
    });
  }

  /** The token after which a text has ended; undefined where it has none that is known as such. */
  get endOfText(): number | undefined {
    const token = endsOfText.find((content) => this.added.includes(content));
    return token === undefined ? undefined : this.#ids.get(token);
  }

  /** Of a byte-level token. */
  bytesOf(id: number): Uint8Array {
    const token = this.tokens[id];
    if (this.added.includes(token)) return Buffer.from(token);
    return tokenBytes(token) ?? Buffer.from(token);
  }
}

/** @param where the file, for messages @throws DataError */
export function openTokenizer(json: TokenizerJson, where: string): Tokenizer {
  try {
    return new Tokenizer(json);
  } catch (error) {
    throw new DataError(`${where}: holds no tokenizer that is known here (${(error as Error).message})`, saveIt);
  }
}
