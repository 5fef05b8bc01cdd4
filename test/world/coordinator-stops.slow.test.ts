/** Runs over workers that are stopped, killed and gone on with: they end as if nothing had happened. */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { resume, train } from '../../coordinator/local/train.js';
import { coordinate, resumeCoordinating } from '../../coordinator/world/coordinate.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { EndEvent } from '../../src/report/events.js';
import { requestOf } from '../../src/report/run-request.js';
import { eventOf } from '../support/cli.js';
import { type Cluster, type Coordinator, type Host, isFree, urlOf, withCluster } from '../support/cluster.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { slowly } from '../support/faults.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { checkLedger } from '../support/ledgers.js';
import { trained } from '../support/runs.js';
import { smallModel } from '../support/small.js';

const folder = temporaryFolder();
const newPath = newPaths();

const config = {
  data: { source: 'digits', examples: 800, validation: 0.2, test: 0.1 },
  ...smallModel,
  // 18 steps an epoch.
  training: { epochs: 6, batchSize: 32, shards: 4, logEvery: 5 },
  checkpoint: { everySteps: 10 },
};
const steps = 108;
const file = writeConfig(folder, 'run', config);

/** Of the run that nothing happens to. */
let undisturbed: object;
beforeAll(async () => {
  undisturbed = outcomeOf((await trained(file, [], newPath())).end);
});

function outcomeOf({ sha256, validation, test }: EndEvent): object {
  return { sha256, validation, test };
}

/** Expects that the run has ended, as it would have by itself. */
async function expectUndisturbed(run: Coordinator | Host): Promise<void> {
  expect(await run.ended).toBe(0);
  expect(outcomeOf(eventOf(run.events, 'end'))).toEqual(undisturbed);
}

/** Stops it in good order, which Ctrl-C does to a process (signals.slow.test.ts). */
async function interrupt(run: Host): Promise<void> {
  await run.kill();
  expect(await run.ended).toBe(0);
  expect(eventOf(run.events, 'end')).toMatchObject({ interrupted: true });
}

/** Goes on with the run over one worker. */
async function finish(cluster: Cluster): Promise<Host> {
  const resumed = cluster.resumeInside();
  cluster.guest(await urlOf(resumed), 'later');
  await expectUndisturbed(resumed);
  return resumed;
}

describe('a coordinator that is stopped', () => {
  it('while it waits for workers leaves a run that one machine can do', async () => {
    await withCluster(async (cluster) => {
      const waiting = cluster.host(config);
      await waiting.until('waiting');
      await interrupt(waiting);
      expect(outcomeOf(await resume(cluster.run, { threads: 1 }))).toEqual(undisturbed);
    });
  });

  it('for somebody who looks on ends its wait for workers too, and tells them so', () =>
    withCluster(async (cluster) => {
      const host = cluster.host(config, { minWorkers: 2 });
      const worker = cluster.guest(await urlOf(host), 'only');
      await host.until('waiting', ({ present }) => present === 1);
      requestOf(cluster.run, 'stop');
      expect(await host.ended).toBe(0);
      expect(eventOf(host.events, 'end')).toMatchObject({ interrupted: true });
      expect(await worker.until('end')).toMatchObject({ reason: 'the run was stopped', steps: 0 });
    }));

  it('while it trains leaves a run that goes on over workers and on one machine alike', async () => {
    await withCluster(async (cluster) => {
      const training = cluster.host(config, { minWorkers: 2, ledger: true });
      const url = await urlOf(training);
      const workers = ['a', 'b'].map((name) => cluster.guest(url, name));
      await training.until('checkpoint');
      await interrupt(training);
      expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual([0, 0]);
      expect(await isFree(url)).toBe(true);
      const copy = join(cluster.folder, 'copy');
      cpSync(cluster.run, copy, { recursive: true });

      const resumed = await finish(cluster);
      // A ledger that was begun is gone on with, and workers are at the address that they know.
      await checkLedger(cluster.run, steps);
      expect(eventOf(resumed.events, 'listening').url).toBe(url);
      const { resumed: from } = eventOf(resumed.events, 'start');
      expect(from!.step).toBeGreaterThanOrEqual(10);
      expect(from!.step).toBeLessThan(steps);

      expect(outcomeOf(await resume(copy, { threads: 1 }))).toEqual(undisturbed);
      await checkLedger(copy, steps);
    });
  });
});

