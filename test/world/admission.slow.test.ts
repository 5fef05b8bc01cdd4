/** Who is not admitted is told why and what to do, and so is the coordinator's user; the run takes no harm. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeControl } from '../../src/wire/frame.js';
import { CallerHandshake } from '../../src/wire/handshake.js';
import { type Message, protocolVersion } from '../../src/wire/messages.js';
import { certificate, hasOpenssl, signed } from '../support/certificates.js';
import { eventsOf, lockstepServed } from '../support/cli.js';
import { Cluster, type ClusterWorker, type Coordinator, clusterToken as token, urlOf } from '../support/cluster.js';
import { call } from '../support/connections.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { envelope, Stranger, upgrade, type WorkerIdentity, workerIdentity } from '../support/strangers.js';

const config = {
  name: 'admitting',
  seed: 7,
  data: { source: 'digits', examples: 400, validation: 0.1, test: 0.1 },
  model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  optimizer: { sgd: { learningRate: 0.1 } },
  training: { epochs: 20, batchSize: 64, shards: 4 },
};
const folder = temporaryFolder();
const file = writeConfig(folder, 'run', config);
let identity: WorkerIdentity;
let sha256: string;

beforeAll(async () => {
  identity = await workerIdentity('other', 'membership');
  sha256 = (await trained(file, [], join(folder, 'alone'))).end.sha256;
});

/** A worker that ends by itself. */
async function worker(url: string, args: readonly string[], LOCKSTEP_TOKEN = '') {
  const given = ['worker', url, '--threads', '1', '--cache', folder, '--json', ...args];
  const { code, stdout } = await lockstepServed(given, folder, { LOCKSTEP_TOKEN });
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; code: string; message: string; remedy: string });
  return { code, error: events.find(({ event }) => event === 'error') };
}

/** Connects as somebody that this program is not. @returns what the other side says to it */
async function say(port: number, change: (hello: Message) => object): Promise<Message | undefined> {
  const stranger = new Stranger(port);
  stranger.write(upgrade());
  const challenge = await stranger.next();
  if (challenge?.kind !== 'control' || challenge.message.kind !== 'challenge') throw new Error('no challenge');
  const hello = change(new CallerHandshake(token, identity).answer(challenge.message));
  stranger.write(envelope(encodeControl(hello as Message)));
  const answer = await stranger.next();
  stranger.socket.destroy();
  return answer?.kind === 'control' ? answer.message : undefined;
}

