/** What `lockstep scale` writes: Markdown, a page that needs no network, the comparison of two reports, a projection. */
import { describe, expect, it } from 'vitest';
import { parseProjection } from '../../src/projection/parse.js';
import { compareReports } from '../../src/scale/compare.js';
import { scaleHtml } from '../../src/scale/html.js';
import { projectScale } from '../../src/scale/project.js';
import { scaleMarkdown } from '../../src/scale/scale-markdown.js';
import { linePlot } from '../../src/scale/svg.js';
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
  const text = scaleMarkdown(report);
  it('has a row for each number of workers, with the numbers of the report', () => {
    expect(text).toContain('| 1 | 100 | 4 | 9,804 [9,615–10,000] | 10.2 / 10.2 / 10.2 | 1.00 | 100 % |');
    expect(text).toContain('| 2 | 100 | 4 | 16,340 [16,026–16,667] | 6.12 / 6.12 / 6.12 | 1.67 | 83 % |');
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
    expect(widths.length).toBe(2);
    for (const each of widths) expect(each.size).toBe(1);
  });
});

describe('the page', () => {
  const named = { ...report, config: { ...report.config, name: '<script>alert("x")</script>' } };
  const html = scaleHtml(named, compareReports(report, report));

  it('needs nothing from elsewhere, and runs nothing', () => {
    expect(html).not.toMatch(/https?:|src=|@import|url\(|<link|<script/i);
  });

  it('takes no text for markup', () => {
    expect(html).toContain('How &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; scales');
  });

  it('closes every element', () => {
    const empty = new Set(['meta', '!doctype']);
    const open: string[] = [];
    for (const [, end, name, self] of html
      .replace(/<style>[\s\S]*?<\/style>/, '')
      .matchAll(/<(\/?)([a-z!][a-z0-9]*)[^>]*?(\/?)>/gi)) {
      if (empty.has(name.toLowerCase()) || self === '/') continue;
      if (end === '') open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it('stacks bars to the length of the step', () => {
    const [, figure] = /(Where a step&#39;s time goes|Where a step's time goes)([\s\S]*?)<\/figure>/
      .exec(html)!
      .slice(1);
    const heights = [...figure.matchAll(/<rect [^>]*x="([\d.]+)"[^>]*height="([\d.]+)"/g)];
    const xs = [...new Set(heights.map(([, x]) => x))];
    const sums = xs.map((x) => heights.filter((bar) => bar[1] === x).reduce((sum, bar) => sum + Number(bar[2]), 0));
    // The axis goes to 12 milliseconds in 276 pixels.
    expect(sums.map((sum) => (sum / 276) * 12)).toEqual([expect.closeTo(10.2, 1), expect.closeTo(6.12, 1)]);
  });

  it('has every number of its plots in tables, and a description of each plot', () => {
    const plots = html.match(/<svg viewBox="0 0 560[^>]*>/g)!;
    expect(plots.length).toBe(6);
    for (const plot of plots) expect(plot).toMatch(/role="img" aria-label="[^"]{20,}"/);
    expect(html.match(/<table>/g)!.length).toBe(3);
    expect(html).toContain('<td>16,340 [16,026–16,667]</td>');
  });
});

it('a plot puts points where their numbers belong', () => {
  const plot = linePlot({
    title: 't',
    xLabel: 'x',
    yLabel: 'y',
    yText: String,
    lines: [{ name: 'a', points: [1, 2, 4].map((x) => ({ x, y: 10 * x })) }],
  });
  const [, path] = /class="line" d="M([^"]*)"/.exec(plot)!;
  const points = path.split('L').map((pair) => pair.split(' ').map(Number));
  // The axes go from (0, 0) to (4, 40).
  const [[x1, y1], [x2, y2], [x4, y4]] = points;
  expect((x2 - x1) * 2).toBeCloseTo(x4 - x2, 0);
  expect((y1 - y2) * 2).toBeCloseTo(y2 - y4, 0);
  expect(x1 - (x2 - x1)).toBeCloseTo(64, 0);
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

  it('is that of the model, with its error on what it has not seen', () => {
    const { projection, markdown } = projectScale(reportOf(measured, 'processes'), scenario);
    expect(projection.rows.map(({ workers }) => workers)).toContain(16);
    expect(projection.assumptions.join('\n')).toMatch(/off by \d+ % of a step at the median/);
    expect(projection.assumptions.join('\n')).toMatch(
      /Fitted without the runs of 3 workers, the model is off by \d+ %/,
    );
    expect(markdown).toContain('## Projection: weak scaling, 10 Gbit/s, 100 us');
    const html = scaleHtml({ ...reportOf(measured, 'processes'), projection });
    expect(html).toContain('Projected speed-up');
    // One worker alone is measured: the projection must know how fast it is.
    const fastest = Math.max(
      ...projection.rows.filter(({ workers }) => workers === 4).map((row) => row.examplesPerSecond),
    );
    expect(fastest).toBeLessThan(4 * (100 / 0.009));
  });

  it('needs two numbers of workers', () => {
    expect(() => projectScale(reportOf(measured.slice(0, 1), 'processes'), scenario)).toThrow(
      /use two numbers of workers/,
    );
  });
});
