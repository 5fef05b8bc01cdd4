/** The server of `lockstep ui`: what it tells of runs, whom it tells, and that nobody can hold it up. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get as ask, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockRun } from '../../src/report/run-lock.js';
import { watchRequests } from '../../src/report/run-request.js';
import { type RunServer, serveRuns } from '../../src/ui/serve-runs.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/folder.js';

const token = 'a token of tests';
const markup = '<img src=x onerror=alert(1)>';
const folder = temporaryFolder();
const run = join(folder, 'a-1');
const metrics = join(run, 'metrics.jsonl');
let server: RunServer;

const stepLine = (step: number, loss: number | string) =>
  `${JSON.stringify({ event: 'step', epoch: 1, step, loss, learningRate: 0.1, gradientNorm: 1, lossScale: 4, examplesPerSecond: 9 })}\n`;

beforeAll(async () => {
  mkdirSync(run);
  writeFileSync(
    join(run, 'config.yaml'),
    `name: a\ntraining: { epochs: 2, batchSize: 8, monitor: loss }\nloss: ${markup}\n`,
  );
  // A wave, with one peak and one number that is none.
  const losses = Array.from({ length: 5000 }, (_, i) => (i === 1234 ? 77 : i === 99 ? 'Infinity' : Math.sin(i / 50)));
  writeFileSync(metrics, losses.map((loss, i) => stepLine(i + 1, loss)).join(''));
  appendFileSync(
    metrics,
    `${JSON.stringify({ event: 'epoch', epoch: 1, step: 5000, loss: 1, validation: { loss: 0.25 }, best: true })}\n`,
  );
  appendFileSync(metrics, `no JSON ${markup}\n{"event":"step","st`);
  server = await serveRuns({ folder, host: '127.0.0.1', port: 0, token });
});
afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** `fetch` would not send another Host or Origin. */
function asked(path: string, headers: Record<string, string> = {}, method = 'GET', base = server.url): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = ask(`${base}${path}`, { headers, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    request.on('error', reject).end();
  });
}

const read = async (path: string) => JSON.parse((await asked(path)).text);
const curveOf = (query = '') => read(`api/curve?run=a-1&${query}`);
const bearer = { authorization: `Bearer ${token}` };

describe('curves', () => {
  it('are made small, with each extreme kept, and what is not finite as a gap', async () => {
    const { step, series, notFinite, rows, epochs, batchSize, summary } = await curveOf('points=100');
    expect(summary).toMatchObject({ step: 5000, epoch: 1 });
    expect([step.length, series.loss.length, rows, batchSize]).toEqual([99, 99, 5000, 8]);
    expect([step.at(-1), series.loss.at(-1)]).toEqual([5000, expect.closeTo(Math.sin(4999 / 50), 6)]);
    expect(step).toEqual(step.toSorted((a: number, b: number) => a - b));
    expect(Math.max(...series.loss)).toBe(77);
    expect(Math.min(...series.loss)).toBeCloseTo(-1, 3);
    expect(notFinite.loss).toBe(1);
    expect([series.learningRate[50], series.gradientNorm[50], series.lossScale[50]]).toEqual([0.1, 1, 4]);
    expect(epochs).toMatchObject([{ epoch: 1, step: 5000, validation: { loss: 0.25 } }]);
  });

  it('are whole where a part is asked for that has room', async () => {
    const { step, series } = await curveOf('from=95&to=105&points=100');
    // One more on each side.
    expect(step).toEqual([94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106]);
    expect(series.loss[6]).toBe(null);
    expect(series.loss[5]).toBeCloseTo(Math.sin(98 / 50), 6);
  });

  it('go on with what is appended, and begin anew where a resumed run was cut back', async () => {
    const before = readFileSync(metrics);
    writeFileSync(metrics, Buffer.concat([before, Buffer.from('ep":7}\n'), Buffer.from(stepLine(5001, 0.5))]));
    expect((await curveOf('points=10')).step.at(-1)).toBe(5001);
    writeFileSync(metrics, before.subarray(0, before.indexOf('{"event":"step","epoch":1,"step":11,')));
    appendFileSync(metrics, stepLine(11, 0.125));
    const { step, series } = await curveOf();
    expect([step.length, series.loss.at(-1)]).toEqual([11, 0.125]);
    // A line of more than a megabyte is none of ours; what follows is.
    appendFileSync(metrics, `{"event":"step","step":12,"loss":"${'9'.repeat(1_200_000)}`);
    expect((await curveOf()).step.at(-1)).toBe(11);
    appendFileSync(metrics, `"}\n${stepLine(13, 0.5)}`);
    expect((await curveOf()).step.slice(-2)).toEqual([11, 13]);
    writeFileSync(metrics, before);
  });
});

