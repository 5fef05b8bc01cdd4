/** `lockstep coordinator` and `lockstep worker` as users run them: what they print and leave behind, and what they refuse. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LockstepError } from '../../src/errors.js';
import type { ErrorEvent } from '../../src/report/events.js';
import { eventOf, lockstepServed, startLockstep } from '../support/cli.js';
import { isFree, urlOf, withCluster } from '../support/cluster.js';
import { newFolders, snapshot, writeConfig } from '../support/folder.js';
import { checkLedger } from '../support/ledgers.js';
import { resultOf, trained } from '../support/runs.js';
import { smallModel } from '../support/small.js';

const newFolder = newFolders();

const config = {
  data: { source: 'digits', examples: 400, validation: 0.2, test: 0.1 },
  ...smallModel,
  training: { epochs: 2, batchSize: 32, shards: 4 },
};

describe('help', () => {
  it.each(['coordinator', 'worker'])('of %s shows examples and exit codes', async (command) => {
    const { code, stdout, stderr } = await lockstepServed([command, '--help'], newFolder());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: lockstep ${command}`);
    expect(stdout).toMatch(/Examples:\n {2}npx lockstep/);
    expect(stdout).toMatch(/[Ee]xit codes/i);
    expect(stdout).toContain('--token <token>');
  });
});

it('prints a command that joins as it stands', async () => {
  const folder = newFolder();
  const file = writeConfig(folder, 'digits', config);
  const coordinator = startLockstep(['coordinator', file, '--port', '0', '--threads', '1'], folder);
  let printed = '';
  coordinator.process.stdout!.on('data', (text: string) => {
    printed += text;
  });
  await coordinator.says('npx lockstep worker');
  await coordinator.says('waiting:');
  const [, command] = /^ *npx lockstep (worker ws:.*)$/m.exec(printed)!;
  const worker = startLockstep(
    [...command.split(' '), '--threads', '1', '--cache', join(folder, 'cache'), '--name', 'pasted'],
    folder,
  );
  const [host, joined] = await Promise.all([coordinator.finished, worker.finished]);
  expect({ code: host.code, stderr: host.stderr }).toEqual({ code: 0, stderr: '' });
  expect({ code: joined.code, stderr: joined.stderr }).toEqual({ code: 0, stderr: '' });
  expect(host.stdout).toMatch(/waiting: not begun, 0 of 1 workers are here\n/);
  expect(host.stdout).toMatch(/pasted .*has joined/);
  expect(host.stdout).toMatch(/\n +test +loss \d\.\d{4} {2}accuracy \d\.\d{4}\n/);
  expect(host.stdout).toMatch(/\nparameters sha256: [0-9a-f]{64}\n$/);
  // The token is for those who are told it.
  const token = command.split(' ').at(-1)!;
  expect(token).toMatch(/^[\w-]{20,}$/);
  expect(joined.stdout).not.toContain(token);
});

it('tells everything as JSON, keeps a ledger and writes a trace', async () => {
  const alone = await trained(writeConfig(newFolder(), 'run', config), [], newFolder());
  await withCluster(async (cluster) => {
    const trace = join(cluster.folder, 'trace.json');
    const coordinator = cluster.coordinator(config, ['--min-workers', '2', '--ledger', '--trace', trace]);
    const url = await urlOf(coordinator);
    const workers = [cluster.worker(url, { name: 'a' }), cluster.guest(url, 'b')];
    expect(await Promise.all([coordinator, ...workers].map(({ ended }) => ended))).toEqual([0, 0, 0]);
    expect(await isFree(url)).toBe(true);

    const { events } = coordinator;
    const end = eventOf(events, 'end');
    const epochs = coordinator.of('epoch');
    expect(resultOf({ ...alone, epochs, end })).toEqual(resultOf(alone));
    expect(events.map(({ event }) => event).slice(0, 5)).toEqual(['phase', 'phase', 'start', 'listening', 'waiting']);
    expect(eventOf(events, 'start')).toMatchObject({ threads: 0, steps: 18 });
    for (const name of ['a', 'b']) {
      const changes = coordinator.of('worker').filter((event) => event.name === name);
      expect(changes.map(({ change }) => change)).toEqual(['joined', 'active']);
    }
    expect(
      coordinator
        .of('world')
        .at(-1)!
        .workers.map(({ name, state }) => [name, state]),
    ).toEqual(
      expect.arrayContaining([
        ['a', 'active'],
        ['b', 'active'],
      ]),
    );
    const summary = eventOf(events, 'summary');
    expect(summary).toMatchObject({ steps: 18, reproducible: true, precision: 'float32' });
    expect(summary.fewestBytesPerStep).toBeGreaterThan(0);
    expect(summary.bytesPerStep).toBeGreaterThanOrEqual(summary.fewestBytesPerStep);
    const [self, ...others] = summary.workers;
    expect(self).toMatchObject({ name: 'coordinator', threads: 0, shards: 0, computeSeconds: 0 });
    expect(others.reduce((sum, { shards }) => sum + shards, 0)).toBe(2 * (8 * 4 + 3));
    for (const { computeSeconds, exchangeSeconds, updateSeconds, bytesSent, bytesReceived } of others) {
      for (const value of [computeSeconds, exchangeSeconds, updateSeconds, bytesSent, bytesReceived]) {
        expect(value).toBeGreaterThan(0);
      }
    }
    for (const { events, name } of workers) {
      expect(eventOf(events as never, 'joined' as never)).toMatchObject({ name, threads: 1, url });
      const { steps } = others.find((other) => other.name === name)!;
      expect(events.at(-1)).toMatchObject({ event: 'end', reason: 'the run is over', steps });
    }

    await checkLedger(cluster.run, 18);
    expect(readdirSync(cluster.run).sort()).toEqual([
      'best',
      'checkpoints',
      'config.yaml',
      'coordinator.json',
      'events.jsonl',
      'ledger.jsonl',
      'metrics.jsonl',
      'model',
      'world.json',
    ]);
    checkTrace(trace, ['a', 'b']);
  });
});

/** Spans of every phase of every worker, and of the coordinator, each in its place. */
function checkTrace(file: string, workers: readonly string[]): void {
  type Entry = {
    ph: string;
    name: string;
    pid: number;
    ts: number;
    dur: number;
    args: { name?: string; step?: number };
  };
  const entries = JSON.parse(readFileSync(file, 'utf8')) as Entry[];
  const names = new Map(entries.flatMap(({ name, pid, args }) => (name === 'process_name' ? [[pid, args.name]] : [])));
  expect([...names.values()].sort()).toEqual([...workers, 'coordinator']);
  // There is one batch to validate: whoever is free has it.
  expect(entries.some(({ name }) => name === 'validate')).toBe(true);
  for (const [pid, worker] of names) {
    const spans = entries.filter((entry) => entry.ph === 'X' && entry.pid === pid);
    for (const { ts, dur } of spans) expect(ts >= 0 && dur >= 0).toBe(true);
    const phases = new Set(spans.map(({ name }) => name));
    // It adds up what workers send, and has the parameters sent when it needs them.
    const isCoordinator = worker === 'coordinator';
    const own = isCoordinator ? ['exchange', 'fetch'] : ['compute', 'gather', 'exchange', 'update'];
    for (const phase of own) expect(phases).toContain(phase);
    if (isCoordinator) continue;
    const steps = new Set(spans.filter(({ name }) => name === 'update').map(({ args }) => args.step));
    expect([...steps]).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
  }
}

