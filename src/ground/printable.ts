/** Text that files and peers chose, as a terminal may have it: nothing in it moves the cursor, colours, or turns text around. */

/**
 * Control characters (C0, DEL and C1, of which 9B begins an escape sequence too), what changes the direction of text
 * (Unicode TR 36, section 2.4: what is read is not what is there), and the separators that end lines unseen.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const hidden = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

const escaped = (character: string): string => {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
};

/**
 * A text with such characters as `\x1b` and `\u202e`.
 * @param kept characters that stay as they are
 */
export function printable(text: string, kept = ''): string {
  return text.replace(hidden, (character) => (kept.includes(character) ? character : escaped(character)));
}

/**
 * A message: its own lists have lines that are indented, and keep their ends. What a file put in can therefore begin no line
 * that looks like one of the program's.
 */
export const printableMessage = (text: string): string =>
  text
    .split(/\n(?= {2})/)
    .map((line) => printable(line))
    .join('\n');

/** What another program said, to be quoted in a message, whose lines are ours. */
export const inOneLine = (said: string): string =>
  said
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('; ');

/** A JSON text without line ends, in JSON's own escapes. */
export const printableJson = (json: string): string =>
  json.replace(hidden, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A text whose lines are the program's own. */
export const printableLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => printable(line))
    .join('\n');

/** Characters of a text that goes on, one after the other: ends of lines and tabs stay. */
export async function* printableText(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let held = '';
  for await (const piece of pieces) {
    const text = held + piece;
    // One may be the first half of an end of line.
    held = text.endsWith('\r') ? '\r' : '';
    const whole = text.slice(0, text.length - held.length);
    yield whole
      .split('\r\n')
      .map((part) => printable(part, '\n\t'))
      .join('\r\n');
  }
  yield printable(held);
}

/** A value with every text in it, and every key, made printable. */
export function printableDeep<T>(value: T): T {
  if (typeof value === 'string') return printableMessage(value) as T;
  if (Array.isArray(value)) return value.map(printableDeep) as T;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [printable(key), printableDeep(inner)])) as T;
}
