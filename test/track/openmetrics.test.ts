/** OpenMetrics of a run: what is served, to whom, and that names of anybody are labels and nothing else. */
import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunEvent } from '../../src/report/events.js';
import { type ServedMetrics, serveMetrics } from '../../src/track/openmetrics/serve.js';

const evil = 'a"b\\c\nlockstep_step{run="x"} 666\n# EOF';
const worker = (change: 'joined' | 'active' | 'lost', name: string, reason: string | null = null): RunEvent => ({
  ...{ event: 'worker', change, name, address: '', step: 0, reason },
});
let metrics: ServedMetrics;
beforeAll(async () => {
  metrics = await serveMetrics({ port: 0 });
});
afterAll(() => metrics.close());

/** As the host is named. */
function get(
  path: string,
  host = 'localhost',
  method = 'GET',
): Promise<{ status?: number; type?: string; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, metrics.url), { headers: { host }, method }, async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve({ status: response.statusCode, type: response.headers['content-type'], text });
    });
    asked.on('error', reject).end();
  });
}
const lines = async () => (await get('/metrics')).text.split('\n');

it('has no values before the run starts', async () => {
  metrics.report(worker('joined', 'early'));
  expect((await lines()).filter((line) => line.startsWith('lockstep_'))).toEqual([]);
});

it('tells what a run has told, with what came before its start', async () => {
  const start = {
    event: 'start',
    folder: `runs/${evil}-1`,
    name: evil,
    engine: 'onnx',
    steps: 30,
    epochs: 3,
    threads: 1,
  };
  metrics.report(start as RunEvent);
  const speed = { examplesPerSecond: Number.NaN, secondsLeft: 1 };
  metrics.report({ event: 'progress', epoch: 2, epochs: 3, step: 4, steps: 10, loss: 0.5, ...speed });
  metrics.report(worker('active', 'one'));
  metrics.report(worker('lost', 'one', 'while computing shards 0-1 of step 15: no sign of life for 3.0 s'));
  metrics.report(worker('lost', 'two', 'while joining: the connection was closed'));
  metrics.report(worker('lost', 'three', 'while exchanging: its total gradient has the squared norm 8'));
  metrics.report({ event: 'world', workers: [], bytesSent: 70, bytesReceived: 50 });
  metrics.report({ event: 'world', workers: [], bytesSent: 90, bytesReceived: 60 });
  const { status, type, text } = await get('/metrics');
  expect([status, type]).toEqual([200, 'application/openmetrics-text; version=1.0.0; charset=utf-8']);
  const run = 'a\\"b\\\\c\\nlockstep_step{run=\\"x\\"} 666\\n# EOF-1';
  const has = (line: string) => expect(text.split('\n')).toContain(line);
  has(`lockstep_step{run="${run}"} 14`);
  has(`lockstep_loss{run="${run}"} 0.5`);
  has(`lockstep_workers_joined_total{run="${run}"} 1`);
  for (const reason of ['silent', 'connection', 'violation']) {
    has(`lockstep_workers_lost_total{run="${run}",reason="${reason}"} 1`);
  }
  has(`lockstep_sent_bytes_total{run="${run}"} 90`);
  has(`lockstep_received_bytes_total{run="${run}"} 60`);
  has(`lockstep_world_size{run="${run}"} 0`);
  expect(text).not.toContain('lockstep_examples_per_second{');
  expect(text.endsWith('\n# EOF\n')).toBe(true);
  expect(text.match(/^# EOF/gm)).toHaveLength(1);
});

it('answers nobody who came by another name, and nothing but GET /metrics', async () => {
  expect((await get('/metrics', 'evil.example')).status).toBe(403);
  expect((await get('/metrics', 'localhost.evil.example:80')).status).toBe(403);
  expect((await get('/metrics', '[::1]:9464')).status).toBe(200);
  expect((await get('/other')).status).toBe(404);
  expect((await get('/metrics', 'localhost', 'POST')).status).toBe(405);
});

it('says where it cannot listen, and what to do', async () => {
  const port = Number(new URL(metrics.url).port);
  await expect(serveMetrics({ port })).rejects.toMatchObject({
    code: 'LOCKSTEP_CONFIG',
    problem: expect.stringContaining(`--metrics-port ${port}: cannot listen on 127.0.0.1`),
  });
});
