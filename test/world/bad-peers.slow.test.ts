/** Strangers, broken programs and workers that mean harm, against a run that goes on: it stays up, small, and right. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resume } from '../../coordinator/local/train.js';
import { sealSlab } from '../../src/reduce/slab-frame.js';
import type { Connection } from '../../src/wire/connection.js';
import { encodeControl } from '../../src/wire/frame.js';
import type { Message } from '../../src/wire/messages.js';
import { Cluster, type ClusterWorker, type Coordinator, clusterToken as token, urlOf } from '../support/cluster.js';
import { call } from '../support/connections.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { slowly } from '../support/faults.js';
import { writeConfig } from '../support/folder.js';
import { samples } from '../support/messages.js';
import { rubbish, strangeSlab } from '../support/rubbish.js';
import { trained } from '../support/runs.js';
import { inTwo } from '../support/slab-frames.js';
import {
  crowd,
  dice,
  envelope,
  leave,
  Stranger,
  upgrade,
  type WorkerIdentity,
  workerIdentity,
} from '../support/strangers.js';
import { answerTo, betray, type Traitor, type Treason } from '../support/traitor.js';

// More epochs than there is time for: the run is interrupted when the last one has attacked.
const config = {
  name: 'attacked',
  seed: 5,
  data: { source: 'digits', examples: 600, validation: 0.2, test: 0.1 },
  model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  optimizer: { sgd: { learningRate: 0.05 } },
  training: { epochs: 100_000, batchSize: 60, shards: 4 },
  checkpoint: { everyEpochs: 1000 },
  // Long enough for an honest worker on a busy machine.
  cluster: { silence: 6 },
};
/** Megabytes that the coordinator may grow by, whatever comes. */
const room = 200;

const cluster = new Cluster();
let coordinator: Coordinator;
let honest: ClusterWorker;
/** What the honest worker calls instead of the coordinator. */
let slow: FaultProxy;
let url: string;
let port: number;
let identity: WorkerIdentity;
let before: number;
let sent = 0;

/** Most memory that the coordinator has had, in megabytes; where the system tells. */
function highWater(): number {
  if (process.platform !== 'linux') return 0;
  const status = readFileSync(`/proc/${coordinator.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
}

/** Epochs that are over. */
const epochs = () => coordinator.of('epoch').length;

beforeAll(async () => {
  identity = await workerIdentity('bad', 'membership');
  coordinator = cluster.coordinator(config);
  url = await urlOf(coordinator);
  port = Number(new URL(url).port);
  // Else it would take thousands of steps meanwhile, and two cores.
  slow = await FaultProxy.start(() => url, slowly(20));
  honest = cluster.worker(slow.url, { name: 'honest' });
  await coordinator.until('epoch', ({ epoch }) => epoch === 5);
  before = highWater();
});
afterAll(async () => {
  await cluster.close();
  await slow.close();
});

/** Loopback has many addresses, where it is Linux: a host is known by its own. */
const address = (n: number) => (process.platform === 'linux' ? `127.0.1.${n + 1}` : undefined);

describe('strangers', () => {
  it('send 2,000 frames of rubbish', async () => {
    const roll = dice(1);
    await crowd(1000, 40, async (i) => {
      const stranger = new Stranger(port);
      stranger.write(upgrade());
      await stranger.next();
      stranger.write(Buffer.concat([envelope(rubbish(roll, 2 * i)), envelope(rubbish(roll, 2 * i + 1))]));
      sent += 2;
      await leave(stranger);
    });
  });

  it('send what is no WebSocket, or breaks its rules', async () => {
    const roll = dice(2);
    const some = (length: number) => Buffer.from(Array.from({ length }, () => roll(256)));
    const body = encodeControl(samples.ping);
    const broken: (() => Uint8Array | string)[] = [
      () => some(1 + roll(2000)),
      () => 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      () => `POST / HTTP/1.1\r\nContent-Length: 1e9\r\n\r\n${'x'.repeat(1000)}`,
      () => `GET / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
      () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc',
      () => upgrade().replace('13', '99'),
      () => upgrade().replace('\r\n\r\n', '\r\nOrigin: http://evil.example\r\n\r\n'),
      // Reserved bits, unknown and text kinds, continuations and fragments.
      ...[0xc2, 0xa2, 0x83, 0x8b, 0x81, 0x80, 0x02].map((first) => () => join(upgrade(), envelope(body, first))),
      // Lengths beyond all reason, and no mask.
      () => join(upgrade(), Buffer.from([0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0])),
      () => join(upgrade(), Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x7f, 255, 255, 255, 0, 0, 0, 0])),
      () => join(upgrade(), Buffer.from([0x82, 0x05, 1, 2, 3, 4, 5])),
      () => join(upgrade(), envelope(Buffer.alloc(100_000))),
      () => join(upgrade(), Buffer.from([0x89, 0xfe, 0x01, 0x00])),
    ];
    await crowd(400, 40, async (i) => {
      const stranger = new Stranger(port);
      stranger.write(broken[i % broken.length]());
      await leave(stranger, 100);
    });
  });

  it('hold 1,000 connections half open, idle, or a byte at a time', async () => {
    const all = Array.from({ length: 1000 }, () => new Stranger(port));
    const words = upgrade();
    all.forEach((stranger, i) => {
      if (i % 4 === 1) stranger.write(words);
      if (i % 4 === 2) stranger.write(words.slice(0, 60));
    });
    const slow = all.filter((_, i) => i % 4 === 3);
    for (let at = 0; at < 20; at++) {
      for (const stranger of slow) if (!stranger.socket.destroyed) stranger.write(words[at]);
      // To be slow is what they do.
      await sleep(20);
    }
    // Somebody who knows the token gets in all the same, though others of the same host may push it out while they come.
    const enter = (left: number): Promise<Traitor> =>
      betray(url, token, { ...identity, membership: 'between' }, () => false).catch((error: Error) => {
        if (left === 0) throw error;
        return enter(left - 1);
      });
    const traitor = await enter(20);
    await traitor.active;
    traitor.connection.terminate();
    for (const stranger of all) stranger.socket.destroy();
  });
});

