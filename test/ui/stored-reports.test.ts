/** Reports that commands have left in a folder, as the server of `lockstep ui` shows them: JSON becomes the page that the command itself would write. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/evaluate/differences.js';
import { type ComparisonFound, comparisonDocument } from '../../src/report/comparison-document.js';
import { reportHtml } from '../../src/report/evaluation-document.js';
import { type ImportanceFound, importanceDocument } from '../../src/report/explanation-document.js';
import { jsonLine } from '../../src/report/json.js';
import { htmlPage } from '../../src/report/page.js';
import { type RunServer, serveRuns } from '../../src/ui/serve-runs.js';
import { reportsIn } from '../../src/ui/stored-reports.js';
import { bareReport, fullReport } from '../support/evaluation-reports.js';
import { temporaryFolder } from '../support/folder.js';
import { reportOf, runOf } from '../support/scale-reports.js';

const folder = temporaryFolder();
const measured = join(folder, 'a-scale-1');
const markup = '<img src=x onerror=alert(1)>';
const scale = reportOf([
  runOf('strong', 1, 10, [{ compute: 8 }]),
  runOf('strong', 2, 6, [{ compute: 4 }, { compute: 4 }]),
]);
const { training, diagnosis, intervals } = fullReport;
const metrics = { ...fullReport.metrics, loss: Number.NaN, perplexity: Number.POSITIVE_INFINITY };
const report = { ...bareReport, training, diagnosis, intervals, metrics, warnings: ['NaN'] };
const row = { workers: 64, reduction: 'butterfly', examplesPerSecond: 1234, speedup: 20, efficiency: 0.3125 };
const projection = { scenario: markup, rows: [row], verdict: ['Not worth it.'], assumptions: ['None.'] };
const difference: Verdict = {
  ...{
    metric: 'accuracy',
    better: 'higher',
    baseline: 0.9,
    value: 0.95,
    difference: 0.05,
    interval: { low: 0.01, high: 0.09 },
  },
  ...{ p: 0.01, corrected: 0.02, test: 'mcnemar', verdict: 'better' },
};
const unknown: Verdict = {
  ...{ metric: 'loss', better: 'lower', baseline: Number.NaN, value: 1, difference: Number.NaN, p: Number.NaN },
  ...{ corrected: Number.NaN, test: 'bootstrap', verdict: 'no number' },
};
const compared: ComparisonFound = {
  ...{ baseline: 'runs/a-1', split: 'test', data: 'digits', examples: 360, confidence: 0.95, resamples: 2000 },
  models: [{ model: markup, differences: [difference, unknown] }],
};
const gate = {
  ...{ model: 'runs/a-1', split: null, examples: 360, passed: false },
  lines: [
    {
      about: 'metric',
      metric: 'accuracy',
      value: 0.9,
      interval: { low: 0.85, high: 0.95 },
      rule: markup,
      passed: true,
    },
    {
      about: 'gap',
      slice: 'sex',
      metric: 'f1Macro',
      value: Number.NaN,
      rule: 'at most 0.1 apart',
      passed: false,
      note: 'few',
    },
  ],
} as const;
const explained = {
  ...{ event: 'explanation', model: 'runs/a-1', method: 'occlusion', baseline: 'zeros', of: '7', measure: 'logit' },
  ...{ value: 2, baselineValue: Number.NaN },
};
/** A picture of 2 rows of 2 pixels; and columns, one of which has a word of numbers as its value. */
const explanations = [
  {
    ...explained,
    row: 1,
    name: 'seven.png',
    inputs: [{ input: 'input', height: 2, width: 2, attributions: [0, 0.5, -0.25, 0] }],
  },
  { ...explained, row: 2, inputs: [{ input: 'input', parts: [{ name: 'petal', value: 'NaN', attribution: 0.125 }] }] },
];
const relied: ImportanceFound = {
  ...{ model: 'runs/a-1', split: 'test', data: 'flowers', examples: 30, metrics: { loss: 0.5 }, repeats: 5 },
  importance: [],
};
let server: RunServer;

