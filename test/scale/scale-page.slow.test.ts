/** The page of `lockstep scale` in a real browser: where there is none, these tests are left out and say so. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scaleHtml } from '../../src/scale/html.js';
import { temporaryFolder } from '../support/folder.js';
import { reportOf, runOf } from '../support/scale-reports.js';
import { skipIf } from '../support/skip-if.js';

const folder = temporaryFolder();
const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** Both modes and processes have every column; the numbers are as long as they get. */
function widestPage(): string {
  const phases = { gather: 10.5, compute: 1000.123, update: 10.5, exchange: 112.345 };
  const bytes = { bytesPerStep: 123_456_789, fewestBytesPerStep: 112_233_445, peakBytes: 123_456_789_000 };
  const runs = (['strong', 'weak'] as const).flatMap((mode) =>
    [1, 16, 256].flatMap((workers) =>
      [0.9, 1, 1.1].map((factor) =>
        runOf(mode, workers, 1234.567 * factor, Array(workers).fill(phases), { ...bytes, cpuSeconds: 1234.567 }),
      ),
    ),
  );
  return scaleHtml(reportOf(runs, 'processes'));
}

const script = `<script>document.title = 'widths ' + JSON.stringify(
  [document.documentElement, ...document.querySelectorAll('.scroll')].map((box) => box.scrollWidth - box.clientWidth));
</script></body>`;

skipIf(!chromium && 'no Chromium is installed').describe('the page', () => {
  it('does not scroll sideways at 1200 pixels, nor does any of its tables', () => {
    const file = join(folder, 'scale.html');
    writeFileSync(file, widestPage().replace('</body>', script));
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--window-size=1200,900', '--dump-dom'];
    const dom = execFileSync(chromium!, [...flags, `file://${file}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [, widths] = /<title>widths (\[[^<]*\])<\/title>/.exec(dom) ?? [];
    expect(JSON.parse(widths)).toEqual([0, 0, 0, 0, 0]);
  });
});
