/** Scores of forecasts: by hand, from files, and input that is refused. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ForecastSeries, scoreSeries } from '../../src/scores/series.js';
import { readSeries } from '../../src/scores/series-files.js';
import { temporaryFolder } from '../support/folder.js';

const one: ForecastSeries = { name: 'a', truths: [5, 6], predictions: [5.5, 6], history: [1, 2, 4, 3] };

describe('MASE', () => {
  it('is the error over that of the value of a season ago', () => {
    // Mean error 0.25; in the history 1, 2 and 1, and two steps apart 3 and 1.
    expect(scoreSeries([one]).scores.mase.value).toBeCloseTo(0.25 / (4 / 3), 12);
    expect(scoreSeries([one], { season: 2 }).scores.mase.value).toBeCloseTo(0.25 / 2, 12);
  });

  it('leaves out series whose history never changes, and says so', () => {
    const still = { ...one, name: 'b', history: [3, 3, 3] };
    const { mase } = scoreSeries([one, still]).scores;
    expect(mase.value).toBeCloseTo(0.25 / (4 / 3), 12);
    expect(mase.note).toMatch(/^1 of 2 series are left out/);
    expect(scoreSeries([still]).scores.mase.value).toBeNaN();
  });

  it('is not there without a history', () => {
    const { history: _, ...rest } = one;
    expect(Object.keys(scoreSeries([{ ...rest, quantiles: { '0.90': [7, 8] } }]).scores)).toEqual([
      'smape',
      'pinball@0.9',
    ]);
  });
});

it('intervals are of ten series or more, the same for the same seed', () => {
  const many = Array.from({ length: 10 }, (_, i) => ({ ...one, name: String(i), predictions: [5 + i / 10, 6] }));
  const { mase } = scoreSeries(many).scores;
  expect(mase.interval!.low).toBeLessThan(mase.value);
  expect(mase.interval!.high).toBeGreaterThan(mase.value);
  expect(scoreSeries(many)).toEqual(scoreSeries(many));
  expect(scoreSeries(many, { seed: 1 }).scores.mase.interval).not.toEqual(mase.interval);
  expect(scoreSeries(many.slice(1)).scores.mase.interval).toBeUndefined();
});

it.each([
  ['no series', [], {}, /no series/],
  ['a season of 0', [one], { season: 0 }, /season/],
  ['a history that is too short', [one], { season: 4 }, /series a has 4 values of history, not more than its season 4/],
  ['fewer predictions', [{ ...one, predictions: [1] }], {}, /has 2 truths, and 1 of predictions/],
  ['a gap', [{ ...one, truths: [1, Number.NaN] }], {}, /series a, truths: value 2 is NaN/],
  ['a quantile of 1', [{ ...one, quantiles: { 1: [1, 2] } }], {}, /quantile 1 is not between/],
  ['nothing that came', [{ ...one, truths: [], predictions: [] }], {}, /no truths/],
])('refuses %s', (_, series, options, message) => {
  expect(() => scoreSeries(series, options)).toThrow(message);
});

describe('from files', () => {
  const folder = temporaryFolder();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const truths = file('truths.csv', 'shop,month,sales\na,1,5\nb,1,3\na,2,6\n');
  const history = file('history.csv', 'shop,month,sales\na,0,4\nb,0,1\na,0,2\n');
  const forecasts = file('forecasts.csv', 'shop,month,mean,p90\na,1,5.5,7\nb,1,3,3\na,2.0,6,8\n');
  const columns = { series: 'shop', quantiles: { 0.9: 'p90' } };
  const read = (more: object) => readSeries({ truths, predictions: forecasts, ...columns, ...more }, () => {});

  it('rows are put together by their place, series by their names', async () => {
    expect(await read({ history })).toEqual([
      {
        ...{ name: 'a', truths: Float64Array.of(5, 6), predictions: Float64Array.of(5.5, 6) },
        ...{ quantiles: { 0.9: Float64Array.of(7, 8) }, history: Float64Array.of(4, 2) },
      },
      {
        ...{ name: 'b', truths: Float64Array.of(3), predictions: Float64Array.of(3) },
        ...{ quantiles: { 0.9: Float64Array.of(3) }, history: Float64Array.of(1) },
      },
    ]);
  });

  it('a column that both call alike may hold truths and predictions', async () => {
    const [series] = await readSeries(
      { truths: file('t.csv', 'sales\n1\n2\n'), predictions: file('p.csv', 'sales\n3\n4\n'), quantiles: {} },
      () => {},
    );
    expect([series.name, ...[series.truths, series.predictions!].map((values) => Array.from(values))]).toEqual([
      'of all rows',
      [1, 2],
      [3, 4],
    ]);
  });

  it.each([
    [
      'dates that differ',
      { predictions: file('u.csv', 'shop,month,mean,p90\na,1,5,7\nb,2,3,3\na,2,6,8\n') },
      /line 3: month is 1, and 2 in line 3/,
    ],
    [
      'series that differ',
      { predictions: file('s.csv', 'shop,month,mean,p90\na,1,5,7\na,1,3,3\na,2,6,8\n') },
      /line 3: the series is b, and a/,
    ],
    ['fewer rows', { predictions: file('f.csv', 'shop,month,mean,p90\na,1,5,7\n') }, /has 3 rows, and .*f\.csv has 1/],
    [
      'a gap',
      { predictions: file('g.csv', 'shop,month,mean,p90\na,1,,7\nb,1,3,3\na,2,6,8\n') },
      /g\.csv, line 2: mean holds nothing, no number/,
    ],
    [
      'a word',
      { predictions: file('w.csv', 'shop,month,mean,p90\na,1,x,7\nb,1,3,3\na,2,6,8\n') },
      /mean holds "x", no number/,
    ],
    [
      'columns of which it may be any',
      { quantiles: {} },
      /any of its columns mean, p90 may hold the numbers: name one with --prediction/,
    ],
    ['a column that is not there', { prediction: 'meen' }, /has no column "meen": did you mean mean/],
    [
      'a series without a history',
      { history: file('h.csv', 'shop,month,sales\na,0,4\n') },
      /h\.csv has no rows of series b/,
    ],
  ])('refuses %s', async (_, more, message) => {
    await expect(read(more)).rejects.toThrow(message);
  });
});
