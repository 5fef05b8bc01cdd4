/**
 * Runs as nobody would choose them, in a real browser: with markup, control characters and endless lines in every text that the page shows,
 * and with a million points. Where there is no browser, this is left out and says so.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chromium } from '../../scripts/programs/browser-tab.js';
import { type RunServer, serveRuns } from '../../src/ui/serve-runs.js';
import { Tab } from '../support/chromium.js';
import { temporaryFolder } from '../support/folder.js';
import { skipIf } from '../support/skip-if.js';

/** A text for each place: it would load a picture, change the title, colour a terminal and turn around. */
const bare = (place: string) => `<img src=x onerror=document.title='${place}'>\u001b[31m\u202e`;
const seen = (place: string) => `<img src=x onerror=document.title='${place}'>\\x1b[31m\\u202e`;
const endless = 'long '.repeat(40_000);

const places = [
  'folder of a run',
  'other run',
  'key',
  'value',
  'metric',
  'worker',
  'address',
  'state',
  'lost worker',
].concat([
  'change',
  'reason',
  'kind',
  'field',
  'warning',
  'remedy',
  'data',
  'hash',
  'phase',
  'checkpoint',
  'report',
  'config',
  'column',
  'its role',
  'worker of a summary',
  'precision',
  'bad summary',
  'command',
]);

function writeHostile(runs: string): void {
  const run = join(runs, bare('folder of a run'));
  mkdirSync(join(run, 'checkpoints', bare('checkpoint')), { recursive: true });
  const config = { [bare('key')]: bare('value') };
  writeFileSync(join(run, 'config.yaml'), `${JSON.stringify(config)}\n# ${bare('config')}\n`);
  const step = { event: 'step', epoch: 1, step: 1, loss: 1 };
  const epoch = {
    event: 'epoch',
    epoch: 1,
    step: 1,
    loss: 1,
    validation: { loss: 1, [bare('metric')]: 0.5 },
    best: true,
  };
  const worker = { name: bare('worker'), address: bare('address'), state: bare('state'), threads: 1, share: 1 };
  const world = { time: 1, workers: [{ ...worker, examplesPerSecond: null, roundTrip: null }] };
  const events = [
    { event: 'worker', name: bare('lost worker'), change: bare('change'), step: 1, reason: bare('reason') },
    { event: bare('kind'), field: bare('field') },
    { event: 'warning', message: bare('warning'), remedy: bare('remedy') },
    { event: 'start', engine: 'onnx', threads: 1, parameters: 1, data: bare('data'), goOn: bare('command') },
    { event: 'end', seconds: 1, sha256: bare('hash') },
    { event: 'phase', phase: bare('phase') },
    { event: 'columns', total: 1, features: 1, shown: [{ name: bare('column'), role: bare('its role') }] },
    { event: 'summary', workers: [{ name: bare('worker of a summary'), shards: 1 }], precision: bare('precision') },
    { event: 'summary', workers: bare('bad summary') },
    { event: 'warning', message: endless },
  ].map((event) => ({ ...event, time: 1 }));
  const lines = (all: readonly object[]) => all.map((one) => `${JSON.stringify(one)}\n`).join('');
  writeFileSync(join(run, 'metrics.jsonl'), lines([step, epoch]));
  writeFileSync(join(run, 'world.json'), JSON.stringify(world));
  writeFileSync(join(run, 'events.jsonl'), lines(events));
  writeFileSync(join(run, `${bare('report')}.html`), '<h1>A report</h1><script>document.title = 1</script>');
  const other = join(runs, bare('other run'));
  mkdirSync(other);
  writeFileSync(join(other, 'config.yaml'), 'name: b\n');
}

const steps = 1_000_000;

/** A line, with one point far above it and one below. */
function writeLong(runs: string): void {
  const run = join(runs, 'long-1');
  mkdirSync(run);
  writeFileSync(join(run, 'config.yaml'), 'name: long\n');
  const lossOf = (step: number) => (step === 654_321 ? 99 : step === 123_456 ? -7 : step % 10);
  const parts = Array.from({ length: 100 }, (_, part) =>
    Array.from({ length: steps / 100 }, (_, i) => {
      const step = (part * steps) / 100 + i + 1;
      return `{"event":"step","step":${step},"loss":${lossOf(step)}}\n`;
    }).join(''),
  );
  writeFileSync(join(run, 'metrics.jsonl'), parts.join(''));
}

