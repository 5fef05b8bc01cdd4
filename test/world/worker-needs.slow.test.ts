/** Workers that cannot have what they need, and coordinators that nobody joins: they go on without it, or end and say why. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { coordinate } from '../../coordinator/world/coordinate.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { RefusedError, WireError } from '../../src/errors.js';
import type { RunEvent } from '../../src/report/events.js';
import { type WorkerOptions, work } from '../../worker/worker.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { eventOf } from '../support/cli.js';
import { urlOf, withCluster } from '../support/cluster.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { smallModel } from '../support/small.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();
const config = {
  data: { source: 'digits', examples: 400, validation: 0.1, test: 0.1 },
  ...smallModel,
  training: { epochs: 2, batchSize: 32, shards: 4 },
};
const file = writeConfig(folder, 'run', config);

/** Of the run on one machine. */
let sha256: string;
beforeAll(async () => {
  sha256 = (await trained(file, [], newPath())).end.sha256;
});

describe('a cache that cannot be used', () => {
  /** Makes what is in the way; @returns the folder of the cache. `name` is that of the data set's file. */
  const places: Record<string, (cache: string, name: string) => string> = {
    'a file in the place of the folder': (cache) => {
      writeFileSync(cache, '');
      return cache;
    },
    'a file system that takes no folders': () => '/proc/lockstep-cache',
    'a link that leads nowhere': (cache) => {
      symlinkSync(`${cache}-nowhere/x`, cache);
      return cache;
    },
    'a pipe in the place of the data': (cache, name) => {
      mkdirSync(cache);
      execFileSync('mkfifo', [join(cache, name)]);
      return cache;
    },
    'a folder in the place of the data': (cache, name) => {
      mkdirSync(join(cache, name), { recursive: true });
      return cache;
    },
    'a device in the place of the data': (cache, name) => {
      mkdirSync(cache);
      symlinkSync('/dev/zero', join(cache, name));
      return cache;
    },
  };

  skipIf(process.platform !== 'linux' && 'a full disk is /dev/full of Linux').it(
    'is said once, and the data are held in memory',
    async () => {
      const good = newPath();
      await trainedInWorld(file, [], newPath(), good, { workers: [{ threads: 1 }] });
      const name = readdirSync(good).find((entry) => entry.endsWith('.data'))!;
      const workers = Object.values(places).map((make) => ({ threads: 1, cache: make(newPath(), name) }));
      const run = await trainedInWorld(file, [], newPath(), good, { workers });
      expect(run.end.sha256).toBe(sha256);
      for (const [i, place] of Object.keys(places).entries()) {
        const events = run.workers[i];
        const kinds = events.map(({ event }) => event).filter((kind) => kind !== 'transfer');
        expect(kinds, place).toEqual(['joined', 'warning', 'data', 'end']);
        expect(messageIn(events), place).toMatch(/(cannot be written|is no file).*held in memory/);
      }
    },
  );

  it('that fails half way through has the data sent once more', async () => {
    await withCluster(async (cluster) => {
      const coordinator = cluster.host(config);
      const worker = cluster.worker(await urlOf(coordinator), { name: 'full' });
      // Files of this process may have no more bytes than that: less than the data.
      execFileSync('prlimit', ['--pid', String(worker.pid), '--fsize=100000']);
      expect((await coordinator.until('end')).sha256).toBe(sha256);
      expect(await worker.ended).toBe(0);
      expect(worker.of('warning').map(({ message }) => message)).toEqual([expect.stringContaining('EFBIG')]);
      expect(worker.of('joined')).toHaveLength(2);
    });
  });

  it('ends a worker that has no memory for the data either', async () => {
    const cache = newPath();
    writeFileSync(cache, '');
    const abort = new AbortController();
    let refused: Promise<unknown> | undefined;
    const report = (event: RunEvent) => {
      if (event.event !== 'listening') return;
      refused = work({ url: event.url, token: 'x', threads: 1, cache, memory: 1000 }).catch(
        (reason: unknown) => reason,
      );
      void refused.then(() => abort.abort());
    };
    const options = { out: newPath(), port: 0, threads: 1, token: 'x', report, signal: abort.signal };
    expect((await coordinate(loadRunConfig(file, []), options)).interrupted).toBe(true);
    const error = await refused;
    expect(error).toBeInstanceOf(RefusedError);
    expect((error as RefusedError).problem).toMatch(/more than .* held in memory, and the cache cannot be used/);
  });
});