describe('a run on loopback', () => {
  const cluster = new Cluster();
  let coordinator: Coordinator;
  let url: string;
  let port: number;
  beforeAll(async () => {
    coordinator = cluster.coordinator(config, ['--min-workers', '2']);
    url = await urlOf(coordinator);
    port = Number(new URL(url).port);
  });
  afterAll(() => cluster.close());

  /** What the coordinator says of those who could not join; strangers are told of once a second. */
  const told = (text: string) =>
    eventually(`the coordinator says ${text}`, () =>
      coordinator.events.some((event) =>
        event.event === 'warning'
          ? event.message.includes(text)
          : event.event === 'worker' && event.change === 'refused' && event.reason!.includes(text),
      ),
    );

  it('refuses a wrong token, and none', async () => {
    for (const args of [['--token', 'wrong'], []]) {
      const { code, error } = await worker(url, args);
      expect(code).toBe(2);
      expect(error).toMatchObject({ code: 'LOCKSTEP_REFUSED' });
      expect(error!.message).toMatch(/127\.0\.0\.1:\d+ refuses: the two sides do not have the same token/);
      expect(error!.remedy).toMatch(/the --token of the command that the coordinator prints/);
    }
    await told('do not have the same token');
  });

  it('refuses another version of the protocol', async () => {
    const answer = await say(port, (hello) => ({ ...hello, protocol: protocolVersion + 7 }));
    expect(answer).toMatchObject({
      kind: 'refused',
      final: true,
      remedy: 'install the same version of lockstep on both sides',
      problem: `the other side speaks version ${protocolVersion + 7} of the protocol, this side version ${protocolVersion}`,
    });
  });

  it('refuses another engine, and other arithmetic', async () => {
    const other = async (change: object) => {
      const refused = call(url, { token, identity: { ...identity, ...change } }).then(
        ({ connection }) =>
          new Promise<Error>((resolve) => connection.handle({ ...nothing, closed: (e) => resolve(e!) })),
        (error: Error) => error,
      );
      return refused;
    };
    expect(await other({ engine: 'onnx 9.9' })).toMatchObject({
      code: 'LOCKSTEP_REFUSED',
      remedy: 'install the same version of lockstep on both',
      problem: expect.stringMatching(/it has onnx 9\.9, the coordinator .*: their results differ/),
    });
    expect(await other({ numerics: 'ab'.repeat(32) })).toMatchObject({
      code: 'LOCKSTEP_REFUSED',
      remedy: expect.stringMatching(/--allow-mixed-numerics/),
      problem: expect.stringMatching(/its arithmetic gives other bits/),
    });
    await told('it has onnx 9.9');
    await told('its arithmetic gives other bits');
  });

  it('refuses what somebody else has said before, or itself', async () => {
    const first = new Stranger(port);
    const hello = await first.greet(token, identity);
    expect(await first.next()).toMatchObject({ message: { kind: 'welcome' } });
    first.socket.destroy();
    const second = new Stranger(port);
    second.write(upgrade());
    await second.next();
    second.write(hello!);
    expect(await second.next()).toMatchObject({
      message: { kind: 'refused', problem: expect.stringMatching(/token/) },
    });
    const third = new Stranger(port);
    third.write(upgrade());
    const challenge = await third.next();
    third.write(envelope(encodeControl((challenge as { message: Message }).message)));
    expect(await third.next()).toMatchObject({
      message: { kind: 'refused', problem: expect.stringMatching(/sent "challenge" instead of "hello"/) },
    });
    for (const { socket } of [second, third]) socket.destroy();
  });

  it('keeps its token to itself, and ends as it would have', async () => {
    expect(commandOf(coordinator)).toMatch(/^lockstep coordinator/);
    const honest = cluster.worker(url, { name: 'honest' });
    await honest.until('joined');
    expect(commandOf(honest)).toMatch(/^lockstep worker/);
    for (const program of [coordinator, honest]) expect(commandOf(program)).not.toContain(token);
    // The run waits for a second one.
    const guest = cluster.guest(url, 'guest');
    expect((await coordinator.until('end')).sha256).toBe(sha256);
    expect([await coordinator.ended, await honest.ended, await guest.ended]).toEqual([0, 0, 0]);
    const address = join(cluster.run, 'coordinator.json');
    expect(statSync(address).mode & 0o777).toBe(0o600);
    const names = readdirSync(cluster.run, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const holding = names
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => readFileSync(path).includes(token));
    expect(holding).toEqual([address]);
    const saying = coordinator.events.filter((event) => JSON.stringify(event).includes(token));
    expect(saying.map(({ event }) => event)).toEqual(['listening']);
    expect(saying[0]).toMatchObject({ join: `npx lockstep worker ${url} --token '${token}'` });
    expect(honest.events.filter((event) => JSON.stringify(event).includes(token))).toEqual([]);
  });
});

/** What other users of this machine see of a program. */
function commandOf({ pid }: Coordinator | ClusterWorker): string {
  if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
}

const nothing = { message: () => {}, slab: () => {}, blob: () => {} };

it('other arithmetic is admitted when asked for, and the run says so; the token may come from the environment', async () => {
  const cluster = new Cluster();
  try {
    const coordinator = cluster.coordinator(config, ['--allow-mixed-numerics']);
    const url = await urlOf(coordinator);
    const { connection } = await call(url, { token, identity: { ...identity, numerics: 'cd'.repeat(32) } });
    connection.handle({ ...nothing, closed: () => {} });
    await coordinator.until('warning', ({ message }) => /other .* cannot be reproduced bit for bit/.test(message));
    connection.terminate();
    const honest = worker(url, [], token);
    expect(await coordinator.until('summary')).toMatchObject({ reproducible: false });
    expect((await honest).code).toBe(0);
  } finally {
    await cluster.close();
  }
});

it('an empty token is refused; nothing is written', async () => {
  const out = join(folder, 'open');
  const args = ['coordinator', file, '--host', '0.0.0.0', '--port', '0', '--token', '', '--out', out, '--json'];
  const { code, stdout } = await lockstepServed(args, folder);
  expect(code).toBe(2);
  expect(eventsOf(stdout).at(-1)).toMatchObject({
    event: 'error',
    code: 'LOCKSTEP_CONFIG',
    message: '--token "": is empty, and a token has at least one character',
  });
  expect(readdirSync(folder)).not.toContain('open');
});

