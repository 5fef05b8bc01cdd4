/** Workers that come one after the other: one table once nobody else has come for a moment. */
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { RunEvent } from '../../src/report/events.js';
import { plainReporter } from '../../src/report/plain.js';

const rates = { examplesPerSecond: 100 };
const progress: RunEvent = {
  ...{ event: 'progress', epoch: 1, epochs: 2, step: 1, steps: 9, loss: 1, secondsLeft: 9 },
  ...rates,
};
const epoch: RunEvent = {
  ...{ event: 'epoch', epoch: 1, step: 9, loss: 1, validation: null, seconds: 1, best: false },
  ...rates,
};
const world = (workers: number): RunEvent => ({
  ...{ event: 'world', bytesSent: 0, bytesReceived: 0 },
  workers: Array.from({ length: workers }, (_, id) => ({
    ...{ id, name: `rack${id}`, address: 'x', threads: 1, state: 'active', share: 0, roundTrip: null },
    ...{ examplesPerSecond: null, optimizerBytes: 0 },
  })),
});

function told() {
  let now = 0;
  const stream = new PassThrough();
  const report = plainReporter(stream, () => now);
  const rows = () => [...String(stream.read() ?? '').matchAll(/^(worker|rack\d) /gm)].map(([, title]) => title);
  return { report, rows, wait: (milliseconds: number) => (now += milliseconds) };
}

it('eight that come within a moment are one table', () => {
  const { report, rows, wait } = told();
  for (let workers = 1; workers <= 8; workers++) {
    report(world(workers));
    report(progress);
    wait(200);
  }
  expect(rows()).toEqual([]);
  wait(800);
  report(progress);
  report(progress);
  expect(rows()).toEqual(['worker', ...Array.from({ length: 8 }, (_, id) => `rack${id}`)]);
});

it('stand before the line of their epoch, however short it was, and once', () => {
  const { report, rows } = told();
  report(world(2));
  report(epoch);
  report(world(2));
  report(epoch);
  expect(rows()).toEqual(['worker', 'rack0', 'rack1']);
});
