/**
 * The page of `lockstep ui` in a real browser, beside a run that is going: curves grow, a lost worker is named, the run is stopped from the page
 * and goes on. Without a mouse, on a phone, in the dark, and for axe-core. Where there is no browser, this is left out and says so.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chromium } from '../../scripts/programs/browser-tab.js';
import { type RunServer, serveRuns } from '../../src/ui/serve-runs.js';
import { Tab } from '../support/chromium.js';
import { type Running, startLockstep } from '../support/cli.js';
import { Cluster, type ClusterWorker, type Coordinator, urlOf } from '../support/cluster.js';
import { temporaryFolder } from '../support/folder.js';
import { paced } from '../support/held.js';
import { skipIf } from '../support/skip-if.js';
import { smallModel } from '../support/small.js';

const token = 'a token of tests';
const markup = '<img src=x onerror=document.title=1>';
const endless = 'long '.repeat(400);

/** Rests, since the run goes on while others compute: more than it takes for an epoch. */
const rests = paced('"event":"epoch"', 50);
/** It would train for hours. */
const config = {
  name: 'going',
  data: { source: 'digits', examples: 400, validation: 0.2, test: 0.1 },
  ...smallModel,
  training: { epochs: 50_000, batchSize: 32, shards: 4, logEvery: 10 },
};

const worker = {
  name: 'one',
  address: 'there',
  threads: 1,
  state: 'active',
  examplesPerSecond: 9,
  share: 1,
  roundTrip: 2,
};
/** As a run over two hosts tells it. */
const summary = {
  event: 'summary',
  ...{
    steps: 90,
    bytesPerStep: 57692,
    fewestBytesPerStep: 38304,
    hosts: 2,
    bytesBetweenHosts: 1200,
    reproducible: true,
  },
  ...{ precision: 'bfloat16', rank: null, sums: 'tree', optimizerState: 'replicated', local: null },
  workers: [
    { name: 'coordinator', shards: 90, timesLost: 0 },
    { name: 'one', shards: 270, timesLost: 2 },
  ],
};

/** Texts at the ticks of the Y axes, by chart: how far each reaches to the left. */
const notesTicks = `{
  globalThis.ticks = {};
  const { prototype } = CanvasRenderingContext2D;
  const { fillText, clearRect } = prototype;
  const nameOf = ({ canvas }) => canvas.closest('[data-title]').dataset.title;
  prototype.clearRect = function (...box) {
    ticks[nameOf(this)] = [];
    return clearRect.apply(this, box);
  };
  prototype.fillText = function (text, x, y) {
    if (text && this.textAlign === 'right') ticks[nameOf(this)].push([text, x - this.measureText(text).width]);
    return fillText.call(this, text, x, y);
  };
}`;

