/**
 * The alphabet of byte-level tokens: a visible character for each byte, so that any text is a string of 256 characters (Radford et al.
 * 2019, GPT-2), and the words into which that model cuts a text before bytes are merged.
 */

/** Bytes that are written as themselves: printable ASCII and Latin-1, without the soft hyphen. */
const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** The character of each byte. The others follow from U+0100 on, in their order. */
export const byteCharacters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
})();

const byteOf = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** The bytes that a token of these characters stands for; undefined where it has others, as special tokens may. */
export function tokenBytes(token: string): Uint8Array | undefined {
  const bytes = Array.from(token, (character) => byteOf.get(character));
  return bytes.includes(undefined) ? undefined : Uint8Array.from(bytes as number[]);
}

const encoder = new TextEncoder();

/** A text in these characters. */
export const inByteCharacters = (text: string): string =>
  Array.from(encoder.encode(text), (byte) => byteCharacters[byte]).join('');

/**
 * Contractions, letters, digits and other signs, each with the space before it, and white space. White space is as Unicode has it: JavaScript's
 * \s has U+FEFF too, and not U+0085.
 */
const word =
  /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The words of a text, one behind the other: nothing of it is left out. */
export const byteLevelWords = (text: string): readonly string[] => text.match(word) ?? [];

const whiteSpace = /\p{White_Space}/u;

/**
 * The last place where a text may be cut without cutting it into other words: between anything and the white space after it.
 * @returns 0 where there is none
 */
export function lastBorder(text: string): number {
  for (let i = text.length - 1; i > 0; i--) {
    if (whiteSpace.test(text[i]) && !whiteSpace.test(text[i - 1])) return i;
  }
  return 0;
}
