/** Reports that commands have left in a folder, as the server of `lockstep ui` shows them: JSON becomes the page that the command itself would write. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportHtml } from '../../src/report/evaluation-document.js';
import { jsonLine } from '../../src/report/json.js';
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
let server: RunServer;

beforeAll(async () => {
  mkdirSync(measured);
  writeFileSync(join(measured, 'config.yaml'), 'name: a\n');
  writeFileSync(join(measured, 'scale.json'), JSON.stringify({ ...scale, projection }, null, 1));
  writeFileSync(join(folder, 'evaluation.json'), jsonLine({ event: 'evaluation', ...report }));
  const points = [100, 200].map((size) => ({ size, metrics: { loss: 1 / size, accuracy: Number.NaN }, intervals: {} }));
  writeFileSync(join(folder, 'learning-curve.json'), jsonLine({ split: 'validation', points, verdict: markup }));
  writeFileSync(join(folder, 'broken.json'), `{"event":"evaluation","metrics":7,"model":"${markup}"}`);
  writeFileSync(join(folder, 'other.json'), '{"event":"check"}');
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
    expect(reportsIn(folder)).toEqual(['broken.json', 'evaluation.json', 'learning-curve.json']);
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