beforeAll(async () => {
  mkdirSync(measured);
  writeFileSync(join(measured, 'config.yaml'), 'name: a\n');
  writeFileSync(join(measured, 'scale.json'), JSON.stringify({ ...scale, projection }, null, 1));
  writeFileSync(join(folder, 'evaluation.json'), jsonLine({ event: 'evaluation', ...report }));
  const points = [100, 200].map((size) => ({ size, metrics: { loss: 1 / size, accuracy: Number.NaN }, intervals: {} }));
  writeFileSync(join(folder, 'learning-curve.json'), jsonLine({ split: 'validation', points, verdict: markup }));
  writeFileSync(join(folder, 'broken.json'), `{"event":"evaluation","metrics":7,"model":"${markup}"}`);
  writeFileSync(join(folder, 'compared.json'), jsonLine({ event: 'comparison', ...compared }));
  writeFileSync(join(folder, 'gate.json'), jsonLine({ event: 'check', ...gate }));
  writeFileSync(join(folder, 'why.jsonl'), explanations.map((line) => jsonLine(line)).join(''));
  writeFileSync(join(folder, 'relied.json'), jsonLine({ event: 'importance', ...relied }));
  writeFileSync(join(folder, 'other.json'), '{"event":"doctor"}');
  server = await serveRuns({ folder, host: '127.0.0.1', port: 0, token: 'a token of tests' });
});
afterAll(() => server.close());

const shown = async (run: string, name: string) => {
  const answer = await fetch(`${server.url}api/report?${new URLSearchParams({ run, name })}`);
  expect(answer.headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none';/);
  return answer.text();
};

describe('reports', () => {
  it('are found by what they are, and once where a page stands beside the JSON', async () => {
    const all = ['broken', 'compared', 'evaluation', 'gate', 'learning-curve', 'relied'].map((name) => `${name}.json`);
    expect(reportsIn(folder)).toEqual([...all, 'why.jsonl']);
    expect(reportsIn(measured)).toEqual(['scale.json']);
    writeFileSync(join(measured, 'scale.html'), '<p>');
    expect(reportsIn(measured)).toEqual(['scale.html']);
    expect((await fetch(`${server.url}api/report?run=&name=other.json`)).status).toBe(404);
    const { reports } = (await (await fetch(`${server.url}api/runs`)).json()) as { reports: string[] };
    expect(reports).toEqual(reportsIn(folder));
  });

  it('of an evaluation are its page', async () => {
    expect(await shown('', 'evaluation.json')).toBe(await reportHtml(report));
  });

  it('of comparisons, gates and explanations have their numbers, also where one is none', async () => {
    const page = await shown('', 'compared.json');
    expect(page).toBe(await htmlPage(comparisonDocument(compared)));
    for (const text of ['+0.0500', '+0.0100 to +0.0900', '>0.020<', '>better<', '>no number<', "McNemar's"]) {
      expect(page).toContain(text.replaceAll("'", '&#39;'));
    }
    const limits = await shown('', 'gate.json');
    for (const text of ['not passed: 1 of 2 failed', '>0.8500 to 0.9500<', 'FAILED', '>f1Macro, sex<']) {
      expect(limits).toContain(text);
    }
    const why = await shown('', 'why.jsonl');
    for (const text of [
      'seven.png',
      '&quot;7&quot;: logit 2.0000, of the baseline NaN',
      'src="data:image/png;base64,',
      '>+0.1250<',
      '>petal<',
      '>NaN<',
    ]) {
      expect(why).toContain(text);
    }
    expect(`${page}${limits}${why}`).not.toContain('<img src=x');
    expect(await shown('', 'relied.json')).toBe(await htmlPage(importanceDocument(relied)));
  });

  it('of scaling have its tables, and its projection', async () => {
    rmSync(join(measured, 'scale.html'), { force: true });
    const page = await shown('a-scale-1', 'scale.json');
    for (const text of ['Projection: &lt;img src=x', 'Not worth it.', '>64<', '>1,234<', '>31 %<', '<svg']) {
      expect(page).toContain(text.replace(' %', '&nbsp;%'));
    }
    expect(page).not.toContain('<img');
  });

  it('of learning curves are drawn, also where a value is no number', async () => {
    const page = await shown('', 'learning-curve.json');
    expect(page).toContain('&lt;img src=x');
    expect(page.match(/<figure>/g)).toHaveLength(2);
    expect(page).not.toContain('<img');
  });

  it('that are none say so', async () => {
    expect(await shown('', 'broken.json')).toMatch(/^<!DOCTYPE html><p>This cannot be shown as a report: /);
  });
});
