/** The report of an evaluation as a page and as Markdown: what is in it, whatever names, numbers and sizes it is given. */
import { describe, expect, it } from 'vitest';
import type { Column, Dataset } from '../../src/data/examples.js';
import { chartFigure } from '../../src/report/chart-figure.js';
import { dataCard } from '../../src/report/data-card.js';
import { reportHtml, reportMarkdown } from '../../src/report/evaluation-document.js';
import type { EvaluationReport } from '../../src/report/evaluation-report.js';
import { trainingCourse } from '../../src/report/training-course.js';
import { bareReport, fullReport } from '../support/evaluation-reports.js';

const full = reportHtml(fullReport);
const headings = (html: string) => [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, title]) => title);

describe('a page', () => {
  it('has a section for what is given, and for nothing else', async () => {
    expect(headings(await reportHtml(bareReport))).toEqual(['Metrics', 'Data']);
    expect(headings(await full)).toEqual([
      ...['Before you believe it', 'Metrics', 'Diagnosis', 'Training', 'Size of the training set', 'Curves and tables'],
      ...[
        'Residuals',
        'Slices',
        'Thresholds and calibration',
        'Examples to look at',
        'What the model goes by',
        'Looks',
        'Data',
      ],
      'How to repeat it',
    ]);
  });

  it('runs nothing, loads nothing, and says so to the browser', async () => {
    const html = await full;
    expect(html).toMatch(
      /Content-Security-Policy" content="default-src 'none'; style-src 'sha256-[^']+'; img-src data:;/,
    );
    expect(html).not.toMatch(/<script|<link|@import|url\(| style="| on\w+="|src="(?!data:image\/png)/i);
    // References inside of a picture would be those of another picture.
    expect([...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id).every((id) => /^[a-z-]+$/.test(id))).toBe(true);
  });

  it('takes no text for markup', async () => {
    const html = await full;
    expect(html).not.toContain('<b>class');
    expect(html).toContain('&lt;b&gt;class &amp; &quot;one&quot;&lt;/b&gt;');
    expect(html).not.toContain('javascript:');
    const markdown = reportMarkdown(fullReport);
    expect(markdown).toContain('\\<b\\>class \\& "one"\\</b\\>');
    const tables = markdown.split('\n\n').filter((block) => block.startsWith('|'));
    expect(tables.length).toBeGreaterThan(10);
    for (const table of tables) {
      const widths = table.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length);
      expect(new Set(widths).size).toBe(1);
    }
  });

  it.each([
    ['an interval beside one without', [{ value: 0.5, low: 0.4, high: 0.6 }, { value: 0.7 }]],
    ['no interval at all, as of one example', [{ value: 0.5 }, { value: 0.7 }]],
    ['no number at all', [{ value: Number.NaN }, { value: Number.NaN }]],
    ['nothing', []],
  ])('draws slices that have %s', async (_, values) => {
    const ranges = values.map((value, i) => ({ name: `slice ${i}`, ...value }));
    expect(await chartFigure({ kind: 'ranges', title: 'loss', xLabel: 'loss', ranges })).toContain('<svg');
  });

  it('names numbers that are none, in tables and beneath charts', async () => {
    const metrics = { loss: Number.POSITIVE_INFINITY, auc: Number.NaN, f1: null };
    const training = {
      best: null,
      epochs: [1, 2].map((epoch) => ({
        epoch,
        examples: 10 * epoch,
        loss: epoch === 1 ? 0.5 : Number.NaN,
        validation: null,
      })),
    };
    const report = { ...bareReport, metrics, training, notes: { auc: 'all examples are of one class' } };
    const html = await reportHtml(report);
    expect(html).toContain('<td>infinite</td>');
    expect(html.match(/<td>not a number<\/td>/g)!.length).toBe(2);
    expect(html).toContain('all examples are of one class');
    expect(html).toContain('Not drawn: training: not a number at 20.');
    expect(html).not.toMatch(/="[^"]*NaN/);
    expect(reportMarkdown(report)).toContain('| auc | not a number | all examples are of one class |');
  });

  it('has a description and the numbers of each chart', async () => {
    const html = await full;
    const figures = html.match(/<figure><figcaption>[\s\S]*?<\/figure>/g)!.filter((figure) => figure.includes('<svg'));
    expect(figures.length).toBeGreaterThan(8);
    for (const figure of figures) {
      expect(figure).toMatch(/<svg viewBox="[^"]+" role="img" aria-label="[^"]{30,}">/);
      // What parts add, and residuals, stand in tables of their own.
      if (!/what each part adds|residual/.test(figure)) expect(figure).toContain('<details><summary>Numbers</summary>');
    }
  });

  it('marks what speaks for an answer and against it in a text, and names the strongest', async () => {
    const html = await full;
    expect(html).toContain(
      '<blockquote><mark class="against3">a</mark><mark class="against2"> </mark>&lt;<mark class="for2">b</mark>',
    );
    expect(html).toContain('adds most: &quot; &quot; at 6 +3.0000, ');
    expect(reportMarkdown(fullReport)).toContain('; a \\<b\\> ');
  });

  it('aligns words to the left', async () => {
    expect(await full).toContain(
      '<th scope="row">accuracy</th><td>0.1000</td><td>0.0200 to 0.2000</td><td class="words">',
    );
  });

  it('keeps a number and its percent sign on one line, but changes no code', async () => {
    const repeat = { ...fullReport.repeat!, config: 'note: 5 % of it\n' };
    const html = await reportHtml({ ...fullReport, repeat });
    expect(html.match(/\d %/g)).toEqual(['5 %']);
    expect(html).toContain(', with 99&nbsp;%');
  });

  it('puts names in quotes that nobody would see', async () => {
    const names = [' ', '', 'b', '\n'];
    const values = names.map((_, i) => names.map((_, j) => 4 * i + j));
    const confusion = { kind: 'table' as const, rows: names, columns: names, values };
    const gallery = [{ title: 'wrong', examples: [{ example: 0, truth: ' ', predicted: 'b ' }] }];
    const text = reportMarkdown({ ...bareReport, figures: { confusion }, gallery });
    expect(text).toContain('|   | " " | "" | b | "\\\\n" |');
    expect(text).toContain('| b | 8 | 9 | 10 | 11 |');
    expect(text).toContain('truth: " "; predicted: "b "');
  });

  it('has axes in plain numbers, and powers of ten where they are logarithmic', async () => {
    const textsOf = async (ys: readonly number[], isLog?: boolean) => {
      const points = ys.map((y, x) => ({ x: x + 1, y }));
      const lines = [{ name: 'a', points }];
      const figure = await chartFigure({
        kind: 'lines',
        title: 't',
        xLabel: 'x',
        yLabel: 'y',
        lines,
        isLog,
        fromZero: true,
      });
      const texts = [...figure.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
      return texts.slice(texts.indexOf('x') + 1, texts.indexOf('y'));
    };
    expect(await textsOf([0, 123])).toEqual(['0', '20', '40', '60', '80', '100', '120']);
    expect(await textsOf([0, 2048])).toEqual(['0', '500', '1,000', '1,500', '2,000']);
    expect(await textsOf([0, 20_480])).toEqual(['0', '5k', '10k', '15k', '20k']);
    expect(await textsOf([0.3, 4096], true)).toEqual(['0.1', '1', '10', '100', '1,000', '10,000']);
    expect(await textsOf([2, 60], true)).toEqual(['1', '2', '5', '10', '20', '50', '100']);
  });

  it('puts points where their numbers belong', async () => {
    const curve = {
      kind: 'curve' as const,
      x: { name: 'x', values: [0, 0.5, 1] },
      y: { name: 'y', values: [0, 1, 0.5] },
    };
    const html = await reportHtml({ ...bareReport, figures: { curve } });
    const [, path] = /<path d="M([\d.,L-]+)"[^>]*stroke="var\(--c0\)"/.exec(html)!;
    const [[x0, y0], [x1, y1], [x2, y2]] = path.split('L').map((pair) => pair.split(',').map(Number));
    expect(x1 - x0).toBeCloseTo(x2 - x1, 0);
    expect(y0 - y1).toBeCloseTo(2 * (y2 - y1), 0);
  });
});