skipIf(!chromium && 'no Chromium is installed').describe('the page', () => {
  const folder = temporaryFolder();
  const runs = join(folder, 'runs');
  let [server, tab]: [RunServer?, Tab?] = [];
  const evaluate = <T>(expression: string) => tab!.evaluate<T>(expression);
  const shows = (what: () => Promise<unknown>) => expect.poll(what, { interval: 100 });
  const row = (run: string) =>
    `[...document.querySelectorAll('[data-run]')].find(({ dataset }) => dataset.run === ${JSON.stringify(run)})`;
  const open = (run: string) => evaluate(`${row(run)}.querySelector('button').click()`);
  /** All that is read: texts, what a screen reader says, and what can be chosen. */
  const read = () =>
    evaluate<string>(
      `document.body.innerText + [...document.querySelectorAll('[aria-label], option, summary + pre')].map((one) => one.ariaLabel ?? one.textContent).join('\\n')`,
    );
  const loss = (what: string) => evaluate<string>(`document.querySelector('[data-title="Loss of steps"]')?.${what}`);

  beforeAll(async () => {
    mkdirSync(runs);
    writeHostile(runs);
    writeLong(runs);
    server = await serveRuns({ folder: runs, host: '127.0.0.1', port: 0, token: 'a token of tests' });
    tab = await Tab.open(join(folder, 'browser'));
    await tab.look(390);
    await tab.show(server.url);
  });
  afterAll(async () => {
    await tab?.close();
    await server?.close();
  });

  it('shows as text whatever names, messages and files bring along', async () => {
    await shows(() => evaluate('document.querySelectorAll("td.state").length')).toBe(3);
    await open(bare('folder of a run'));
    await shows(read).toContain(seen('warning'));
    await shows(read).toContain(`Validation: ${seen('metric')}`);
    await evaluate(`document.querySelector('summary').click()`);
    const missing = async () => {
      const found = await read();
      return places.filter((place) => !found.includes(seen(place)));
    };
    await shows(missing).toEqual([]);
    const found = await read();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
    expect(found).not.toMatch(/[\u001b\u202e]/);
    expect(found).toContain('long … (200000 characters)');
    expect(await evaluate('document.querySelectorAll("img").length')).toBe(0);
    expect(await evaluate('document.title')).toBe('Lockstep');
    expect(await tab!.ask<number>('tooWide()')).toBe(0);
  });

  it('draws a million points as some hundreds, with the least and the largest, and more of them where one looks closer', async () => {
    await open('long-1');
    await shows(() => loss('querySelector("[role=img]").ariaLabel')).toContain('long-1');
    await evaluate(`${row(bare('folder of a run'))}.querySelector('input:checked').click()`);
    await shows(() => loss('querySelector("[role=img]").ariaLabel')).toMatch(
      /^Loss of steps by step\. long-1: 0 at step 1,000,000, between -7 and 99$/,
    );
    expect(Number(await loss('dataset.points'))).toBe(1599);
    const click = `[...document.querySelectorAll('button')].find((one) => one.textContent === 'Zoom in').click()`;
    for (let range = steps; range > 1500; range /= 2) await evaluate(click);
    await shows(() => evaluate('document.querySelector("#curves").parentNode.innerText')).toMatch(
      /Steps 499512 to 500489/,
    );
    // Each of them, and one more on each side.
    await shows(() => loss('dataset.points')).toBe('980');
    const answers = tab!.events.filter(
      ({ method, params }) => method === 'Network.loadingFinished' && params.encodedDataLength > 0,
    );
    expect(Math.max(...answers.map(({ params }) => params.encodedDataLength))).toBeLessThan(250_000);
  });

  it('has never complained', () => {
    const told = /^(Runtime\.(consoleAPICalled|exceptionThrown)|Log\.entryAdded)$/;
    expect(tab!.events.filter(({ method }) => told.test(method!))).toEqual([]);
  });
});
