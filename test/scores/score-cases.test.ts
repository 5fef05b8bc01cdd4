/**
 * Scores of 200 random cases as sacrebleu 2.6.0, rouge-score 0.1.2, jiwer 4.0.0, pycocotools 2.0.11 and utilsforecast 0.2.17 have them,
 * within 1e-9 (scripts/peers/score_cases.py). ROUGE of letters of all scripts is rouge-score's with a tokenizer of its own.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scoreBoxes } from '../../src/scores/boxes.js';
import { type ForecastSeries, scoreSeries } from '../../src/scores/series.js';
import type { TextScoreOptions } from '../../src/scores/text-options.js';
import { scoreTexts } from '../../src/scores/texts.js';
import { packageRoot } from '../support/package.js';

interface TextCase {
  readonly references: readonly (readonly string[])[];
  readonly hypotheses: readonly string[];
  readonly options: TextScoreOptions;
  readonly signatures: readonly string[];
  readonly expected: {
    readonly bleu: number | null;
    readonly chrf: number;
    /** F1, precision, recall. */
    readonly rouge: readonly (readonly number[])[];
    readonly first: readonly number[];
    readonly wer?: number;
    readonly cer?: number;
  };
}

interface BoxCase {
  readonly images: readonly number[];
  readonly categories: readonly number[];
  readonly truths: readonly (readonly number[])[];
  readonly detections: readonly (readonly number[])[];
  readonly expected: readonly (number | null)[];
  readonly classes: readonly (readonly (number | null)[])[];
}

interface SeriesCase {
  readonly series: readonly ForecastSeries[];
  readonly season: number;
  readonly expected: Readonly<Record<string, number>>;
}

const cases = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/score-cases.json'), 'utf8')) as {
  readonly texts: readonly TextCase[];
  readonly boxes: readonly BoxCase[];
  readonly series: readonly SeriesCase[];
};

/** @param expected null where there is no number */
function near(found: number, expected: number | null, what: string): void {
  if (expected === null) expect(found, what).toBeNaN();
  else expect(Math.abs(found - expected), `${what}: ${found} for ${expected}`).toBeLessThan(1e-9);
}

it('are 200, with what is rare among them', () => {
  const { texts, boxes, series } = cases;
  expect(texts.length + boxes.length + series.length).toBe(200);
  const rare = {
    withoutBleu: texts.filter(({ expected }) => expected.bleu === null).length,
    severalReferences: texts.filter(({ references }) => references.length > 1).length,
    emptyTexts: texts.filter(({ hypotheses, references: [first] }) => [...hypotheses, ...first].includes('')).length,
    withoutTruths: boxes.filter(({ classes }) => classes.some(([ap]) => ap === null)).length,
    crowds: boxes.filter(({ truths }) => truths.some((truth) => truth[6] === 1)).length,
    overfull: boxes.filter(({ detections }) => detections.length > 100).length,
    ties: boxes.filter(({ detections }) => new Set(detections.map((one) => one[6])).size < detections.length).length,
    errorRates: texts.filter(({ expected }) => expected.cer !== undefined).length,
  };
  expect(Object.entries(rare).filter(([, count]) => count < 3)).toEqual([]);
});

describe('texts', () => {
  it.each(cases.texts.map((one, i) => [i, one] as const))('case %i', async (_, one) => {
    const { references, hypotheses, options, signatures, expected } = one;
    const metrics = [
      'bleu',
      'chrf',
      'rouge',
      ...(expected.wer === undefined ? [] : (['wer', 'cer'] as const)),
    ] as const;
    let first: Readonly<Record<string, number>> = {};
    const each = (text: number, [scores]: readonly Readonly<Record<string, number>>[]) => {
      if (text === 1) first = scores;
    };
    const { scores } = await scoreTexts(references, hypotheses, { ...options, metrics, resamples: 0, each });
    const [bleu, chrf, ...others] = Object.entries(scores);
    near(bleu[1].value, expected.bleu, 'BLEU');
    near(chrf[1].value, expected.chrf, chrf[0]);
    expect([bleu, chrf].map(([, { signature }]) => signature.split('|version:')[0])).toEqual(signatures);
    for (const [i, values] of expected.rouge.entries()) {
      const [name, { value, parts }] = others[i];
      near(value, values[0], name);
      near(parts.precision as number, values[1], `precision of ${name}`);
      near(parts.recall as number, values[2], `recall of ${name}`);
    }
    for (const [i, value] of expected.first.entries()) near(Object.values(first)[i], value, `first text, metric ${i}`);
    if (expected.wer !== undefined) near(scores.wer.value, expected.wer, 'WER');
    if (expected.cer !== undefined) near(scores.cer.value, expected.cer, 'CER');
  });
});

describe('boxes', () => {
  it.each(cases.boxes.map((one, i) => [i, one] as const))('case %i', (_, one) => {
    const bbox = (row: readonly number[]) => ({ image_id: row[0], category_id: row[1], bbox: row.slice(2, 6) });
    const truths = {
      images: one.images.map((id) => ({ id })),
      categories: one.categories.map((id) => ({ id })),
      annotations: one.truths.map((row, i) => ({ ...bbox(row), id: i + 1, iscrowd: row[6], area: row[7] })),
    };
    const detections = one.detections.map((row) => ({ ...bbox(row), score: row[6] }));
    const { metrics, classes } = scoreBoxes(truths, detections, { resamples: 0 });
    for (const [i, [name, value]] of Object.entries(metrics).entries()) near(value, one.expected[i], name);
    for (const [i, { name, ap, ap50, ap75 }] of classes.entries()) {
      for (const [t, value] of [ap, ap50, ap75].entries()) near(value, one.classes[i][t], `class ${name}`);
    }
  });
});

describe('series', () => {
  it.each(cases.series.map((one, i) => [i, one] as const))('case %i', (_, { series, season, expected }) => {
    const { scores } = scoreSeries(series, { season });
    expect(Object.keys(scores)).toEqual(Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) near(scores[name].value, value, name);
  });
});