describe('the list', () => {
  it('has state, best value and keys that differ, once somebody looks', async () => {
    const other = join(folder, 'b-1');
    mkdirSync(other);
    writeFileSync(join(other, 'config.yaml'), 'name: b\ntraining: { epochs: 3, batchSize: 8 }\n');
    const lines: string[] = [];
    const stream = ask(`${server.url}api/events`, (response) => {
      response.setEncoding('utf8').on('data', (part: string) => lines.push(part));
    });
    await eventually('a change', () => lines.join('').includes('event: change'));
    expect(lines[0]).toMatch(/retry: 2000\n\nid: \w+-0\nevent: reset/);
    expect(JSON.parse(/event: change\ndata: (.*)/.exec(lines.join(''))![1])).toEqual(
      expect.arrayContaining(['a-1', 'b-1']),
    );
    const listed = async () => (await read('api/runs')).runs.find(({ name }: { name: string }) => name === 'a-1');
    await expect.poll(async () => (await listed()).summary).not.toBe(null);
    expect((await listed()).summary).toMatchObject({
      state: 'broken off',
      step: 5000,
      epochs: 2,
      best: { metric: 'loss', value: 0.25 },
    });
    await expect.poll(async () => (await read('api/runs')).keys).toContain('training.epochs');
    // A longer curve is told as that alone: there is nothing else to ask for.
    await eventually('curves', () => lines.join('').includes('event: grown'));
    const { length } = lines.join('');
    appendFileSync(metrics, stepLine(5001, 0.1));
    await eventually('more of a curve', () => lines.join('').slice(length).includes('event: grown\ndata: ["a-1"]'));
    expect(lines.join('').slice(length)).not.toContain('event: change');
    expect((await listed()).summary.step).toBe(5001);
    // What came while it was away is told to a page that comes back.
    const [, id] = /id: (\w+-1)\n/.exec(lines.join(''))!;
    stream.destroy();
    const again: string[] = [];
    const back = ask(`${server.url}api/events`, { headers: { 'last-event-id': id } }, (response) => {
      response.setEncoding('utf8').on('data', (part: string) => again.push(part));
    });
    await eventually('the stream', () => again.length > 0);
    expect(again.join('')).not.toContain('reset');
    back.destroy();
  });
});

