/** Tokenizers: learned as Hugging Face's library learns them, written as it writes them, and applied as it applies them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { trainBpe } from '../../src/data/text/bpe-trainer.js';
import { byteLevelWords } from '../../src/data/text/byte-alphabet.js';
import { WordCounts } from '../../src/data/text/learned-tokenizer.js';
import { Tokenizer } from '../../src/data/text/tokenizer.js';
import { byteLevelJson, type TokenizerJson } from '../../src/data/text/tokenizer-json.js';
import { packageRoot } from '../support/package.js';

interface Saved {
  readonly name: string;
  readonly file: TokenizerJson;
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly string[];
}
interface Trained extends Saved {
  readonly vocabulary: number;
  readonly minFrequency: number;
  readonly special: readonly string[];
}
/** Made by scripts/peers/tokenizers_reference.py with tokenizers 0.23.3. */
const reference: { text: string; probes: string[]; trained: Trained[]; read: Saved[] } = JSON.parse(
  readFileSync(join(packageRoot, 'test/fixtures/tokenizers.json'), 'utf8'),
);

function countsOf(text: string): ReadonlyMap<string, number> {
  const words = new WordCounts();
  words.add(text);
  return words.counts;
}

describe.each(reference.trained)('$name', ({ file, ids, decoded, special, ...options }) => {
  it('is learned with the same merges in the same order, and saved as the same file', async () => {
    const bpe = await trainBpe(countsOf(reference.text), { ...options, special });
    expect(byteLevelJson(bpe, special)).toEqual(file);
  });

  it('makes the same tokens of a text, and the text of them', () => {
    const tokenizer = new Tokenizer(file);
    expect(tokenizer.isByteLevel).toBe(true);
    expect(reference.probes.map((text) => tokenizer.encode(text))).toEqual(ids);
    expect(ids.map((each) => tokenizer.decode(each))).toEqual(decoded);
    expect(ids.map((each) => tokenizer.decode(each))).toEqual(reference.probes);
  });
});

describe.each(reference.read)('$name', ({ file, ids, decoded }) => {
  it('makes the same tokens of a text, and the same text of them', () => {
    const tokenizer = new Tokenizer(file);
    expect(tokenizer.isByteLevel).toBe(false);
    expect(reference.probes.map((text) => tokenizer.encode(text))).toEqual(ids);
    expect(ids.map((each) => tokenizer.decode(each))).toEqual(decoded);
  });
});

it('white space is that of Unicode, as in the words that tokenizers 0.23.3 makes: with the next line, without the byte order mark', () => {
  expect(byteLevelWords('One line.\ufeffThe next.')).toEqual(['One', ' line', '.\ufeff', 'The', ' next', '.']);
  expect(byteLevelWords('One line.\u0085The next.')).toEqual(['One', ' line', '.', '\u0085', 'The', ' next', '.']);
  expect(byteLevelWords('a \u0085\ufeff b')).toEqual(['a', ' ', '\u0085', '\ufeff', ' b']);
});

it('a text may be cut at a border: its parts have the tokens of the whole', () => {
  const { text, trained } = reference;
  const tokenizer = new Tokenizer(trained[0].file);
  const whole = tokenizer.encode(text);
  for (let size = 50; size < 60; size++) {
    const parts: number[] = [];
    let rest = '';
    for (let i = 0; i < text.length; i += size) {
      rest += text.slice(i, i + size);
      const end = i + size < text.length ? tokenizer.lastBorder(rest) : rest.length;
      parts.push(...tokenizer.encode(rest.slice(0, end)));
      rest = rest.slice(end);
    }
    expect(parts).toEqual(whole);
  }
});
