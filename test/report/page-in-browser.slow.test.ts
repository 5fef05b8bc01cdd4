/** Pages of reports in a real browser: on a phone, in the dark, on paper. Where there is none, these tests are left out and say so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromium } from '../../scripts/programs/browser-tab.js';
import type { MetricFigure } from '../../src/metrics/metric.js';
import { reportHtml } from '../../src/report/evaluation-document.js';
import type { EvaluationReport } from '../../src/report/evaluation-report.js';
import { explanationDocument } from '../../src/report/explanation-document.js';
import { htmlPage } from '../../src/report/page.js';
import { scaleDocument } from '../../src/scale/scale-document.js';
import { Tab } from '../support/chromium.js';
import { fullReport, markup } from '../support/evaluation-reports.js';
import { temporaryFolder } from '../support/folder.js';
import { reportOf, runOf } from '../support/scale-reports.js';
import { skipIf } from '../support/skip-if.js';

/** Both modes and processes have every column; the numbers are as long as they get. */
function widestScale(): Promise<string> {
  const phases = { gather: 10.5, compute: 1000.123, update: 10.5, exchange: 112.345 };
  const bytes = { bytesPerStep: 123_456_789, fewestBytesPerStep: 112_233_445, peakBytes: 123_456_789_000 };
  const runs = (['strong', 'weak'] as const).flatMap((mode) =>
    [1, 16, 256].flatMap((workers) =>
      [0.9, 1, 1.1].map((factor) =>
        runOf(mode, workers, 1234.567 * factor, Array(workers).fill(phases), { ...bytes, cpuSeconds: 1234.567 }),
      ),
    ),
  );
  const report = reportOf(runs, 'processes', { warnings: ['This machine was busy.'] });
  return htmlPage(scaleDocument(report));
}

/** A matrix whose cells have every shade: the share of a row goes from 0 to 1 in tenths. */
const tenths = Array.from({ length: 11 }, (_, i) => `${i} tenths`);
const shades: MetricFigure = {
  ...{ kind: 'table', rows: tenths, columns: tenths },
  values: tenths.map((_, i) => tenths.map((_, j) => [i, 10 - i][j] ?? 0)),
};

const [endless, odd] = ['x'.repeat(300), ' '];
/** Names as nobody would choose them, of columns, classes and in texts. */
const gallery = [
  {
    title: endless,
    examples: [
      { example: 0, truth: endless, predicted: markup, row: { age: '42.25', [markup]: endless, [endless]: '0.901' } },
      { example: 1, truth: odd, predicted: '', text: `${endless} ${markup}` },
    ],
  },
];
const curve = {
  ...{ kind: 'curve' as const, x: { name: endless, values: [0, 2] }, y: { name: markup, values: [0, 1] } },
};
const balance = {
  ...{ target: endless, of: 'examples' as const, classes: { names: [endless, odd, markup], counts: [[1, 2, 3]] } },
};
const hard: EvaluationReport = {
  ...fullReport,
  figures: { ...fullReport.figures, shades, [endless]: curve },
  metrics: { ...fullReport.metrics, [endless]: 1, [markup]: 2 },
  ...{ gallery, card: { ...fullReport.card!, targets: [balance] } },
};

/** What speaks for an answer in every shade, and a heat map; and columns, one of which no screen has room for. */
function shadedExplanation(): Promise<string> {
  const told = { title: endless, text: `"${endless}": logit 2.5` };
  const words = Array.from({ length: 21 }, (_, i) => ({ name: `${i + 1}`, value: `word ${i} `, attribution: i - 10 }));
  const columns = Array.from({ length: 12 }, (_, i) => ({ name: `column ${i}`, value: i / 7, attribution: 3 - i }));
  const examples = [
    { ...told, texts: [{ input: endless, parts: [...words, { name: '22', value: endless, attribution: 10 }] }] },
    { ...told, title: markup, pictures: fullReport.explanations![0].pictures },
    { ...told, title: 'row 1', parts: [...columns, { name: endless, value: `${endless} ${markup}`, attribution: -9 }] },
  ];
  return htmlPage(
    explanationDocument({ model: endless, method: 'integratedGradients', baseline: 'zeros' }, examples, 7),
  );
}

