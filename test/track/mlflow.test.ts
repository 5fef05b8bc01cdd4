/** A run for MLflow: a server that is not there is a warning, what it missed is sent later, and nothing twice. */
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resume, train } from '../../coordinator/local/train.js';
import { track } from '../../coordinator/training/track-run.js';
import type { RunConfigInput } from '../../src/config/input.js';
import { mlflowName, mlflowParameters } from '../../src/track/mlflow/mlflow-entries.js';
import { temporaryFolder } from '../support/folder.js';

interface Metric {
  readonly key: string;
  readonly value: number | string;
  readonly timestamp: number;
  readonly step: number;
}

/** What MLflow answers; the rules of its batches are looked at here. */
const seen = {
  metrics: [] as Metric[],
  params: [] as { key: string; value: string }[],
  files: [] as string[],
  states: [] as string[],
};
let isAway = true;
let server: Server;
let uri: string;
const folder = temporaryFolder();

function answer(url: string, method: string, text: string): object | undefined {
  if (method === 'PUT') {
    seen.files.push(url.replace('/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/', ''));
    return {};
  }
  const body = text === '' ? {} : JSON.parse(text);
  if (url.includes('get-by-name')) return undefined;
  if (url.endsWith('experiments/create')) return { experiment_id: '1' };
  if (url.endsWith('runs/create'))
    return { run: { info: { run_id: 'r1', artifact_uri: 'mlflow-artifacts:/1/r1/artifacts' } } };
  if (url.endsWith('runs/update')) seen.states.push(body.status);
  for (const metric of body.metrics ?? []) {
    expect([Number.isInteger(metric.step), Number.isInteger(metric.timestamp)]).toEqual([true, true]);
    seen.metrics.push(metric);
  }
  expect([body.metrics?.length ?? 0, body.params?.length ?? 0].every((n, i) => n <= [1000, 100][i])).toBe(true);
  seen.params.push(...(body.params ?? []));
  return {};
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request.setEncoding('latin1')) text += part;
    if (isAway) return response.writeHead(503).end('<p>away');
    // As servers before MLflow 3, which know no models by themselves.
    if (request.url!.includes('logged-models')) return response.writeHead(404).end('<h1>Not Found</h1>');
    const found = answer(request.url!, request.method!, text);
    if (found) return response.end(JSON.stringify(found));
    return response.writeHead(404).end(JSON.stringify({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'none' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

it('sends all of a run that was interrupted, taken up again without a server, and sent afterwards, once', async () => {
  const config = {
    name: 'sent',
    data: { source: 'digits', examples: 200, validation: 0.2, test: 0.2 },
    model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    training: { epochs: 3, batchSize: 20, logEvery: 1 },
    checkpoint: { everySteps: 2, keep: 9 },
    track: { mlflow: { uri } },
  } as RunConfigInput;
  isAway = false;
  await train(config, { threads: 1, steps: 9, out: folder });
  const run = join(folder, 'sent-1');
  expect(seen.states.at(-1)).toBe('KILLED');
  // Steps 9 and more are taken again.
  rmSync(join(run, 'checkpoints', 'step-00000009'), { recursive: true });
  isAway = true;
  const warnings: string[] = [];
  const report = (event: { event: string; message?: string }) =>
    event.event === 'warning' && warnings.push(event.message!);
  await resume(run, { threads: 1, report });
  expect(warnings).toEqual([
    `track.mlflow: ${uri}: the answer was 503; npx lockstep track ${run} sends what is missing there`,
  ]);
  await expect(track(run)).rejects.toMatchObject({
    code: 'LOCKSTEP_OUTPUT',
    problem: 'track.mlflow: the answer was 503',
  });
  isAway = false;
  expect(await track(run)).toEqual({ uri, experiment: 'lockstep', hadAll: false });
  expect(await track(run)).toMatchObject({ hadAll: true });
  expect(seen.states.at(-1)).toBe('FINISHED');
  // A run that goes on has another end, of which a server that was away has nothing.
  isAway = true;
  await resume(run, { threads: 1, set: ['training.epochs=4'] });
  isAway = false;
  expect(await track(run)).toMatchObject({ hadAll: false });
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const of = (key: string) =>
    seen.metrics.filter((metric) => metric.key === key).map(({ step, value }) => [step, value]);
  const logged = (kind: string) => lines.filter(({ event }) => event === kind);
  expect(of('step/loss')).toEqual(logged('step').map(({ step, loss }) => [step, loss]));
  expect(of('validation/accuracy')).toEqual(logged('epoch').map(({ step, validation }) => [step, validation.accuracy]));
  expect(of('test/accuracy')).toEqual([
    [18, expect.any(Number)],
    [24, logged('end').at(-1).test.accuracy],
  ]);
  expect(seen.params.find(({ key }) => key === 'training.batchSize')?.value).toBe('20');
  expect(seen.files).toEqual(
    expect.arrayContaining(['config.yaml', 'model/model.json', 'best/model.json', 'onnx/MLmodel']),
  );
});

it('gives names that MLflow takes', () => {
  expect(mlflowName('validation/recall(ü)=50%\n')).toBe('validation/recall____50__');
  expect(mlflowName('/a//b/../c')).toMatch(/^_/);
  expect(mlflowName('x'.repeat(999))).toHaveLength(250);
  expect(
    mlflowParameters([
      ['a(', '1'],
      ['a)', '2'],
      ['b', `"${'y'.repeat(7000)}"`],
    ]),
  ).toEqual([
    { key: 'a_', value: '1' },
    { key: 'b', value: 'y'.repeat(6000) },
  ]);
});
