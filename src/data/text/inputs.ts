/** From text to the tokens that a model trained on `source: text` reads. */
import { DataError } from '../../errors.js';
import type { InputEncoding } from '../encoding.js';

type TextEncoding = Extract<InputEncoding, { kind: 'text' }>;

/**
 * The row that predicts what follows `text`: its last `window` characters. A shorter text is padded on its left with line
 * breaks, else spaces, else the first token, whichever the vocabulary has: a text starts as a line does.
 *
 * @returns tokens, [window]
 * @throws DataError naming the first character that the training text does not have
 */
export function textInputs(text: string, { window, vocabulary }: TextEncoding): Float32Array {
  const token = new Map(vocabulary.map((character, i) => [character, i]));
  const row = new Float32Array(window).fill(token.get('\n') ?? token.get(' ') ?? 0);
  const characters = Array.from(text);
  const tokens = characters.map((character, i) => {
    const known = token.get(character);
    if (known === undefined) throw unknownCharacter(character, i + 1, vocabulary);
    return known;
  });
  const last = tokens.slice(-window);
  row.set(last, window - last.length);
  return row;
}

function unknownCharacter(character: string, place: number, vocabulary: readonly string[]): DataError {
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  const sample = vocabulary.slice(0, 100).join('');
  return new DataError(
    `character ${place}, ${JSON.stringify(character)} (U+${code}), is not among the ${vocabulary.length} that the model was trained on`,
    `leave it out; the model knows ${JSON.stringify(sample)}${vocabulary.length > 100 ? ' and more' : ''}`,
  );
}