/** A run that broke off, with names and messages as nobody would choose them. */
function writeEarlier(runs: string): void {
  const run = join(runs, 'earlier-1');
  mkdirSync(join(run, 'checkpoints', 'step-00000090'), { recursive: true });
  writeFileSync(join(run, 'checkpoints', 'step-00000090', 'tensors.safetensors'), Buffer.alloc(2_500_000));
  writeFileSync(
    join(run, 'config.yaml'),
    `name: earlier\ntraining: { epochs: 2, batchSize: 64 }\ndata: { file: "${markup}" }\n`,
  );
  const lines = Array.from({ length: 90 }, (_, i) => ({
    event: 'step',
    epoch: 1,
    step: i + 1,
    loss: 3 / (i + 1),
    gradientNorm: 1,
    learningRate: 1e-5 * (1 - 1e-6 * i),
  }));
  writeFileSync(join(run, 'metrics.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const messages = [markup, `\u001b[31m\u202e${markup}`, endless].map((message) => ({ event: 'warning', message }));
  const events = [...messages, summary].map((event) => ({ ...event, time: 1 }));
  writeFileSync(join(run, 'events.jsonl'), events.map((line) => `${JSON.stringify(line)}\n`).join(''));
  writeFileSync(join(run, 'world.json'), JSON.stringify({ time: 1, workers: [worker] }));
  writeFileSync(join(run, 'report.html'), '<h1>A report</h1><script>document.title = 1</script>');
}

skipIf(!chromium && 'no Chromium is installed').describe('the page', () => {
  const folder = temporaryFolder();
  const cluster = new Cluster();
  const runs = join(cluster.folder, 'runs');
  let [server, tab, coordinator, lost, resumed]: [RunServer?, Tab?, Coordinator?, ClusterWorker?, Running?] = [];
  const evaluate = <T>(expression: string) => tab!.evaluate<T>(expression);
  const text = () => evaluate<string>('document.body.innerText');
  const click = (words: string) =>
    evaluate(`[...document.querySelectorAll('button')].find((one) => one.textContent === '${words}').click()`);
  const shows = (what: () => Promise<unknown>) => expect.poll(what, { interval: 100 });
  const points = () =>
    evaluate<number>(`Number(document.querySelector('[data-title="Loss of steps"]')?.dataset.points ?? 0)`);
  const told = () => evaluate<string>(`document.querySelector('[data-title="Loss of steps"] [role=img]').ariaLabel`);
  const frame = `(() => {
    const { sandbox, clientHeight, contentDocument: { documentElement: root } } = document.querySelector('iframe');
    return { sandbox: sandbox.value, blank: clientHeight - root.offsetHeight, title: root.ownerDocument.title };
  })()`;
  const going = () => join(runs, readdirSync(runs).find((name) => name.startsWith('going-'))!);
  const press = async (key: string, code: number, characters?: string) => {
    const what = { key, code: key, windowsVirtualKeyCode: code };
    await tab!.send('Input.dispatchKeyEvent', { type: 'keyDown', ...what, ...(characters && { text: characters }) });
    await tab!.send('Input.dispatchKeyEvent', { type: 'keyUp', ...what });
  };

  beforeAll(async () => {
    writeEarlier(runs);
    coordinator = cluster.coordinator(config, [], rests);
    const url = await urlOf(coordinator);
    cluster.worker(url, { name: 'stays' });
    lost = cluster.worker(url, { name: 'goes' });
    server = await serveRuns({ folder: runs, host: '127.0.0.1', port: 0, token });
    tab = await Tab.open(join(folder, 'browser'));
    await tab.look(1200);
    await tab.send('Page.addScriptToEvaluateOnNewDocument', { source: notesTicks });
    await coordinator.until('epoch');
    await tab.show(`${server.url}#token=${token}`);
  });
  afterAll(async () => {
    await tab?.close();
    await server?.close();
    resumed?.process.kill('SIGKILL');
    await resumed?.finished;
    await cluster.close();
  });

  it('opens the run that goes on, and its curves grow', async () => {
    await shows(points).toBeGreaterThan(1);
    const before = await points();
    await shows(points).toBeGreaterThan(before);
    await shows(text).toMatch(/going-1\s+running/);
    await shows(() => evaluate(`document.querySelector('.workers')?.innerText`)).toMatch(/goes[^\n]*active/);
    expect(await evaluate('location.hash')).toBe('#run=going-1');
  });

  it('hears again what goes on once it is seen again', async () => {
    const hide = (isHidden: boolean) =>
      evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await hide(true);
    const before = await points();
    await hide(false);
    await shows(points).toBeGreaterThan(before);
  });

  it('names a worker that is lost', async () => {
    await lost!.kill();
    await shows(text).toMatch(/goes lost at step \d+/);
    // It stays in the table, in words, until it is back.
    await shows(() => evaluate(`document.querySelector('.workers tr.lost')?.innerText`)).toMatch(
      /goes \([^)]*\)\s+✕ lost at [-\d]+ [:\d]+, step \d+: while \w/,
    );
    expect(await evaluate(`document.querySelectorAll('.workers tbody tr').length`)).toBe(2);
  });

  it('draws another run over it, and shows what names and messages bring along as text', async () => {
    await evaluate(`document.querySelector('[data-run="earlier-1"] button').click()`);
    await shows(told).toMatch(/going-1: .*earlier-1: .*between 0.03333 and 3$/);
    await shows(text).toContain(markup);
    const seen = await text();
    for (const word of ['broken off', 'step-00000090: 2.5 MB', endless.trim()]) expect(seen).toContain(word);
    expect(seen).toContain(
      'summary 90 steps, shards by coordinator 25 %, one 75 % (lost 2 times); 57.7 kB of gradients crossed the network in a step; ' +
        '38.3 kB is the least; 2 hosts: 1.2 kB of that went from one to another; gradients crossed the network as bfloat16: ',
    );
    expect(await evaluate(`document.querySelector('.workers').innerText`)).toMatch(/one \(there\)\s+was active/);
    // One that does not say how it was begun, over several machines.
    expect(seen).toContain(`It goes on with: npx lockstep coordinator --resume ${join(runs, 'earlier-1')}\n`);
    expect(await evaluate('document.querySelectorAll("img").length')).toBe(0);
    expect(await evaluate('document.title')).toBe('Lockstep');
    await click('report.html');
    // As high as it is, and not able to do anything.
    await shows(() => evaluate(frame)).toMatchObject({ sandbox: 'allow-same-origin', blank: 0, title: '' });
    await evaluate(`[...document.querySelectorAll('select')].at(-1).focus()`);
    await evaluate(
      `(() => { const list = document.activeElement; list.value = 'going-1'; list.dispatchEvent(new Event('change', { bubbles: true })); })()`,
    );
    await shows(() => evaluate(`document.querySelector('.differences')?.innerText`)).toMatch(
      /training.batchSize\s+64\s+32/,
    );
  });

  it('has the whole of each number at the ticks of a chart, of rates that hardly change too', async () => {
    const ticks = () => evaluate<Record<string, [string, number][]>>('ticks');
    await evaluate(`document.querySelector('[data-title="Learning rate"]').scrollIntoView()`);
    await shows(async () => (await ticks())['Learning rate']?.length ?? 0).toBeGreaterThan(1);
    for (const texts of Object.values(await ticks())) {
      expect(Math.min(...texts.map(([, left]) => left))).toBeGreaterThanOrEqual(0);
      expect(new Set(texts.map(([text]) => text)).size).toBe(texts.length);
    }
  });

  it('zooms, smooths and has other axes', async () => {
    await click('Zoom in');
    await shows(text).toMatch(/Steps \d+ to \d+/);
    await click('All');
    await evaluate(
      `(() => { const axis = document.querySelector('select'); axis.value = 'epoch'; axis.dispatchEvent(new Event('change', { bubbles: true })); })()`,
    );
    await shows(told).toMatch(/by epoch/);
    await evaluate(
      `(() => { const weight = document.querySelector('[type=range]'); weight.value = '0.9'; weight.dispatchEvent(new Event('input', { bubbles: true })); })()`,
    );
    // A chart is drawn where it is seen.
    await evaluate(`document.querySelector('.charts').scrollIntoView()`);
    await shows(text).toContain('going-1 (as it is)');
    for (const place of [0, 1])
      await evaluate(`document.querySelectorAll('.controls [type=checkbox]')[${place}].click()`);
    await shows(() => evaluate(`document.querySelectorAll('.chart canvas').length`)).toBeGreaterThan(1);
  });

  it('can be used by keys alone', async () => {
    await evaluate('document.activeElement.blur()');
    const isDrawn = () => evaluate<boolean>(`document.querySelector('[data-run="earlier-1"] input').checked`);
    const before = await isDrawn();
    const reached: string[] = [];
    for (let i = 0; i < 30 && reached.at(-1) !== 'Draw earlier-1'; i++) {
      await press('Tab', 9);
      reached.push(await evaluate<string>('document.activeElement.ariaLabel ?? document.activeElement.textContent'));
    }
    expect(reached).toContain('Table of runs');
    expect(reached.at(-1)).toBe('Draw earlier-1');
    expect(await evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    await press(' ', 32, ' ');
    expect(await isDrawn()).toBe(!before);
  });

  it.each(['light', 'dark'])('keeps nobody from reading it in %s, on a phone too', async (scheme) => {
    for (const width of [390, 1200]) {
      await tab!.look(width, { scheme });
      expect(await tab!.ask<number>('tooWide()')).toBe(0);
    }
    expect(await tab!.ask<string>('background()')).toBe(scheme === 'dark' ? 'rgb(22, 22, 22)' : 'rgb(255, 255, 255)');
    const { faint } = await tab!.ask<{ faint: string[] }>('faintTexts()');
    expect(faint).toEqual([]);
    await evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
    const { passed, found } = await evaluate<{ passed: number; found: string[] }>(`axe.run(document, { iframes: false })
      .then(({ passes, violations }) => ({ passed: passes.length, found: violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => id + ' ' + nodes[0].html) }))`);
    expect(passed).toBeGreaterThan(10);
    expect(found).toEqual([]);
  });

  it('writes a checkpoint and stops the run, which goes on when it is taken up', async () => {
    await evaluate(`document.querySelector('[data-run="going-1"] button').click()`);
    const asked = coordinator!.until('checkpoint');
    await shows(text).toContain('Write a checkpoint');
    await click('Write a checkpoint');
    await asked;
    await click('Stop the run');
    await shows(text).toContain('Stop it, with a checkpoint');
    await click('Stop it, with a checkpoint');
    expect(await coordinator!.ended).toBe(0);
    await shows(() => evaluate(`document.querySelector('.run-state').textContent`)).toBe('stopped');
    const last = coordinator!.of('end')[0];
    expect(last.interrupted).toBe(true);
    await shows(text).toContain(`It goes on with: npx lockstep coordinator --resume ${going()} --threads 0\n`);
    resumed = startLockstep(['train', '--resume', going(), '--threads', '1', '--json'], cluster.folder, rests);
    await resumed.says('"event":"step"');
    await shows(() => evaluate(`document.querySelector('.run-state').textContent`)).toBe('running');
  });

  it('is the same after it is loaded again, and has never complained', async () => {
    const told = /^(Runtime\.(consoleAPICalled|exceptionThrown)|Log\.entryAdded)$/;
    const complaints = tab!.events.filter(({ method }) => told.test(method!));
    expect(complaints.map(({ params }) => params.entry?.text)).toEqual([
      expect.stringMatching(
        /^Blocked script execution in '[^']*report.html' because .* 'allow-scripts' permission is not/,
      ),
    ]);
    const asked = tab!.events.filter(({ method }) => method === 'Network.requestWillBeSent');
    const places = asked
      .map(({ params }) => new URL(params.request.url))
      .filter(({ protocol }) => protocol !== 'data:');
    expect(new Set(places.map(({ origin }) => `${origin}/`))).toEqual(new Set([server!.url]));
    const hash = await evaluate('location.hash');
    await evaluate('location.reload()');
    await shows(() => points().catch(() => 0)).toBeGreaterThan(1);
    expect(await evaluate('location.hash')).toBe(hash);
  });
});
