/** What `lockstep scale` writes: Markdown, a page that needs no network, the comparison of two reports, a projection. */
import { describe, expect, it } from 'vitest';
import { parseProjection } from '../../src/projection/parse.js';
import { markdownPage } from '../../src/report/markdown-page.js';
import { htmlPage } from '../../src/report/page.js';
import { compareReports } from '../../src/scale/compare.js';
import { projectScale, recordOf } from '../../src/scale/project.js';
import { scaleDocument } from '../../src/scale/scale-document.js';
import { warningsOf } from '../../src/scale/warnings.js';
import { reportOf, runOf } from '../support/scale-reports.js';

const worker = { gather: 1, compute: 7, update: 1 };
/** Two numbers of workers, three repeats each. @param factor of all times */
const runs = (factor = 1, more: object = {}) =>
  [1, 1.02, 1.04].flatMap((drift, i) => [
    runOf('strong', 1, 10 * factor * drift, [worker], { repeat: i + 1, ...more }),
    runOf('strong', 2, 6 * factor * drift, [{ compute: 4 }, { compute: 4 }], { repeat: i + 1, ...more }),
  ]);
const report = reportOf(runs());

describe('Markdown', () => {
  const text = markdownPage(scaleDocument(report));
  it('has a row for each number of workers, with the numbers of the report', () => {
    expect(text).toContain('| 1 | 100 | 4 | 9,804 (9,615–10,000) | 10.2 / 10.2 / 10.2 | 1.00 | 100 % (98–102 %) |');
    expect(text).toContain('| 2 | 100 | 4 | 16,340 (16,026–16,667) | 6.12 / 6.12 / 6.12 | 1.67 | 83 % (82–85 %) |');
    expect(text).toMatch(/\| 2 \| 0 \| 4 \| 0 \| 0 \| 0 \| 2\.12 \|/);
  });
  it('says what was measured, and explains each column', () => {
    expect(text).toContain('**Machine**: a processor, 2 cores, 8 GB');
    for (const head of ['examples/s', 'efficiency', 'cost', 'exchange', 'wait']) expect(text).toContain(`*${head}*: `);
  });
  it('is made of whole tables', () => {
    const widths = text
      .split('\n\n')
      .filter((block) => block.startsWith('|'))
      .map((block) => new Set(block.split('\n').map((line) => line.split('|').length)));
    expect(widths.length).toBe(3);
    for (const each of widths) expect(each.size).toBe(1);
  });
});

