/** Tokens that come one by one: what each adds, and all of it the text that they stand for together. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { textStream } from '../../src/data/text/text-stream.js';
import { Tokenizer } from '../../src/data/text/tokenizer.js';
import type { TokenizerJson } from '../../src/data/text/tokenizer-json.js';
import { packageRoot } from '../support/package.js';

interface Saved {
  readonly name: string;
  readonly file: TokenizerJson;
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly string[];
}
const { trained, read } = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/tokenizers.json'), 'utf8')) as {
  trained: Saved[];
  read: Saved[];
};

function partsOf(tokenizer: Tokenizer, before: readonly number[], tokens: readonly number[]): string[] {
  const stream = textStream(tokenizer, before);
  return [...tokens.map((token) => stream.push(token)), stream.end()];
}

it.each([...trained, ...read].map((each) => [each.name, each] as const))(
  'of %s add up to the text, however it is cut',
  (_, { file, ids, decoded }) => {
    const tokenizer = new Tokenizer(file);
    ids.forEach((tokens, i) => {
      const parts = partsOf(tokenizer, [], tokens);
      expect(parts.join('')).toBe(decoded[i]);
      // A character that takes several tokens comes when it is whole.
      if (!decoded[i].includes('\ufffd')) expect(parts.join('|')).not.toContain('\ufffd');
      const half = tokens.length >> 1;
      const start = tokenizer.decode(tokens.slice(0, half));
      const continued = start + partsOf(tokenizer, tokens.slice(0, half), tokens.slice(half)).join('');
      if (!start.endsWith('\ufffd')) expect(continued).toBe(decoded[i]);
    });
  },
);

it('of bytes that are no character are shown at the end, or when the next ones are none of it', () => {
  const tokenizer = new Tokenizer(trained[0].file);
  const [first, second] = [...tokenizer.encode('क')];
  const [a] = tokenizer.encode('a');
  expect(partsOf(tokenizer, [], [first, second])).toEqual(['', '', '\ufffd']);
  expect(partsOf(tokenizer, [], [first, a])).toEqual(['', '\ufffda', '']);
});

it.each([
  [['<pad>', '</s>'], 1],
  [['<|endoftext|>'], 0],
  [['[MASK]'], undefined],
])('of %j, the end of a text is token %s', (special, wanted) => {
  const { file } = trained[0];
  const added_tokens = special.map((content, id) => ({ ...file.added_tokens[0], id, content, special: true }));
  expect(new Tokenizer({ ...file, added_tokens }).endOfText).toBe(wanted);
});
