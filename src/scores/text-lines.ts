/** Texts that come one by one: of a file its lines, or what a program gives. */
import type { DataFile } from '../data/data-file.js';
import { DataError } from '../errors.js';

/** Texts in their order, read once. */
export interface NamedTexts {
  /** For messages. */
  readonly name: string;
  readonly texts: Iterable<string> | AsyncIterable<string>;
}

/** A file of one line must not be read whole for want of line breaks. */
const longestLine = 1 << 24;

/**
 * The lines of a file, without their ends; a byte order mark is none of the text.
 * @throws DataError where a line is not UTF-8, or too long to be one
 */
export async function* linesOf(file: DataFile): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let line = 1;
  const decode = (block?: Uint8Array) => {
    try {
      return block ? decoder.decode(block, { stream: true }) : decoder.decode();
    } catch {
      throw new DataError(
        `${file.name} is not UTF-8 text, in line ${line} or a few after it`,
        'save the file as UTF-8',
      );
    }
  };
  for await (const block of file.blocks()) {
    const lines = (rest + decode(block)).split('\n');
    rest = lines.pop()!;
    for (const text of lines) {
      yield text.endsWith('\r') ? text.slice(0, -1) : text;
      line++;
    }
    if (rest.length > longestLine) {
      throw new DataError(`${file.name}, line ${line} has more than 16 million characters`, 'put each text on a line');
    }
  }
  rest += decode();
  if (rest !== '') yield rest;
}

/**
 * Goes through all at once.
 * @param visit gets one text of each
 * @returns how many texts each has
 * @throws DataError where there are none, or one has more than another
 */
export async function eachTogether(
  sets: readonly NamedTexts[],
  visit: (texts: readonly string[]) => void,
): Promise<number> {
  const iterators = sets.map(({ texts }) =>
    Symbol.asyncIterator in texts ? texts[Symbol.asyncIterator]() : texts[Symbol.iterator](),
  );
  for (let count = 0; ; count++) {
    const next: IteratorResult<string>[] = [];
    for (const iterator of iterators) next.push(await iterator.next());
    const ended = next.filter(({ done }) => done).length;
    if (ended === sets.length) {
      if (count > 0) return count;
      throw new DataError(`${sets[0].name} has no texts`, 'name a file with one text a line');
    }
    if (ended > 0) throw await unequal(sets, iterators, next, count);
    for (const [i, { value }] of next.entries()) checkText(value, sets[i].name, count);
    visit(next.map(({ value }) => value));
  }
}

function checkText(value: unknown, name: string, index: number): void {
  if (typeof value === 'string') return;
  throw new DataError(`${name}: text ${index + 1} is of type ${typeof value}`, 'give a list of strings');
}

/** Reads on to say how many each has. */
async function unequal(
  sets: readonly NamedTexts[],
  iterators: readonly (Iterator<string> | AsyncIterator<string>)[],
  next: readonly IteratorResult<string>[],
  before: number,
): Promise<DataError> {
  const counts: number[] = [];
  for (const [i, iterator] of iterators.entries()) {
    let count = before;
    for (let { done } = next[i]; !done; { done = false } = await iterator.next()) count++;
    counts.push(count);
  }
  const other = counts.findIndex((count) => count !== counts[0]);
  return new DataError(
    `${sets[0].name} has ${counts[0]} texts, and ${sets[other].name} has ${counts[other]}`,
    'give each reference one hypothesis, one text a line and in the same order; an empty line is a text too',
  );
}
