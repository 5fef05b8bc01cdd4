/** Numbers that are told to people have their thousands apart: each count of each event, in lines, tables and the live line. */
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { workerLine } from '../../cli/worker-text.js';
import type { RunEvent } from '../../src/report/events.js';
import { plainReporter } from '../../src/report/plain.js';
import { terminalReporter } from '../../src/report/terminal.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';

const n = 1_234_567;
const rates = { examplesPerSecond: n, tokensPerSecond: n };
const hex = 'a'.repeat(64);
const worker = {
  ...{ id: 1, name: 'a', address: 'here', threads: n, state: 'active', examplesPerSecond: n, share: 1, roundTrip: n },
  ...{
    optimizerBytes: n,
    shards: n,
    steps: n,
    computeSeconds: n,
    exchangeSeconds: 1e8,
    updateSeconds: 59,
    timesLost: n,
  },
  ...{ bytesSent: 1e13, bytesReceived: n },
};
const prepared = { reading: 1e8, compiling: n };
const counts = { epochs: n, steps: n, threads: n, shards: n, batchSize: n, training: n, validation: n, test: n };
const local = { steps: n, replicas: n, parts: n, overlap: n, quantize: null };

const events: RunEvent[] = [
  {
    ...{ event: 'start', name: 'x', folder: 'x', data: 'x', engine: 'onnx', seed: 1, prepared, ...counts },
    ...{ parameters: 2 * n, trainable: n, buckets: { places: [n], graphs: n }, resumed: { step: n, checkpoint: 'x' } },
  },
  { event: 'listening', url: 'x', join: null, local: true, note: null, minimum: n },
  { event: 'waiting', step: n, present: n, minimum: 2 * n, away: [] },
  { event: 'world', workers: [worker], bytesSent: n, bytesReceived: n },
  { event: 'worker', change: 'active', name: 'a', address: 'here', step: n, reason: null },
  { event: 'transfer', name: 'a', what: 'data', bytes: 1e12, total: 1e12 },
  { event: 'progress', epoch: n, epochs: 2 * n, step: n, steps: 2 * n, loss: 0.5, secondsLeft: 1e8, ...rates },
  { event: 'epoch', epoch: n, step: n, loss: 0.5, validation: { loss: 0.5 }, seconds: 1e8, best: true, ...rates },
  {
    ...{ event: 'summary', steps: n, bytesPerStep: 1e13, fewestBytesPerStep: 1e13, hosts: n, bytesBetweenHosts: 1e13 },
    ...{ workers: [worker, worker], reproducible: true, precision: 'float32', rank: 4, sums: 'tree' },
    ...{ optimizerState: 'sharded', local },
  },
  {
    ...{ event: 'end', validation: null, test: null, model: 'x', best: null, sha256: hex, seconds: 1e8, ...rates },
    ...{ interrupted: false, steps: n, epochs: n, bestEpoch: n, stoppedEarly: true, restored: true, resume: null },
    ...{ skippedSteps: n },
  },
];

/** What a stream of these columns is shown of all events. */
function shown(columns: number | undefined): string {
  let text = '';
  const stream = new Writable({
    write: (chunk, _, done) => {
      text += chunk;
      done();
    },
  });
  const terminal = Object.assign(stream, { columns, isTTY: true, cursorTo() {}, clearLine() {}, moveCursor() {} });
  let now = 0;
  const report =
    columns === undefined
      ? plainReporter(stream, () => {
          now += 60_000;
          return now;
        })
      : terminalReporter(terminal as unknown as NodeJS.WriteStream);
  for (const event of events) report(event);
  return stripVTControlCharacters(text);
}

/** Digits behind a point are not counted in thousands. */
const together = /(?<![\d.])\d{4,}.*/;

it.each([undefined, 200])('in all that a run tells, at %s columns', (columns) => {
  const text = shown(columns);
  expect(text).toContain('epoch 1,234,567/2,469,134'.slice(columns ? 6 : 0));
  expect(text).toContain('1,234,567 beside an exchange');
  expect(text).toContain('1,234,567.0 ms');
  expect(text).toContain('27,777 h 46 min');
  expect(text).toMatch(/1,234,567\/2,469,134\D/);
  expect(together.exec(text)?.[0]).toBeUndefined();
});

it('in all that a worker tells', () => {
  const told: WorkerProgramEvent[] = [
    { event: 'connecting', url: 'x', reason: null, seconds: 1e8, timeout: 1e8 },
    { event: 'joined', url: 'x', id: 1, name: 'a', threads: n },
    { event: 'transfer', what: 'data', bytes: 0, total: 1e12 },
    { event: 'working', step: n },
    { event: 'end', reason: 'x', outcome: 'over', steps: n, seconds: 1e8 },
  ];
  const text = told.map(workerLine).join('');
  expect(text).toContain('working from step 1,234,567');
  expect(together.exec(text)?.[0]).toBeUndefined();
});