describe('bad input', () => {
  const at = (folder: string) => writeConfig(folder, 'run', config);
  const coordinator =
    (...flags: string[]) =>
    (folder: string) => ['coordinator', at(folder), '--port', '0', ...flags];
  const worker =
    (...args: string[]) =>
    (folder: string) => ['worker', ...args, '--cache', join(folder, 'cache')];
  const cases: [string, (folder: string) => string[], string][] = [
    ['a port that is none', coordinator('--port', '70000'), '--port 70000 is not a whole number from 0 to 65535'],
    ['nobody who computes', coordinator('--min-workers', '0', '--threads', '0'), 'nobody would compute'],
    ['a certificate without key', coordinator('--tls-cert', 'x.pem'), '--tls-key is missing'],
    ['a certificate that is not there', coordinator('--tls-cert', 'x', '--tls-key', 'x'), '--tls-cert x: no such file'],
    ['an engine that workers cannot be sent', coordinator('--set', 'engine=tfjs', '--set', 'backend=cpu'), 'engine'],
    ['a precision that is none', coordinator('--set', 'cluster.precision=float8'), 'cluster.precision'],
    [
      'a trace that cannot be written',
      coordinator('--trace', 'missing/trace.json'),
      'missing/trace.json: cannot be written',
    ],
    ['an address that is not here', coordinator('--host', '192.0.2.1'), '192.0.2.1'],
    ['a run that is none', () => ['coordinator', '--resume', 'nothing'], 'nothing: is no run (no such folder)'],
    ['a run and a config', (folder) => ['coordinator', at(folder), '--resume', 'nothing'], '--resume nothing'],
    ['a URL of another kind', worker('http://127.0.0.1:1'), 'http://127.0.0.1:1'],
    ['a name that is none', worker('ws://127.0.0.1:1', '--name', 'rack 1'), '--name rack 1: is no name'],
    ['no threads', worker('ws://127.0.0.1:1', '--threads', '0'), '--threads 0 is not a whole number from 1'],
    [
      'a config that is not there',
      worker('ws://127.0.0.1:1', '--config', 'missing.yaml'),
      'missing.yaml: no such file',
    ],
    [
      'an authority that is not there',
      worker('wss://127.0.0.1:1', '--tls-ca', 'ca.pem'),
      '--tls-ca ca.pem: no such file',
    ],
  ];

  /** Ends with exit code 2, one error, and nothing written. */
  async function expectRefused(args: (folder: string) => string[], problem: string): Promise<void> {
    const folder = newFolder();
    const given = args(folder);
    const before = snapshot(folder);
    const { code, stdout, stderr } = await lockstepServed([...given, '--json'], folder);
    const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('{"event":"phase"'));
    expect({ code, stderr, lines: lines.length, stdout }).toEqual({ code: 2, stderr: '', lines: 1, stdout });
    const { event, message, remedy } = JSON.parse(lines[0]) as ErrorEvent;
    expect(event).toBe('error');
    expect(message).toContain(problem);
    expect(remedy).not.toBe('');
    expect(snapshot(folder)).toEqual(before);
  }

  it.concurrent.each(cases)('%s', async (_, args, problem) => expectRefused(args, problem));

  it('a port that somebody else has', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      await expectRefused(coordinator('--port', String(port), '--trace', 'trace.json'), `127.0.0.1:${port}`);
    } finally {
      server.close();
    }
  });
});

