/** The stream of changes: who reads too slowly is let go before much waits for it, and others miss nothing. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EventStreams } from '../../src/ui/event-streams.js';
import { eventually } from '../support/eventually.js';

const streams = new EventStreams();
const answers: ServerResponse[] = [];
const server = createServer((request, response) => {
  answers.push(response);
  streams.accept(request, response);
});
beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
afterAll(async () => {
  streams.close();
  server.closeAllConnections();
  server.close();
});

async function listener(more = ''): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const { length } = answers;
  socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`);
  await eventually('the answer', () => answers.length > length);
  return socket;
}

it('lets go who does not read, with no more waiting than its bound, and tells the others all', async () => {
  const slow = (await listener()).pause();
  const reading = await listener();
  let text = '';
  reading.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const [toSlow] = answers;
  const names = Array.from({ length: 150 }, (_, i) => `run-${i}-${'x'.repeat(250)}`);
  const size = JSON.stringify(names).length;
  let [told, most] = [0, 0];
  // What the system itself takes for a connection comes first: some megabytes.
  while (!toSlow.destroyed && told < 2000) {
    streams.tell('change', names);
    told++;
    most = Math.max(most, toSlow.writableLength);
    await turn();
  }
  expect(toSlow.destroyed).toBe(true);
  expect(most).toBeLessThan((1 << 18) + 2 * size);
  expect(told * size).toBeGreaterThan(1 << 18);
  await eventually('the last change', () => text.includes(`-${told}\nevent: change`));
  const ids = [...text.matchAll(/id: \w+-(\d+)\nevent: change/g)].map(([, id]) => Number(id));
  expect(ids).toEqual(Array.from({ length: told }, (_, i) => i + 1));
  expect(streams.isHeard).toBe(true);
  slow.destroy();
  reading.destroy();
  await eventually('nobody to listen', () => !streams.isHeard);
});
