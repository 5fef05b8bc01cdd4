/** Scores of texts: what the references are wrong about, intervals and comparisons against their definitions, and input that is refused. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openData } from '../../src/data/data-file.js';
import { Reading } from '../../src/data/reading.js';
import { DataError } from '../../src/errors.js';
import { multiplicities } from '../../src/evaluate/bootstrap.js';
import { quantile } from '../../src/evaluate/intervals.js';
import { linesOf } from '../../src/scores/text-lines.js';
import type { TextScoreOptions } from '../../src/scores/text-options.js';
import { type ScoreTextsOptions, scoreTexts } from '../../src/scores/texts.js';
import { temporaryFolder } from '../support/folder.js';

const cat = 'the cat sat on the mat';

/** The scores of a few texts by their names. */
async function valuesOf(references: readonly string[], hypotheses: readonly string[], options: ScoreTextsOptions = {}) {
  const { scores } = await scoreTexts([references], hypotheses, { resamples: 0, ...options });
  return Object.fromEntries(Object.entries(scores).map(([name, { value }]) => [name, value]));
}

describe('BLEU', () => {
  // sacrebleu 2.6.0, 13a, exp.
  it.each([
    ['the cat sat in the mat', 37.991784],
    ['the cat is on a mat', 19.30487],
    ['mat dog the sat x y', 10.682175],
  ])('of "%s" is %d', async (hypothesis, expected) => {
    expect((await valuesOf([cat], [hypothesis])).bleu).toBeCloseTo(expected, 6);
  });

  it('of equal texts of fewer than 4 tokens is no number, and says what makes it one', async () => {
    const { scores } = await scoreTexts([['the cat', 'a dog']], ['the cat', 'a dog'], {
      metrics: ['bleu'],
      resamples: 9,
    });
    expect(scores.bleu.value).toBeNaN();
    expect(scores.bleu.interval).toBeUndefined();
    expect(scores.bleu.note).toMatch(/no hypothesis has 4 tokens.*--effective-order/);
    const { bleu } = await valuesOf(['the cat', 'a dog'], ['the cat', 'a dog'], { effectiveOrder: true });
    expect(bleu).toBeCloseTo(100, 9);
  });

  it('of one text by itself is of the n-grams that it has', async () => {
    const found: number[] = [];
    await valuesOf([cat, cat], ['the cat', cat], { each: (_, [scores]) => found.push(scores.bleu) });
    expect(found[0]).toBeCloseTo(13.533528, 6);
    expect(found[1]).toBeCloseTo(100, 9);
  });
});

describe('ROUGE', () => {
  const texts = ['naïve café', 'кошка сидит', '猫坐在垫子上', 'cafe\u0301'];
  const others = ['naïve café', 'кошка спит', '猫在垫子上', 'café'];

  it('counts letters of all scripts', async () => {
    const found: number[] = [];
    await valuesOf(texts, others, { metrics: ['rouge'], each: (_, [scores]) => found.push(scores.rouge1) });
    // Characters of Chinese: 5 of 5, and of 6.
    expect(found).toEqual([1, 0.5, expect.closeTo(10 / 11, 12), 1]);
  });

  it('is as rouge-score has it where that is asked for: other scripts are nothing', async () => {
    const found: number[] = [];
    const options: TextScoreOptions = { metrics: ['rouge'], rougeAscii: true };
    await valuesOf(texts, others, { ...options, each: (_, [scores]) => found.push(scores.rouge1) });
    expect(found.slice(1, 3)).toEqual([0, 0]);
  });

  it('Lsum is of sentences', async () => {
    const options: TextScoreOptions = { metrics: ['rouge'], sentenceBreak: '<n>' };
    const { rougeL, rougeLsum } = await valuesOf(['a b c<n>d e f'], ['d e f<n>a b c'], options);
    expect([rougeL, rougeLsum]).toEqual([0.5, 1]);
  });
});