skipIf(!hasOpenssl && 'there is no openssl to make certificates with').describe('TLS', () => {
  const pems = temporaryFolder();
  const path = (name: string) => join(pems, name);
  beforeAll(() => {
    const ca = certificate(pems, 'authority');
    writeFileSync(path('ca.pem'), ca.cert);
    writeFileSync(path('other.pem'), certificate(pems, 'other').cert);
    for (const name of ['coordinator', 'worker']) {
      const { cert, key } = signed(pems, name, 'IP:127.0.0.1', ca);
      writeFileSync(path(`${name}.cert`), cert);
      writeFileSync(path(`${name}.key`), key);
    }
    writeFileSync(path('bad.pem'), '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n');
    mkdirSync(path('folder'));
  });
  const read = (name: string) => readFileSync(path(name), 'utf8');
  const pair = (name: string) => ['--tls-cert', path(`${name}.cert`), '--tls-key', path(`${name}.key`)];
  const butterfly = { ...config, cluster: { allReduce: 'butterfly' } };

  const pairOf = (name: string) => ({ cert: read(`${name}.cert`), key: read(`${name}.key`) });

  /**
   * A whole run of two workers.
   * @param own whether workers have certificates of their own; coordinator and one of them are processes then
   * @returns the bytes that the coordinator sent in each exchange: none in a butterfly
   */
  async function run(own: boolean, more: (url: string) => Promise<void>) {
    const cluster = new Cluster();
    try {
      const trace = path('trace.json');
      const coordinator = own
        ? cluster.coordinator(butterfly, ['--min-workers', '2', '--trace', trace, ...pair('coordinator')])
        : cluster.host(butterfly, { minWorkers: 2, trace, tls: pairOf('coordinator') });
      const url = await urlOf(coordinator);
      expect(url).toMatch(/^wss:/);
      expect((await coordinator.until('listening')).join).toMatch(/--tls-ca <certificate>$/);
      await more(url);
      const inside = { ca: read('ca.pem'), peer: { tls: own ? pairOf('worker') : undefined } };
      const a = own
        ? cluster.worker(url, { name: 'a', args: ['--tls-ca', path('ca.pem'), ...pair('worker')] })
        : cluster.guest(url, 'a', inside);
      const b = cluster.guest(url, 'b', inside);
      expect((await coordinator.until('end')).sha256).toBe(sha256);
      expect(await Promise.all([a.ended, b.ended])).toEqual([0, 0]);
      const spans = JSON.parse(readFileSync(trace, 'utf8')) as { pid: number; name: string; args: { step: number } }[];
      const exchanged = spans.filter(({ name }) => name === 'exchange');
      const stepsOf = (of: typeof spans) => new Set(of.map(({ args }) => args.step)).size;
      return { steps: stepsOf(exchanged), through: stepsOf(exchanged.filter(({ pid }) => pid === 0)) };
    } finally {
      await cluster.close();
    }
  }

  it('a run under TLS: workers with certificates link up, and others are told what is wrong', async () => {
    const { steps, through } = await run(true, async (url) => {
      const wrong = worker(url, ['--token', token, '--tls-ca', path('other.pem')]);
      const none = worker(url, ['--token', token]);
      const bad = worker(url, ['--token', token, '--tls-ca', path('bad.pem')]);
      for (const refused of [await wrong, await none]) {
        expect(refused.code).toBe(2);
        expect(refused.error).toMatchObject({ code: 'LOCKSTEP_REFUSED', remedy: expect.stringMatching(/--tls-ca/) });
        expect(refused.error!.message).toMatch(/the TLS certificate of 127\.0\.0\.1:\d+ is not trusted/);
      }
      expect((await bad).code).toBe(2);
      expect((await bad).error!.message).toMatch(/--tls-ca .*bad\.pem: holds no certificate/);
      // The other way round nothing can be said but that nobody answers, and what that may come from.
      await expect(call(url.replace('wss', 'ws'), { token, identity })).rejects.toMatchObject({
        code: 'LOCKSTEP_WIRE',
        remedy: expect.stringMatching(/connect with wss:\/\/ if it uses TLS/),
      });
    });
    expect(through).toBeLessThan(steps);
  });

  it('without certificates of their own, workers go through the coordinator', async () => {
    const { steps, through } = await run(false, async () => {});
    expect(steps).toBeGreaterThan(0);
    expect(through).toBe(steps);
  });

  it('files that are no certificates end it before anything is written', async () => {
    const cases: [string[], RegExp][] = [
      [['--tls-cert', path('bad.pem'), '--tls-key', path('worker.key')], /--tls-cert .*bad\.pem: holds no certificate/],
      [
        ['--tls-cert', path('worker.cert'), '--tls-key', path('coordinator.key')],
        /is not the key of the certificate --tls-cert/,
      ],
      [['--tls-cert', path('worker.cert')], /--tls-key is missing/],
      [['--tls-cert', path('folder'), '--tls-key', path('worker.key')], /is a folder/],
      [['--tls-cert', file, '--tls-key', path('worker.key')], /is not in PEM/],
    ];
    const out = join(pems, 'runs');
    await Promise.all(
      cases.map(async ([args, problem]) => {
        const { code, stdout } = await lockstepServed(
          ['coordinator', file, '--port', '0', '--out', out, '--json', ...args],
          pems,
        );
        expect([code, eventsOf(stdout).at(-1)]).toEqual([
          2,
          expect.objectContaining({ event: 'error', code: 'LOCKSTEP_CONFIG', message: expect.stringMatching(problem) }),
        ]);
      }),
    );
    expect(readdirSync(pems)).not.toContain('runs');
  });
});