/** Pages, and how many texts and folded parts they have at least. */
const pages = {
  evaluation: { page: () => reportHtml(hard), texts: 300, parts: 5 },
  scale: { page: widestScale, texts: 300, parts: 5 },
  explanation: { page: shadedExplanation, texts: 50, parts: 0 },
};

skipIf(!chromium && 'no Chromium is installed').describe('a page', () => {
  const folder = temporaryFolder();
  let tab: Tab;
  beforeAll(async () => {
    tab = await Tab.open(join(folder, 'browser'));
  });
  afterAll(() => tab.close());

  describe.each(Object.entries(pages))('of %s', (name, { page, texts, parts }) => {
    beforeAll(async () => {
      const file = join(folder, `${name}.html`);
      writeFileSync(file, await page());
      await tab.look(1200);
      await tab.show(file);
    });

    it('is loaded from one file, without a word of complaint', () => {
      const requests = tab.events.filter(({ method }) => method === 'Network.requestWillBeSent');
      const urls = requests.map(({ params }) => params.request.url.replace(/^data:image\/png;.*|^file:.*\//s, ''));
      expect(urls.filter((url) => url !== '')).toEqual([`${name}.html`]);
      const told = /^(Runtime\.(consoleAPICalled|exceptionThrown)|Log\.entryAdded|Network\.loadingFailed)$/;
      expect(tab.events.filter(({ method }) => told.test(method!))).toEqual([]);
    });

    it.each([360, 768, 1200])('fits into %d pixels, whatever names are in it', async (width) => {
      await tab.look(width);
      expect(await tab.ask<number>('tooWide()')).toBe(0);
      expect(await tab.ask<string[]>('squeezed()')).toEqual([]);
      // Where there is room, numbers can be compared without scrolling.
      if (name === 'scale' && width === 1200) expect(await tab.ask<string[]>('scrolling()')).toEqual([]);
    });

    it('can be read in light and in dark, charts and dark cells too', async () => {
      await tab.ask('fold(false)');
      const colours: string[] = [];
      for (const scheme of ['light', 'dark']) {
        await tab.look(1200, { scheme });
        const { faint, count } = await tab.ask<{ faint: string[]; count: number }>('faintTexts()');
        expect(faint).toEqual([]);
        expect(count).toBeGreaterThan(texts);
        colours.push(await tab.ask<string>('background()'));
      }
      expect(colours).toEqual(['rgb(255, 255, 255)', 'rgb(22, 22, 22)']);
    });

    if (name === 'explanation') {
      it('has every shade of what is marked', async () => {
        const marked = readFileSync(join(folder, `${name}.html`), 'utf8').matchAll(/<mark class="(\w+)">/g);
        const wanted = ['for', 'against'].flatMap((kind) => [1, 2, 3, 4, 5].map((shade) => `${kind}${shade}`));
        expect(new Set([...marked].map(([, kind]) => kind))).toEqual(new Set(wanted));
      });
    }

    it('shows what is folded on paper, which is white', async () => {
      await tab.ask('fold(true)');
      await tab.look(1200);
      const [count, seen] = await tab.ask<number[]>('folded()');
      expect(count).toBeGreaterThanOrEqual(parts);
      expect(seen).toBe(0);
      await tab.look(700, { media: 'print', scheme: 'dark' });
      expect(await tab.ask<number[]>('folded()')).toEqual([count, count]);
      expect(await tab.ask<string[]>('clipped()')).toEqual([]);
      expect(await tab.ask<string>('background()')).toBe('rgb(255, 255, 255)');
    });
  });
});
