/** What texts look like that are scored in a wrong way. */
import type { CheckedTextOptions } from './text-options.js';
import { unspacedLetters } from './tokenizers.js';

/** Looks at every text, and says what it is suspicious of. */
export class TextOddities {
  #tokenized = 0;
  #unspaced = 0;
  #characters = 0;

  look(reference: string, hypothesis: string): void {
    if (hypothesis.endsWith(' .')) this.#tokenized++;
    this.#unspaced += unspacedLetters(reference);
    this.#characters += reference.length;
  }

  messages({ metrics, tokenize }: CheckedTextOptions, name: string): string[] {
    const messages: string[] = [];
    const isCut = metrics.includes('bleu') || metrics.includes('wer');
    if (isCut && (tokenize === '13a' || tokenize === 'none') && this.#unspaced > 0.3 * this.#characters) {
      messages.push(
        `the references are in a script without spaces between words, and --tokenize ${tokenize} takes a sentence for a word; give --tokenize zh for Chinese, or char`,
      );
    }
    if (metrics.includes('bleu') && tokenize !== 'none' && this.#tokenized >= 100) {
      messages.push(
        `${name}: ${this.#tokenized} texts end with a period that stands alone; BLEU is of texts as people write them, so join their tokens first, or give --tokenize none`,
      );
    }
    return messages;
  }
}