it('ends a run that diverges with exit code 1, and keeps the last good parameters', async () => {
  await withCluster(async (cluster) => {
    const coordinator = cluster.host({ ...config, optimizer: { sgd: { learningRate: 1e30 } } });
    const worker = cluster.guest(await urlOf(coordinator), 'a');
    expect(await coordinator.ended).toBe(1);
    const { problem, remedy, code } = (await coordinator.failure) as LockstepError;
    expect(code).toBe('LOCKSTEP_DIVERGED');
    expect(problem).toMatch(/the run diverged at step \d/);
    expect(remedy).toContain('last-good');
    expect(existsSync(join(cluster.run, 'last-good', 'model.json'))).toBe(true);
    expect(await worker.ended).toBe(1);
    const told = (await worker.failure) as LockstepError;
    expect([told.code, told.problem]).toEqual(['LOCKSTEP_RUN_FAILED', `the run has failed: ${problem}`]);
    expect(worker.events.map(({ event }) => event)).not.toContain('end');
  });
});

it('a worker and the coordinator count the same steps, whoever had a part in which', async () => {
  await withCluster(async (cluster) => {
    // Of two workers one has the only shard of a step, and the other one only keeps up.
    const coordinator = cluster.host(
      { ...config, training: { epochs: 1, batchSize: 32, shards: 1 } },
      { minWorkers: 2 },
    );
    const url = await urlOf(coordinator);
    const workers = [cluster.guest(url, 'a'), cluster.guest(url, 'b')];
    expect(await Promise.all([coordinator, ...workers].map(({ ended }) => ended))).toEqual([0, 0, 0]);
    const counted = eventOf(coordinator.events, 'summary').workers.map(({ name, steps }) => [name, steps]);
    const told = workers.flatMap(({ name, events }) =>
      events.flatMap((event) => (event.event === 'end' ? [[name, event.steps] as const] : [])),
    );
    expect(Object.fromEntries(counted)).toEqual({ coordinator: 0, ...Object.fromEntries(told) });
    expect(told.reduce((sum, [, steps]) => sum + steps, 0)).toBe(9);
  });
});

it('a coordinator that waits in vain ends with exit code 75, and can be started again', async () => {
  const folder = newFolder();
  const file = writeConfig(folder, 'digits', config);
  const args = ['coordinator', file, '--port', '0', '--threads', '1', '--min-workers', '2', '--timeout', '1'];
  const { code, stdout } = await lockstepServed([...args, '--json'], folder);
  expect(code).toBe(75);
  const told = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as ErrorEvent;
  expect(told).toMatchObject({ event: 'error', code: 'LOCKSTEP_WIRE' });
  expect(told.message).toBe('0 of 2 workers take part after 1.0 s (--timeout)');
});