const join = (text: string, bytes: Uint8Array) => Buffer.concat([Buffer.from(text), bytes]);

describe('workers that know the token', () => {
  it('send 6,000 frames of rubbish, and those that cost something', async () => {
    const roll = dice(3);
    // Each host may lose so many workers and no more for now: the others are refused at the door.
    await crowd(250, 16, async (i) => {
      const stranger = new Stranger(port, address(i % 3));
      const frames = [encodeControl(samples.ping), strangeSlab(roll, 0), rubbish(roll, i), rubbish(roll, 9 * i)];
      sent += frames.length;
      await stranger.greet(
        token,
        { ...identity, membership: `s${i}` },
        Buffer.concat(frames.map((frame) => envelope(frame))),
      );
      await leave(stranger, 100);
    });
    const floods = [samples.ping, samples.peerLost, samples.linked, samples.reduced, samples.pong].map((message) =>
      envelope(encodeControl(message)),
    );
    const stranger = new Stranger(port);
    await stranger.greet(token, { ...identity, membership: 'flood' });
    for (const flood of floods) stranger.write(Buffer.concat(Array.from({ length: 1000 }, () => flood)));
    sent += 1000 * floods.length;
    stranger.write(envelope(encodeControl(samples.failed)));
    await stranger.gone;
  });

  const once = (kind: Message['kind'], act: (message: Message, connection: Connection) => void): Treason => {
    return (message, connection) => {
      if (message.kind !== kind) return false;
      act(message, connection);
      return true;
    };
  };
  const computed = (change: (answer: ReturnType<typeof answerTo>) => object): Treason =>
    once('compute', (message, connection) => {
      const answer = answerTo(message as Extract<Message, { kind: 'compute' }>);
      connection.send({ ...answer, ...change(answer) } as Message);
    });
  /** Sends `message` when it takes part. */
  const says = (message: Message): Treason => once('world', (_, connection) => connection.send(message));
  const slab = (header: object): Treason =>
    once('allReduce', (message, connection) => {
      const { round, attempt } = message as Extract<Message, { kind: 'allReduce' }>;
      const rest = { round, attempt, low: 0, high: 4, segment: 0, checksum: 1 };
      const sealed = sealSlab({ kind: 'partial', precision: 'float32', ...rest, ...header });
      connection.sendSlab({ header: sealed, payload: new Uint8Array(4 * 7856) });
    });
  const losesLinks = (id: number): Treason =>
    once('allReduce', (message, connection) => {
      const { round } = message as Extract<Message, { kind: 'allReduce' }>;
      for (let n = 0; n < 300; n++) connection.send({ ...samples.peerLost, id, round });
    });
  const treasons: Record<string, [treason: Treason, ends: RegExp]> = {
    'the sums of others': [computed(() => ({ nodes: [{ low: 0, high: 9 }] })), /other shards/],
    'a loss too many': [computed(({ losses }) => ({ losses: [...losses, 1] })), /losses of/],
    'losses without end': [computed(() => ({ losses: new Array(60_000).fill(0.5) })), /losses of/],
    'no losses': [computed(() => ({ losses: [] })), /0 losses of/],
    'rows that were not asked for': [
      computed(() => ({ used: [{ start: 0, rows: new Int32Array(999) }] })),
      /rows at place/,
    ],
    'another round': [computed(({ round }) => ({ round: round + 1 })), /of round/],
    'a time that is none': [computed(() => ({ milliseconds: Number.NaN })), /computed.milliseconds: NaN/],
    'an answer to nothing': [says(samples.computed), /computed: it was not asked for|of round|other shards/],
    'an evaluation of nothing': [says({ ...samples.evaluated, request: 1e6 }), /evaluated: it was not asked for/],
    'that it is ready again': [says(samples.ready), /ready: it was not asked for/],
    'a step of the future': [says({ ...samples.applied, round: 2 ** 31 }), /applied: round/],
    'a command': [says(samples.commit), /does not send commit/],
    'a transfer': [says(samples.transfer), /transfer: it was not asked for/],
    'that it is nobody': [says(samples.peerHello), /does not send peerHello/],
    'shards of others': [slab({ low: 7, high: 8 }), /expected .*, got this one/],
    'a segment that is none': [slab({ segment: 9 }), /expected segments/],
    'a total': [slab({ kind: 'total' }), /expected the total from/],
    'nothing at all for a sum': [once('allReduce', () => {}), /owes|confirm/],
    'that its links are lost, for ever': [losesLinks(1), /owes|confirm/],
    'that it cannot use what the coordinator sends': [losesLinks(0), /it refuses what it was sent/],
    'sums of steps to come': [
      once('world', (_, connection) => {
        const roll = dice(4);
        for (let n = 0; n < 200; n++) connection.sendSlab(inTwo(strangeSlab(roll, 2 ** 31)));
      }),
      /before its plan was here/,
    ],
  };

  it('say what is not so', async () => {
    const ends: Promise<[string, string | undefined]>[] = [];
    for (const [what, [treason]] of Object.entries(treasons)) {
      const worker = { ...identity, name: `bad${ends.length}`, membership: what };
      const traitor = await betray(url, token, worker, treason);
      ends.push(traitor.closed.then((end) => [what, end?.problem]));
    }
    expect(await Promise.all(ends)).toEqual(
      Object.entries(treasons).map(([what, [, end]]) => [what, expect.stringMatching(end)]),
    );
  });

  it('never answer, and the run goes on', async () => {
    const traitor = await betray(url, token, { ...identity, membership: 'mute' }, (message) =>
      ['compute', 'evaluate'].includes(message.kind),
    );
    await traitor.active;
    const now = epochs();
    await coordinator.until('epoch', ({ epoch }) => epoch > now + 3);
    traitor.connection.terminate();
  });
});

