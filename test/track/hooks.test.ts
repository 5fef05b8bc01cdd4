/** Hooks: programs and URLs that are told what happens to a run, which never fails by them. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { execPath } from 'node:process';
import { describe, expect, it } from 'vitest';
import { train } from '../../coordinator/local/train.js';
import type { RunConfigInput } from '../../src/config/input.js';
import type { RunEvent } from '../../src/report/events.js';
import { sparkline } from '../../src/report/sparkline.js';
import type { Hooks } from '../../src/track/hooks/hook-call.js';
import { hooksTracker } from '../../src/track/hooks/hook-queue.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();
const told = join(folder, 'told.jsonl');
const script = join(folder, 'tell.mjs');
writeFileSync(
  script,
  `import { appendFileSync, readFileSync } from 'node:fs';
const { LOCKSTEP_HOOK: hook, LOCKSTEP_RUN: run, LOCKSTEP_TOKEN: token } = process.env;
const { event, ...rest } = JSON.parse(readFileSync(0, 'utf8'));
appendFileSync(process.argv[2], JSON.stringify({ hook, run, token: token ?? null, event, told: rest }) + '\\n');`,
);
const tell = (file = told) => `"${execPath}" "${script}" "${file}"`;
const linesOf = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const lost = (reason: string): RunEvent => ({
  ...{ event: 'worker', change: 'lost', name: 'one', address: '', step: 3, reason },
});

/** What the hooks warn of once they were told. */
async function warnings(
  hooks: Omit<Hooks, 'timeout'> & { timeout?: number },
  ...events: RunEvent[]
): Promise<string[]> {
  const said: string[] = [];
  const tracker = hooksTracker({ timeout: 30, ...hooks }, join(folder, 'run-1'), (message) => said.push(message));
  for (const event of events) tracker.report(event);
  await tracker.close();
  return said;
}

const config = (learningRate: number, hooks: object, loss = 'meanSquaredError'): RunConfigInput =>
  ({
    name: 'hooked',
    data: { source: 'values', features: [1, 2, 3, 4, 5], targets: [2, 4, 6, 8, 10] },
    model: { layers: [{ dense: { units: 1 } }] },
    loss,
    optimizer: { sgd: { learningRate } },
    training: { epochs: 3, batchSize: 5 },
    track: { hooks },
  }) as RunConfigInput;

describe('of a run', () => {
  it('are told of the best epochs and of its end', async () => {
    process.env.LOCKSTEP_TOKEN = 'secret';
    const { folder: run } = await trainHooked(0.05, { best: tell(), end: tell() });
    delete process.env.LOCKSTEP_TOKEN;
    const lines = linesOf(told);
    expect(lines.at(-1)).toMatchObject({ hook: 'end', run, token: null, event: 'end' });
    expect(lines.at(-1).told).toMatchObject({ hook: 'end', run: basename(run), folder: run, interrupted: false });
    expect(lines[0]).toMatchObject({ hook: 'best', event: 'epoch', told: { best: true } });
  });

  it('are told that it has diverged', async () => {
    const file = join(folder, 'diverged.jsonl');
    await expect(trainHooked(1e20, { divergence: tell(file), end: tell(file) })).rejects.toThrow();
    expect(linesOf(file)).toMatchObject([{ hook: 'divergence', event: 'error', told: { code: 'LOCKSTEP_DIVERGED' } }]);
  });
});

async function trainHooked(learningRate: number, hooks: object): Promise<{ folder: string }> {
  let run = '';
  const report = (event: RunEvent) => {
    if (event.event === 'start') run = event.folder;
  };
  await train(config(learningRate, hooks), { threads: 1, out: join(folder, 'runs'), report });
  return { folder: run };
}

it('of best epochs that follow each other closely the newest is told, before the end', async () => {
  const file = join(folder, 'best.jsonl');
  const best = (epoch: number) => ({ event: 'epoch', epoch, best: true }) as RunEvent;
  const tracker = hooksTracker({ timeout: 30, best: tell(file), end: tell(file) }, join(folder, 'run-1'), () => {});
  for (const epoch of [1, 2, 3]) tracker.report(best(epoch));
  await expect.poll(() => existsSync(file)).toBe(true);
  for (const epoch of [4, 5, 6]) tracker.report(best(epoch));
  tracker.report({ event: 'end', interrupted: false } as RunEvent);
  await tracker.close();
  expect(linesOf(file).map(({ hook, told }) => [hook, told.epoch])).toEqual([
    ['best', 3],
    ['best', 6],
    ['end', undefined],
  ]);
});

it('what the run says is no part of a command', async () => {
  const file = join(folder, 'evil.jsonl');
  const evil = `$(touch ${join(folder, 'touched')}); "\u001b[31m' `;
  expect(await warnings({ workerLost: tell(file) }, lost(evil))).toEqual([]);
  expect(linesOf(file)[0].told.reason).toBe(evil);
  expect(existsSync(join(folder, 'touched'))).toBe(false);
});

it('one that fails, hangs or is not there is a warning', async () => {
  expect(
    await warnings({ workerLost: `"${execPath}" -e "console.error('no \u001b[31m');process.exit(3)"` }, lost('')),
  ).toEqual(['track.hooks.workerLost: exit code 3: no \\x1b[31m; the run is not touched by it']);
  const hanging = `"${execPath}" -e "setInterval(() => {}, 1000)"`;
  const said = await warnings({ workerLost: hanging, timeout: 0.3 }, lost(''), lost(''), lost(''));
  expect(said[0]).toMatch(/^track.hooks.workerLost: it took more than 0 s/);
  expect(said.at(-1)).toMatch(/^track.hooks: [12] calls? left out, as others took too long$/);
  expect(await warnings({ workerLost: 'http://127.0.0.1:1/' }, lost(''))).toEqual([
    expect.stringMatching(/^track.hooks.workerLost: .*ECONNREFUSED|bad port/),
  ]);
});

it('those that hang keep nobody from being told of the end', async () => {
  const file = join(folder, 'end.jsonl');
  const end = { event: 'end', interrupted: false } as RunEvent;
  const hanging = `"${execPath}" -e "setInterval(() => {}, 1000)"`;
  // Time for a process to start is what the last one needs.
  const said = await warnings({ workerLost: hanging, end: tell(file), timeout: 6 }, lost(''), lost(''), end);
  expect(said[0]).toMatch(/workerLost: it took more than 6 s/);
  expect(linesOf(file)).toMatchObject([{ hook: 'end' }]);
});

it('a URL gets a POST of the line', async () => {
  const bodies: unknown[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += part;
    bodies.push([request.method, request.headers['content-type'], JSON.parse(body)]);
    response.writeHead(bodies.length === 1 ? 204 : 500).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
  expect(await warnings({ workerLost: url }, lost('a'), lost('b'))).toEqual([
    'track.hooks.workerLost: the answer was 500 Internal Server Error; the run is not touched by it',
  ]);
  expect(bodies[0]).toEqual(['POST', 'application/json', expect.objectContaining({ hook: 'workerLost', reason: 'a' })]);
  server.close();
  server.closeAllConnections();
});

it('a line of blocks has the least value lowest, the greatest highest, and gaps where there is none', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 40)).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([1, Number.NaN, 3], 40)).toBe('▁ █');
  expect(sparkline([2, 2], 40)).toBe('▁▁');
  expect(sparkline([0, 2, 10, 12], 2)).toBe('▁█');
});
