/** A coordinator that means harm: the worker says what was wrong and ends the connection, and its machine is as it was. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join as joined } from 'node:path';
import { expect, it } from 'vitest';
import { StepCount } from '../../src/pool/step-count.js';
import type { Connection } from '../../src/wire/connection.js';
import { encodeControl } from '../../src/wire/frame.js';
import type { Message } from '../../src/wire/messages.js';
import { webSocket } from '../../src/wire/websocket/websocket.js';
import { Holdings } from '../../worker/holdings.js';
import { Membership } from '../../worker/membership.js';
import { Peers } from '../../worker/peers.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { host, join, later } from '../support/connections.js';
import { eventually } from '../support/eventually.js';
import { newFolders } from '../support/folder.js';
import { samples } from '../support/messages.js';
import { rubbish } from '../support/rubbish.js';
import { inTwo } from '../support/slab-frames.js';
import { dice } from '../support/strangers.js';

const newFolder = newFolders();

/** A worker's end of a connection, and the coordinator's, with what it is told there. */
async function serving(cache = newFolder()) {
  const { url, next } = await host();
  const [{ connection: near }, { connection: far }] = await Promise.all([next(), join(url)]);
  const events: WorkerProgramEvent[] = [];
  const report = (event: WorkerProgramEvent) => events.push(event);
  const told: Message[] = [];
  const failed = later<Message>();
  near.handle({
    message(message) {
      told.push(message);
      if (message.kind === 'failed') failed.resolve(message);
    },
    slab() {},
    blob() {},
    closed() {},
  });
  const peers = new Peers(
    { transport: webSocket, host: '127.0.0.1', port: 0, token: '', secure: true },
    { slab() {}, landing: () => undefined, changed() {}, lost: (id) => lost.push(id) },
  );
  peers.join(5, 10);
  const lost: number[] = [];
  const holdings = new Holdings(cache, 1e6, undefined, report);
  const parts = { id: 5, name: 'w', threads: 1, holdings, peers, kept: {}, count: new StepCount(), report };
  const membership = new Membership(far, parts);
  const ended = membership.ended.catch((error: Error) => error);
  return { near, ended, failed: failed.promise, told, cache, lost };
}

const transfer = (change: object): Message => ({ ...samples.transfer, ...change });
const chunk = (near: Connection, bytes: Uint8Array) => near.sendBlob(1, { length: bytes.length, read: () => bytes });

it('work before there is a job ends the connection', async () => {
  for (const kind of ['compute', 'allReduce', 'commit', 'evaluate'] as const) {
    const { near, ended } = await serving();
    near.send(samples[kind]);
    expect(await ended, kind).toMatchObject({ problem: expect.stringMatching(/work came before the job/) });
  }
});

it('what only workers say ends the connection', async () => {
  const { near, ended } = await serving();
  near.send(samples.computed);
  expect(await ended).toMatchObject({ problem: expect.stringMatching(/a coordinator does not send computed/) });
});

it('transfers of sizes that cannot be end the connection before memory is taken', async () => {
  const sizes: [object, RegExp][] = [
    [{ what: 'job', bytes: 2 ** 40 }, /transfer job: 1099511627776 bytes, more than/],
    [{ what: 'job', bytes: 0 }, /it has no bytes/],
    [{ what: 'rows', bytes: 2 ** 33 }, /work came before the job/],
    [{ what: 'state', bytes: 2 ** 33 }, /work came before the job/],
    [
      { what: 'data', bytes: 2 ** 50, sha256: 'ab'.repeat(32) },
      /the data have .* more than the 1 MB that may be held in memory/,
    ],
    [{ what: 'data', bytes: 100, sha256: '../../../x' }, /is no SHA-256/],
  ];
  for (const [change, problem] of sizes) {
    const { near, ended, cache } = await serving();
    near.send(transfer(change));
    expect(await ended).toMatchObject({ problem: expect.stringMatching(problem) });
    expect(readdirSync(cache)).toEqual([]);
  }
});

it('a job that is none, or another than announced, ends the connection', async () => {
  const bytes = Uint8Array.of(0xd4, 0x78, 0);
  for (const sha256 of ['cd'.repeat(32), '1f8d6b2b6b0b6c5d']) {
    const { near, ended } = await serving();
    near.send(transfer({ transfer: 1, what: 'job', bytes: 3, sha256 }));
    await chunk(near, bytes);
    expect(await ended).toMatchObject({ problem: expect.stringMatching(/SHA-256/) });
  }
  const { near, ended } = await serving();
  near.send(transfer({ transfer: 1, what: 'job', bytes: 3, sha256: '' }));
  await chunk(near, bytes);
  expect(await ended).toMatchObject({ problem: expect.stringMatching(/job: holds a value of type 0xd4/) });
});

it('names of data sets lead to nothing but data sets', async () => {
  const root = newFolder();
  const cache = joined(root, 'cache');
  mkdirSync(cache);
  const file = joined(root, 'precious.data');
  writeFileSync(file, 'not a data set');
  const { near, failed } = await serving(cache);
  near.send({ kind: 'useData', sha256: '../precious' });
  expect(await failed).toMatchObject({ message: expect.stringMatching(/is not in the cache/) });
  expect(existsSync(file) && readFileSync(file, 'utf8')).toBe('not a data set');
  expect([readdirSync(root).sort(), readdirSync(cache)]).toEqual([['cache', 'precious.data'], []]);
});

it('under TLS no peer is called in the clear', async () => {
  const { near, told, lost } = await serving();
  const { listener } = await host();
  near.send({ kind: 'world', members: [{ id: 1, peer: `ws://127.0.0.1:${listener.port}` }] });
  near.send({ kind: 'ping', time: 0 });
  near.send({ kind: 'world', members: [{ id: 2, peer: 'wss://127.0.0.1:1' }] });
  // It is called, and nobody answers.
  await eventually('a peer that is lost', () => lost.length > 0);
  expect(lost).toEqual([2]);
  expect(told.filter(({ kind }) => kind === 'linked')).toEqual([
    { kind: 'linked', ids: [] },
    { kind: 'linked', ids: [] },
  ]);
});

it('1,000 frames of rubbish end connections, and nothing else', async () => {
  const roll = dice(11);
  const cache = newFolder();
  let ends = 0;
  for (let i = 0; i < 500; i++) {
    const { near, ended } = await serving(cache);
    // `write` takes what no honest coordinator sends.
    near.sendSlab(inTwo(rubbish(roll, i)));
    near.sendSlab(inTwo(rubbish(roll, 3 * i)));
    near.sendSlab(inTwo(encodeControl(samples.computed)));
    if ((await ended) !== undefined) ends++;
  }
  expect(ends).toBe(500);
  expect(readdirSync(cache)).toEqual([]);
});