describe('the page', () => {
  const named = { ...report, config: { ...report.config, name: '<script>alert("x")</script>' } };
  const page = htmlPage(scaleDocument(named, compareReports(report, report)));
  const figures = page.then((html) => html.match(/<figure>[\s\S]*?<\/figure>/g)!);
  const titled = async (title: string) => (await figures).find((figure) => figure.includes(`<figcaption>${title}<`))!;

  it('takes no text for markup', async () => {
    expect(await page).toContain('How &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; scales');
    expect(await page).not.toContain('<script');
  });

  it('closes every element', async () => {
    const empty = new Set(['meta', '!doctype']);
    const open: string[] = [];
    for (const [, end, name, self] of (await page)
      .replace(/<style>[\s\S]*?<\/style>/, '')
      .matchAll(/<(\/?)([a-z!][a-z0-9]*)[^>]*?(\/?)>/gi)) {
      if (empty.has(name.toLowerCase()) || self === '/') continue;
      if (end === '') open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it('has charts of speed, efficiency, a step, its cost, and what has changed, each with its numbers', async () => {
    const titles = (await figures).map((figure) => /<figcaption>(.*?)<\/figcaption>/.exec(figure)![1]);
    expect(titles).toEqual([
      'Speed-up, with the slowest and fastest repeat',
      'Efficiency',
      'Where a step&#39;s time goes',
      'Cost of 1,000 examples',
      'Time of a step: half, nine of ten, 99 of 100',
      'Examples/s now over before',
    ]);
    for (const figure of await figures) expect(figure).toMatch(/<summary>Numbers<\/summary>[\s\S]*<td>/);
    // Beside 10.2 ms, a step takes 6.12 with two workers: 5/3, and 5/6 of the ideal.
    expect(await titled('Efficiency')).toContain(
      '<tr><th scope="row">2</th><td>83&nbsp;%</td><td>82&nbsp;%</td><td>85&nbsp;%</td></tr>',
    );
    expect(await page).toContain('<td>16,340 (16,026–16,667)</td>');
    expect(await page).toContain('<td>83&nbsp;% (82–85&nbsp;%)</td>');
  });

  it('has marks at the numbers of workers alone, and begins at zero', async () => {
    const texts = [...(await titled('Efficiency')).matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
    expect(texts.slice(0, texts.indexOf('workers'))).toEqual(['1', '2']);
    expect(texts.slice(texts.indexOf('workers') + 1)).toEqual([
      ...['0 %', '20 %', '40 %', '60 %', '80 %', '100 %', 'part of the ideal'],
    ]);
  });

  it('stacks bars to the length of the step', async () => {
    const figure = await titled('Where a step&#39;s time goes');
    const bars = figure.matchAll(/<path [^>]*d="M([\d.]+),[\d.]+h[\d.]+v([\d.]+)h[^>]*fill="var\(--b/g);
    const lengths = new Map<string, number>();
    for (const [, x, length] of bars) lengths.set(x, (lengths.get(x) ?? 0) + Number(length));
    const [one, two] = [...lengths.values()];
    expect(one / two).toBeCloseTo(10.2 / 6.12, 4);
  });
});

describe('two reports', () => {
  it('of the same speed differ by chance alone', () => {
    expect(compareReports(report, reportOf(runs(1.01))).words).toEqual([
      'All differences are within what repeats differ by.',
      'The runs ended with the parameters of before, bit for bit.',
    ]);
  });

  it('tell what has become slower first', () => {
    const mixed = [
      ...runs(1.3).filter(({ workers }) => workers === 2),
      ...runs(0.5).filter(({ workers }) => workers === 1),
    ];
    const { words, rows } = compareReports(reportOf(mixed), report);
    expect(words.slice(0, 2)).toEqual([
      'strong, 2 workers: 23 % slower than before.',
      'strong, 1 worker: 100 % faster than before.',
    ]);
    expect(rows.find(({ workers }) => workers === 1)).toMatchObject({
      clear: true,
      throughput: expect.closeTo(2, 6),
      memory: 1,
    });
  });

  it('of a run or two each tell nothing from chance', () => {
    const few = (factor: number) => reportOf(runs(factor).filter(({ repeat }) => repeat === 1));
    const { words, rows } = compareReports(few(2), few(1));
    expect(rows.every(({ clear }) => !clear)).toBe(true);
    expect(words[0]).toMatch(/With one run of each kind nothing can be told from chance/);
  });

  it('of other machines, kinds or models say so, and other bits too', () => {
    const machine = { ...report.machine, processor: 'another' };
    expect(compareReports(reportOf(runs(), 'processes', { machine }), report).words.slice(0, 2)).toEqual([
      'The processor was a processor before and is another now: the difference may be that of the machines.',
      'The kind of workers was threads before and is processes now: what moves gradients is another thing.',
    ]);
    expect(compareReports(reportOf(runs(1, { sha256: 'ee' })), report).words.at(-1)).toMatch(
      /other parameters than before/,
    );
  });

  it('without a number of workers in common cannot be compared', () => {
    const other = reportOf(runs().filter(({ workers }) => workers === 1));
    const two = reportOf(runs().filter(({ workers }) => workers === 2));
    expect(compareReports(two, other)).toMatchObject({
      rows: [],
      words: [expect.stringMatching(/nothing can be compared/)],
    });
  });
});

describe('warnings', () => {
  it('tell of what makes numbers hard to believe', () => {
    const bare = reportOf(runs());
    expect(warningsOf(bare)).toEqual([]);
    const doubtful = {
      ...bare,
      complete: false,
      hashesAgree: false,
      plan: { ...bare.plan, repeats: 1 },
      machine: { ...bare.machine, load: 1.5, cores: 1 },
    };
    const all = warningsOf(doubtful).join('\n');
    for (const part of [/must not/, /interrupted/, /1.5 of 1 core busy/, /use --repeats 5/, /shared 1 core:/]) {
      expect(all).toMatch(part);
    }
  });
});

describe('a projection', () => {
  const scenario = parseProjection('workers=4..16,bandwidth=10Gbps,latency=100us');
  const exchanged = { exchange: 2, ...worker };
  const bytes = { bytesPerStep: 8e6, fewestBytesPerStep: 8e6 };
  const measured = [1, 2, 3].map((workers) =>
    runOf('weak', workers, workers === 1 ? 9 : 11.5, Array(workers).fill(workers === 1 ? worker : exchanged), {
      batchSize: 100 * workers,
      ...bytes,
    }),
  );

  it('is that of the model, with its error on what it has not seen', async () => {
    const runs = reportOf(measured, 'processes');
    const projected = projectScale(runs, scenario);
    expect(projected.rows.map(({ workers }) => workers)).toContain(16);
    expect(projected.assumptions.join('\n')).toMatch(/off by \d+ % of a step at the median/);
    expect(projected.assumptions.join('\n')).toMatch(/Fitted without the runs of 3 workers, the model is off by \d+ %/);
    expect(recordOf(projected).rows[0]).toMatchObject({ workers: 4, speedup: projected.rows[0].speedup });
    const document = scaleDocument(runs, undefined, projected);
    const markdown = markdownPage(document);
    expect(markdown).toContain('## Projection: weak scaling, 10 Gbit/s, 100 us');
    // A row for each of three numbers of workers and four reductions, one of which is the fastest.
    const [, rows] = /\| fastest \|\n.*\n((?:\|.*\n)+)/.exec(markdown)!;
    expect(rows.match(/^\| (?:4|8|16) \|/gm)).toHaveLength(12);
    expect(rows.match(/\| yes \|$/gm)).toHaveLength(3);
    for (const sentence of projected.verdict) expect(markdown).toContain(sentence);
    const html = await htmlPage(document);
    expect(html).toContain('<figcaption>Projected speed-up over one worker</figcaption>');
    const { rows: projection } = projected;
    // One worker alone is measured: the projection must know how fast it is.
    const fastest = Math.max(...projection.filter(({ workers }) => workers === 4).map((row) => row.examplesPerSecond));
    expect(fastest).toBeLessThan(4 * (100 / 0.009));
  });

  it('needs two numbers of workers', () => {
    expect(() => projectScale(reportOf(measured.slice(0, 1), 'processes'), scenario)).toThrow(
      /use two numbers of workers/,
    );
  });
});