const messageIn = (events: readonly WorkerProgramEvent[]): string =>
  events.flatMap((event) => (event.event === 'warning' ? [event.message] : [])).join();

describe('a coordinator that is not there', () => {
  const waiting = (options: Partial<WorkerOptions>) => {
    const events: WorkerProgramEvent[] = [];
    const ended = work({
      url: 'ws://127.0.0.1:9',
      threads: 1,
      cache: newPath(),
      report: (event) => events.push(event),
      ...options,
    });
    return { events, ended };
  };

  it.each(['ws://127.0.0.1:9', 'ws://no-such-host.invalid:7474'])(
    '%s is waited for as long as was said',
    async (url) => {
      const { events, ended } = waiting({ url, timeout: 1 });
      const error = await ended.catch((reason: unknown) => reason as WireError);
      expect(error).toBeInstanceOf(WireError);
      expect((error as WireError).problem).toContain(`no coordinator at ${url} has let this worker take part`);
      expect((error as WireError).exitCode).toBe(1);
      expect(events[0]).toMatchObject({ event: 'connecting', url, seconds: 0, timeout: 1 });
    },
  );

  it('does not keep a worker that is told to leave', async () => {
    // Takes the call, and says nothing.
    const server = createServer();
    const { port } = await new Promise<{ port: number }>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve(server.address() as { port: number }));
    });
    const abort = new AbortController();
    let calls = 0;
    server.on('connection', () => {
      // The first call asks for the address, the second is the one that is not answered.
      if (++calls === 2) abort.abort();
    });
    const { events, ended } = waiting({ url: `ws://127.0.0.1:${port}`, signal: abort.signal });
    await ended;
    server.close();
    expect(events.at(-1)).toMatchObject({ event: 'end', reason: 'left' });
  });
});

it('a coordinator that computes goes on alone when its only worker has left', async () => {
  await withCluster(async (cluster) => {
    const long = { ...config, training: { ...config.training, epochs: 12 } };
    const coordinator = cluster.host(long, { threads: 1 });
    const worker = cluster.guest(await urlOf(coordinator), 'only');
    await coordinator.until('worker', ({ change }) => change === 'active');
    const begun = coordinator.events.length;
    await worker.kill();
    expect(await worker.ended).toBe(0);
    expect(await coordinator.ended).toBe(0);
    expect(coordinator.events.slice(begun).filter(({ event }) => event === 'waiting')).toEqual([]);
    const { sha256 } = (await trained(writeConfig(folder, 'long', long), [], newPath())).end;
    expect(eventOf(coordinator.events, 'end').sha256).toBe(sha256);
  });
});

describe('the command to join', () => {
  const heard = async (options: { host?: string; token?: string }) => {
    const events: RunEvent[] = [];
    await coordinate(loadRunConfig(file, []), {
      out: newPath(),
      threads: 1,
      minWorkers: 0,
      port: 0,
      steps: 1,
      report: (event) => events.push(event),
      ...options,
    });
    const warnings = events.flatMap((event) => (event.event === 'warning' ? [event.message] : []));
    return { listening: eventOf(events, 'listening'), warnings };
  };

  it('says that only this machine can use it, and how others could', async () => {
    const { listening, warnings } = await heard({ token: 'short' });
    expect(listening).toMatchObject({ local: true, note: expect.stringContaining('--host 0.0.0.0') });
    expect(listening.join).toContain(`ws://127.0.0.1:`);
    // Nobody overhears this machine talking to itself.
    expect(warnings.filter((message) => message.includes('token'))).toEqual([]);
  });

  it('has an address of this machine where all are listened on, and warns of a short token', async () => {
    const { listening, warnings } = await heard({ host: '0.0.0.0', token: 'short' });
    expect(listening.local).toBe(false);
    if (listening.url.includes('0.0.0.0')) expect(listening.note).toContain('in place of 0.0.0.0');
    expect(warnings.join()).toContain('the token has 5 characters');
    expect((await heard({ host: '0.0.0.0' })).warnings.join()).not.toContain('token');
  });
});