it('a run of one machine goes on over workers', async () => {
  await withCluster(async (cluster) => {
    const alone = await train(loadRunConfig(file, []), { threads: 1, steps: 30, out: join(cluster.folder, 'runs') });
    expect(alone.interrupted).toBe(true);
    const resumed = cluster.resumeInside({ port: 0 });
    cluster.guest(await urlOf(resumed), 'a');
    await expectUndisturbed(resumed);
  });
});

it('Ctrl-C or SIGTERM lets a worker leave after the step, and the run goes on', async () => {
  await withCluster(async (cluster) => {
    const coordinator = cluster.host(config);
    const url = await urlOf(coordinator);
    const [first, second] = ['first', 'second'].map((name) => cluster.worker(url, { name }));
    // The others come later, and are to find it at work; once they have left, it has no reason to wait.
    let left = 0;
    const slow = await FaultProxy.start(
      () => url,
      (passing) => left < 2 && slowly(400)(passing),
    );
    const staying = cluster.guest(slow.url, 'staying');
    for (const [worker, signal] of [
      [first, 'SIGINT'],
      [second, 'SIGTERM'],
    ] as const) {
      await coordinator.until('worker', ({ change, name }) => change === 'active' && name === worker.name);
      worker.signal(signal);
      await worker.ended;
      left++;
    }
    await expectUndisturbed(coordinator);
    expect(await staying.ended).toBe(0);
    for (const worker of [first, second]) {
      expect(await worker.ended).toBe(0);
      expect(worker.events.at(-1)).toMatchObject({ event: 'end', reason: 'left' });
      const changes = coordinator.of('worker').filter(({ name }) => name === worker.name);
      expect(changes.map(({ change }) => change)).toEqual(['joined', 'active', 'left']);
    }
    const { workers } = eventOf(coordinator.events, 'summary');
    expect(workers.map(({ timesLost }) => timesLost)).toEqual([0, 0, 0, 0]);
    await slow.close();
  });
});

it('a coordinator that is killed and resumed gets its workers back, untouched', async () => {
  await withCluster(async (cluster) => {
    const killed = cluster.coordinator(config, ['--min-workers', '2']);
    const url = await urlOf(killed);
    const workers = ['a', 'b'].map((name) => cluster.guest(url, name));
    await killed.until('checkpoint');
    await killed.kill();
    await Promise.all(workers.map((worker) => worker.until('lost')));
    const resumed = cluster.resumeInside({ minWorkers: 2 });
    await expectUndisturbed(resumed);
    for (const worker of workers) {
      expect(await worker.ended).toBe(0);
      // It was lost once, and has the data still.
      expect(worker.of('lost').map(({ reason }) => reason)).toEqual([expect.any(String)]);
      expect(worker.of('joined')).toHaveLength(2);
      expect(worker.of('data').map(({ from }) => from)).toEqual(['coordinator', 'memory']);
    }
  });
});

it('the precision on the wire is part of a run, and stays', async () => {
  const events: { event: string }[] = [];
  const abort = new AbortController();
  const report = (event: { event: string }) => {
    events.push(event);
    if (event.event === 'checkpoint') abort.abort();
  };
  const out = newPath();
  const bfloat16 = loadRunConfig(file, ['cluster.precision=bfloat16']);
  const end = await coordinate(bfloat16, { out, threads: 1, minWorkers: 0, port: 0, report, signal: abort.signal });
  expect(end.interrupted).toBe(true);
  const run = end.resume!;
  expect(readFileSync(join(run, 'config.yaml'), 'utf8')).toMatch(/precision: bfloat16/);
  expect(events.find(({ event }) => event === 'summary')).toMatchObject({ precision: 'bfloat16' });
  const changed = resumeCoordinating(run, { threads: 1, minWorkers: 0, set: ['cluster.precision=float32'] });
  await expect(changed).rejects.toThrow('cluster.precision: "bfloat16" in the checkpoint, "float32" now');
  const byMpi = ['cluster.transport=mpi', 'cluster.allReduce=mpi', 'cluster.precision=float32'];
  await expect(resumeCoordinating(run, { set: byMpi })).rejects.toThrow(
    'cluster.allReduce: "auto" in the checkpoint, "mpi" now',
  );
  // How the run travels otherwise is free, and who has which state.
  await expect(resumeCoordinating(run, { set: byMpi.slice(0, 1) })).rejects.toThrow('not of an MPI job');
  const how = ['cluster.allReduce=star', 'cluster.optimizerState=sharded'];
  const more = [...how, 'cluster.placement=stream', 'cluster.silence=3'];
  expect((await resumeCoordinating(run, { threads: 1, minWorkers: 0, set: more })).interrupted).toBe(false);
  expect(existsSync(join(run, 'coordinator.json'))).toBe(true);
});