describe('the port of a worker for its peers', () => {
  let traitor: Traitor;
  let peer: number;
  beforeAll(async () => {
    traitor = await betray(url, token, { ...identity, membership: 'peer' }, () => false);
    const { members } = await traitor.active;
    peer = Number(new URL(members.find((member) => member.peer !== null)!.peer!).port);
  });
  afterAll(() => traitor.connection.terminate());

  it('takes no call of who cannot be meant', async () => {
    for (const id of [0, 1]) {
      const { connection } = await call(`ws://127.0.0.1:${peer}`, { token, identity: { kind: 'peerHello', id } }).catch(
        (error: Error) => ({ connection: error }),
      );
      expect(connection).toMatchObject({ problem: expect.stringMatching(/not the other way round/) });
    }
  });

  it('takes rubbish of strangers, and of those who know the token', async () => {
    const roll = dice(6);
    await crowd(400, 20, async (i) => {
      const stranger = new Stranger(peer);
      const frames = [envelope(rubbish(roll, i)), envelope(rubbish(roll, 5 * i))];
      sent += frames.length;
      if (i % 2 === 0) {
        stranger.write(upgrade());
        await stranger.next();
        stranger.write(Buffer.concat(frames));
      } else {
        // As itself, as others, and as nobody that there is.
        const id = [traitor.id, 0, 1, 60_000 - i][i % 4];
        await stranger.greet(token, { kind: 'peerHello', id }, Buffer.concat(frames));
      }
      await leave(stranger, 50);
    });
    const idle = Array.from({ length: 150 }, () => new Stranger(peer));
    const isIn = ({ socket }: Stranger) =>
      new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    await Promise.all(idle.map(isIn));
    for (const stranger of idle) stranger.socket.destroy();
  });
});

describe('afterwards', () => {
  it('the coordinator has said little, and not grown', () => {
    const grown = highWater() - before;
    console.log(`bad peers: ${sent} frames; coordinator ${before.toFixed(0)} MB before, ${grown.toFixed(0)} MB more`);
    expect(sent).toBeGreaterThanOrEqual(8_000);
    expect(grown).toBeLessThan(room);
    expect(coordinator.of('worker').length + coordinator.of('warning').length).toBeLessThan(700);
  });

  it('the honest worker was never dropped, and the run has the right weights', async () => {
    coordinator.signal('SIGINT');
    expect(await coordinator.ended).toBe(130);
    expect(await honest.ended).toBe(0);
    const changes = coordinator.of('worker').filter(({ name }) => name === 'honest');
    expect(changes.map(({ change }) => change)).toEqual(['joined', 'active']);
    expect(honest.of('lost')).toEqual([]);
    const count = `training.epochs=${coordinator.of('end')[0].epochs + 1}`;
    // The interrupted epoch is brought to its end; another run starts from the beginning.
    const resumed = await resume(cluster.run, { threads: 1, set: [count] });
    const file = writeConfig(cluster.folder, 'undisturbed', config);
    const { end } = await trained(file, [count], `${cluster.folder}/undisturbed`);
    expect(resumed.sha256).toBe(end.sha256);
  });
});