describe('large inputs', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
  const values = names.map((_, i) => names.map((_, j) => (i === j ? 50 : i === 7 && j === 9 ? 33 : 0)));
  const report: EvaluationReport = {
    ...bareReport,
    figures: { confusionMatrix: { kind: 'table', rows: names, columns: names, values } },
    card: {
      ...bareReport.card,
      targets: [{ target: 'kind', of: 'examples', classes: { names, counts: [names.map((_, i) => i)] } }],
    },
  };

  it('become the most confused pairs, and the most and least frequent classes', async () => {
    const html = await reportHtml(report);
    expect(html.length).toBeLessThan(60_000);
    expect(html).toContain('<th scope="row">class 7</th><td class="words">class 9</td><td>33</td>');
    expect(html).toContain('the 15 most frequent and the 15 rarest of 1,000 classes');
    expect(reportMarkdown(report).length).toBeLessThan(10_000);
  });
});

describe('the data card', () => {
  const columns = [
    { name: 'features', role: 'input', type: 'float32', shape: [1], values: new Float32Array(6) },
    {
      name: 'targets',
      role: 'target',
      type: 'int32',
      shape: [],
      categories: 3,
      values: Int32Array.of(0, 1, 1, 2, -1, 0),
    },
    { name: 'size', role: 'target', type: 'float32', shape: [1], values: Float32Array.of(-1, 0, 1, 0, 2, 0) },
  ] as const;
  const dataset = {
    examples: { count: 6, columns },
    splits: { training: Int32Array.of(0, 1, 2), validation: Int32Array.of(), test: Int32Array.of(3, 4, 5) },
    encoding: {
      input: { kind: 'numbers', scale: 1 },
      classes: ['a', 'b', 'c'],
      named: { size: { targetScaling: { mean: [10], deviation: [2] } } },
    },
  } as unknown as Dataset;

  it('counts classes in each split and spreads numbers in their units', async () => {
    const { splits, targets, sha256 } = await dataCard(dataset, false, false);
    expect(splits).toEqual([
      { split: 'training', examples: 3 },
      { split: 'test', examples: 3 },
    ]);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(targets).toEqual([
      // The class that is ignored is none.
      {
        target: 'targets',
        of: 'examples',
        classes: {
          names: ['a', 'b', 'c'],
          counts: [
            [1, 2, 0],
            [1, 0, 1],
          ],
        },
      },
      {
        target: 'size',
        of: 'examples',
        numbers: [
          { mean: 10, standardDeviation: expect.closeTo(Math.sqrt(8 / 3), 12), least: 8, most: 12 },
          {
            mean: expect.closeTo(34 / 3, 12),
            standardDeviation: expect.closeTo(Math.sqrt(32 / 9), 12),
            least: 10,
            most: 14,
          },
        ],
      },
    ]);
  });

  it('does not look at a sealed test split', async () => {
    const { targets, splits } = await dataCard(dataset, false, true);
    expect(splits.at(-1)).toEqual({ split: 'test', examples: 3, sealed: true });
    expect(targets[0].classes!.counts).toEqual([[1, 2, 0]]);
    expect(targets[1].numbers!.length).toBe(1);
    const shown = reportMarkdown({ ...bareReport, card: { sha256: 'ab', splits, targets } });
    expect(shown).toContain('| test, sealed | 3 |');
    expect(shown).toContain('| class | training |\n| --- | ---: |\n| a | 1 (33.3 %) |');
  });

  it('counts the places that are there, of sequences that are filled up', async () => {
    const values = Int32Array.of(1, 2, 0, 1, 0, 0);
    const target = { name: 'tags', role: 'target', type: 'int32', shape: [3], categories: 3, values } as const;
    const mask = { name: 'there', role: 'mask', type: 'uint8', shape: [3], of: 'tags' } as const;
    const there = { ...mask, values: Uint8Array.of(1, 1, 0, 1, 0, 0) };
    const padded = (...more: Column[]): Dataset => ({
      ...dataset,
      examples: { count: 2, columns: [{ ...columns[0], values: new Float32Array(2) }, target, ...more] },
      splits: { training: Int32Array.of(0), validation: Int32Array.of(1), test: new Int32Array(0) },
      encoding: { input: { kind: 'numbers', scale: 1 } },
    });
    const countsOf = async (...more: Column[]) =>
      (await dataCard(padded(...more), false, false)).targets[0].classes?.counts;
    expect(await countsOf(there)).toEqual([
      [0, 1, 1],
      [0, 1, 0],
    ]);
    // The mask of something else says nothing of these.
    expect(await countsOf({ ...there, of: 'features' })).toEqual([
      [1, 1, 1],
      [2, 1, 0],
    ]);
  });
});

it('the course of a training is that of its log', () => {
  const epoch = (n: number, loss: number) => ({ epoch: n, step: 4 * n, loss, validation: { loss: 1 / n } });
  const log = { epochs: [epoch(1, 2), epoch(2, Number.POSITIVE_INFINITY)] };
  expect(trainingCourse(log, 40)).toEqual({
    best: null,
    epochs: [
      { epoch: 1, examples: 40, loss: 2, validation: { loss: 1 } },
      { epoch: 2, examples: 80, loss: Number.POSITIVE_INFINITY, validation: { loss: 0.5 } },
    ],
  });
  expect(trainingCourse({ epochs: [] }, 40)).toBeUndefined();
});