describe('intervals and comparisons', () => {
  const references = [
    'the cat sat on the mat',
    'a dog ran over the hill',
    'there were two birds in it',
    'no one saw what it was',
  ];
  const ours = ['the cat sat in the mat', 'a dog ran over the hill', 'there were birds in it', 'no one saw it'];
  const theirs = ['the cat is on a mat', 'the dog ran over a hill', 'there were two birds', 'what was it'];
  const resamples = 60;

  it('are those of scores of the texts that are drawn, the same ones for both', async () => {
    const { scores } = await scoreTexts([references], ours, { other: theirs, resamples, seed: 5, confidence: 0.8 });
    const draws = await Promise.all(
      Array.from({ length: resamples }, async (_, draw) => {
        const times = multiplicities({ seed: 5, examples: references.length }, draw);
        const drawn = (texts: readonly string[]) => texts.flatMap((text, i) => Array<string>(times[i]).fill(text));
        const systems = [ours, theirs].map((texts) => valuesOf(drawn(references), drawn(texts)));
        return Promise.all(systems);
      }),
    );
    for (const [name, { interval, other, difference }] of Object.entries(scores)) {
      const each = [
        [interval!, draws.map(([own]) => own[name])],
        [other!.interval!, draws.map(([, others]) => others[name])],
        [difference!.interval!, draws.map(([own, others]) => others[name] - own[name])],
      ] as const;
      for (const [found, values] of each) {
        const ascending = Float64Array.from(values).sort();
        expect(found.low, name).toBeCloseTo(quantile(ascending, 0.1), 9);
        expect(found.high, name).toBeCloseTo(quantile(ascending, 0.9), 9);
      }
    }
  });

  it('have the p-value of all exchanges between the systems, up to chance', async () => {
    const metrics = ['chrf'] as const;
    const { scores } = await scoreTexts([references], ours, { other: theirs, metrics, resamples: 4000 });
    const { value, pValue } = scores.chrF2.difference!;
    let asMuch = 0;
    for (let mask = 0; mask < 16; mask++) {
      const mixed = (own: readonly string[], others: readonly string[]) =>
        own.map((text, i) => ((mask >> i) & 1 ? others[i] : text));
      const [a, b] = [await valuesOf(references, mixed(ours, theirs)), await valuesOf(references, mixed(theirs, ours))];
      if (Math.abs(b.chrF2 - a.chrF2) >= Math.abs(value) - 1e-9) asMuch++;
    }
    expect(Math.abs(pValue! - asMuch / 16)).toBeLessThan(0.03);
  });

  it('are the same for the same seed, and others for another', async () => {
    const of = (seed: number) => scoreTexts([references], ours, { other: theirs, resamples, seed });
    expect(await of(1)).toEqual(await of(1));
    expect((await of(2)).scores.bleu.interval).not.toEqual((await of(1)).scores.bleu.interval);
  });

  it('of a system against itself are no difference', async () => {
    const { scores } = await scoreTexts([references], ours, { other: ours, resamples });
    for (const { difference } of Object.values(scores)) {
      expect(difference).toEqual({ value: 0, interval: { low: 0, high: 0, standardError: 0 }, pValue: 1 });
    }
  });
});

describe('input that is refused', () => {
  it.each([
    ['more references', [[cat, cat]], [cat], /references\[0\] has 2 texts, and hypotheses has 1/],
    ['more hypotheses', [[cat], [cat]], [cat, cat, cat], /references\[0\] has 1 texts, and hypotheses has 3/],
    ['no texts', [[]], [], /has no texts/],
    ['a text for a list', cat, [cat], /no list of lists/],
    ['texts for lists', [cat], [cat], /references\[0\]: is a string/],
    ['a text for hypotheses', [[cat]], cat, /hypotheses: is a string/],
    ['what is no text', [[cat]], [7], /hypotheses: text 1 is of type number/],
  ])('%s', async (_, references, hypotheses, message) => {
    await expect(scoreTexts(references as never, hypotheses as never)).rejects.toThrow(message);
  });

  it.each([
    [{ metrics: [] }, /metrics/],
    [{ metrics: ['meteor'] }, /metrics\.0/],
    [{ tokenize: 'moses' }, /tokenize/],
    [{ wordOrder: -1 }, /wordOrder/],
    [{ confidence: 1 }, /confidence/],
    [{ sentenceBreak: '' }, /sentenceBreak/],
    [{ order: 3 }, /order/],
  ])('options %j', async (options, message) => {
    await expect(scoreTexts([[cat]], [cat], options as never)).rejects.toThrow(message);
  });
});

describe('what is suspicious is warned of', () => {
  it.each([
    ['a script without spaces', '猫坐在垫子上', {}, /script without spaces.*--tokenize zh/],
    ['texts in tokens', `${cat} .`, {}, /100 texts end with a period that stands alone/],
    ['neither, where the tokens are right', '猫坐在垫子上', { tokenize: 'zh' }, undefined],
    ['nothing', `${cat}.`, {}, undefined],
  ] as const)('%s', async (_, text, options, message) => {
    const texts = Array<string>(100).fill(text);
    const warnings: string[] = [];
    await scoreTexts([texts], texts, { ...options, resamples: 0, warn: (warning) => warnings.push(warning) });
    expect(warnings).toEqual(message ? [expect.stringMatching(message)] : []);
  });
});

describe('lines of a file', () => {
  const folder = temporaryFolder();
  const read = async (bytes: string | Uint8Array) => {
    const path = join(folder, 'lines.txt');
    writeFileSync(path, bytes);
    const file = await openData(path, new Reading());
    try {
      const lines: string[] = [];
      for await (const line of linesOf(file)) lines.push(line);
      return lines;
    } finally {
      await file.close();
    }
  };

  it.each([
    ['with and without a last line break', 'a\nb\n', ['a', 'b']],
    ['', 'a\nb', ['a', 'b']],
    ['empty ones', '\n\na\n\n', ['', '', 'a', '']],
    ['of Windows, with a mark', '\uFEFFa\r\nb\r\n', ['a', 'b']],
    ['with separators that are none of lines', 'a\u2028b\u0085c\rd\n', ['a\u2028b\u0085c\rd']],
  ])('%s', async (_, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });

  it('whose characters lie on the border of what is read at once', async () => {
    const lines = Array.from({ length: 9000 }, (_, i) => `${i} 猫😀`);
    expect(await read(lines.join('\n'))).toEqual(lines);
  });

  it('that are not UTF-8 are refused', async () => {
    await expect(read(Uint8Array.of(97, 10, 0xff, 10))).rejects.toThrow(DataError);
    await expect(read(Uint8Array.of(97, 10, 0xc3))).rejects.toThrow(/lines.txt is not UTF-8 text, in line 2/);
  });
});
