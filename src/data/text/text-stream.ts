/** Tokens that come one by one as the text that each adds, in a time that does not grow with what came before. */
import type { Tokenizer } from './tokenizer.js';

export interface TextStream {
  /** @returns what the token adds; empty where a character goes on */
  push(token: number): string;
  /** @returns what has not been shown though no more comes */
  end(): string;
}

/** @param before tokens of the text that goes on */
export const textStream = (tokenizer: Tokenizer, before: readonly number[]): TextStream =>
  tokenizer.isByteLevel ? new ByteStream(tokenizer) : new DecodedStream(tokenizer, before);

class ByteStream implements TextStream {
  readonly #tokenizer: Tokenizer;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  push(token: number): string {
    return this.#decoder.decode(this.#tokenizer.bytesOf(token), { stream: true });
  }

  end(): string {
    return this.#decoder.decode();
  }
}

/** Tokens that a character may take at most: one for each of its bytes. */
const longest = 4;
/** What stands for bytes that are no character, or not yet. */
const broken = '\ufffd';

/**
 * How a token is written may depend on the one before it: it is decoded behind what was shown last, and shown when its last character is
 * whole (as the servers of Hugging Face and vLLM do it).
 */
class DecodedStream implements TextStream {
  readonly #tokenizer: Tokenizer;
  /** What was shown last, and behind it what is not shown yet. */
  #tokens: number[];
  #shown: number;

  constructor(tokenizer: Tokenizer, before: readonly number[]) {
    this.#tokenizer = tokenizer;
    const lengths = Array.from({ length: longest + 1 }, (_, i) => i + 1);
    const whole = lengths.find((length) => !tokenizer.decode(before.slice(-length)).includes(broken));
    this.#tokens = whole === undefined ? [] : before.slice(-whole);
    this.#shown = this.#tokens.length;
  }

  push(token: number): string {
    this.#tokens.push(token);
    const text = this.#rest();
    const goesOn = text.endsWith(broken) && this.#tokens.length - this.#shown < longest;
    return goesOn ? '' : this.#show(text);
  }

  end(): string {
    return this.#show(this.#rest());
  }

  #rest(): string {
    const before = this.#tokenizer.decode(this.#tokens.slice(0, this.#shown));
    return this.#tokenizer.decode(this.#tokens).slice(before.length);
  }

  #show(text: string): string {
    if (text !== '') this.#tokens = this.#tokens.slice(this.#shown);
    this.#shown = this.#tokens.length;
    return text;
  }
}
