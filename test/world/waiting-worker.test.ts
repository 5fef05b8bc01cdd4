/** What a worker says of a coordinator that it does not reach: where it tries, and why in vain, each once. */
import { expect, it } from 'vitest';
import { workerLine } from '../../cli/worker-text.js';
import { work } from '../../worker/worker.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { freePort } from '../support/free-port.js';

it.each(['127.0.0.1', 'ws://127.0.0.1', 'ws://localhost'])('says the address %s once', async (host) => {
  const url = `${host}:${await freePort()}`;
  const leave = new AbortController();
  const told: WorkerProgramEvent[] = [];
  const report = (event: WorkerProgramEvent) => {
    told.push(event);
    if (event.event === 'connecting') leave.abort();
  };
  await work({ url, threads: 1, timeout: 60, signal: leave.signal, report });
  const line = workerLine(told[0]);
  const place = url.replace('ws://', '');
  expect(line.split(place)).toHaveLength(2);
  expect(line).toContain(`waiting for the coordinator at ${url}: cannot connect (`);
  expect(line).toMatch(/ECONNREFUSED/);
});

it('says an address that a name led to', () => {
  const reason = 'cannot connect to trainer:7474 (connect ECONNREFUSED 10.0.0.1:7474)';
  const line = workerLine({ event: 'connecting', url: 'trainer:7474', reason, seconds: 0, timeout: 0 });
  expect(line).toBe(
    'waiting for the coordinator at trainer:7474: cannot connect (connect ECONNREFUSED 10.0.0.1:7474)\n',
  );
});