describe('a stranger', () => {
  const own = () => new URL(server.url).host;

  it.each([
    ['another name in Host', () => ({ host: 'evil.example' })],
    ['another origin', () => ({ host: own(), origin: 'http://evil.example' })],
    ['an origin that is none', () => ({ host: own(), origin: 'null' })],
    ['another port of this machine', () => ({ host: own(), origin: 'http://127.0.0.1:1' })],
    [
      'another site, as browsers tell',
      () => ({ host: own(), 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }),
    ],
  ])('with %s reads nothing and stops nothing, even with the token', async (_, headers) => {
    for (const [path, method] of [
      ['api/runs', 'GET'],
      ['api/stop?run=a-1', 'POST'],
      ['', 'GET'],
    ] as const) {
      expect((await asked(path, { ...headers(), ...bearer } as Record<string, string>, method)).status).toBe(403);
    }
  });

  it('does nothing without the token', async () => {
    expect((await asked('api/stop?run=a-1', {}, 'POST')).status).toBe(401);
    expect((await asked('api/stop?run=a-1', { authorization: 'Bearer wrong' }, 'POST')).status).toBe(401);
    expect((await asked('api/stop?run=a-1')).status).toBe(404);
  });

  it.each(['..', '../a-1', 'a-1/..', '.', '', 'nothing', '%2e%2e'])('finds no run of the name %j', async (name) => {
    for (const path of ['curve', 'run']) expect((await asked(`api/${path}?run=${name}`)).status).toBe(404);
    expect((await asked(`api/report?run=a-1&name=${name}`)).status).toBe(404);
  });

  it('reads nothing without the token where others than this machine can connect', async () => {
    const open = await serveRuns({ folder, host: '0.0.0.0', port: 0, token });
    try {
      expect(open.isLocal).toBe(false);
      const base = open.url.replace('0.0.0.0', '127.0.0.1');
      expect((await asked('api/runs', {}, 'GET', base)).status).toBe(401);
      expect((await asked('', {}, 'GET', base)).status).toBe(200);
      const session = await asked('api/session', bearer, 'POST', base);
      const [cookie] = session.headers['set-cookie']!;
      expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Path=\/$/);
      const shown = { cookie: cookie.split(';')[0] };
      expect((await asked('api/runs', shown, 'GET', base)).status).toBe(200);
      // The cookie, which a browser sends by itself, stops nothing.
      expect((await asked('api/stop?run=a-1', shown, 'POST', base)).status).toBe(401);
      expect((await asked('api/runs', { cookie: `lockstep-ui=${'0'.repeat(64)}` }, 'GET', base)).status).toBe(401);
    } finally {
      await open.close();
    }
  });
});

it('asks a run that is trained for what somebody wants who has the token, and no other', async () => {
  expect((await asked('api/stop?run=a-1', bearer, 'POST')).status).toBe(409);
  const lock = lockRun(run);
  const answers: string[] = [];
  const unwatch = watchRequests(run, (request) => answers.push(request));
  try {
    expect((await asked('api/checkpoint?run=a-1', bearer, 'POST')).status).toBe(202);
    await eventually('the request', () => answers.length > 0);
    expect((await asked('api/stop?run=a-1', bearer, 'POST')).status).toBe(202);
    await eventually('the other request', () => answers.length > 1);
    expect(answers).toEqual(['checkpoint', 'stop']);
  } finally {
    unwatch();
    lock.release();
  }
});

it('serves the page and reports so that nothing is loaded from elsewhere, and a report runs nothing', async () => {
  writeFileSync(join(run, 'report.html'), `<p>${markup}<script>alert(1)</script>`);
  const policy = (await asked('')).headers['content-security-policy'];
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  const report = await asked('api/report?run=a-1&name=report.html');
  expect(report.headers['content-security-policy']).toMatch(/^sandbox; default-src 'none';/);
  expect(report.headers['x-content-type-options']).toBe('nosniff');
  const framed = await asked('api/report?run=a-1&name=report.html', { 'sec-fetch-dest': 'iframe' });
  expect(framed.headers['content-security-policy']).toBe(
    (report.headers['content-security-policy'] as string).replace('sandbox', 'sandbox allow-same-origin'),
  );
  expect((await asked('api/report?run=a-1&name=config.yaml')).status).toBe(404);
  // What texts bring along is JSON to the page.
  const { headers, text } = await asked('api/run?run=a-1');
  expect([headers['content-type'], JSON.parse(text).keys.loss]).toEqual(['application/json', markup]);
});

it('goes on while a thousand connect, and some never read', async () => {
  const sockets = Array.from({ length: 1000 }, () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket
      .on('error', () => {})
      .on('connect', () => socket.write('GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'));
    return socket.pause();
  });
  try {
    await eventually('all to have come', () => sockets.every(({ connecting }) => !connecting));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await expect.poll(async () => (await asked('api/runs').catch(() => ({ status: 0 }))).status).toBe(200);
});
