/** Runs that lose their folder to somebody else, and runs that are to stop while they validate: what they say, write and leave. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { train } from '../../coordinator/local/train.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { ThreadPool } from '../../src/pool/pool.js';
import type { RunEvent } from '../../src/report/events.js';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { newFolders, snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { smallModel } from '../support/small.js';
import { npyFile } from '../support/tables.js';

const newFolder = newFolders();
const folder = temporaryFolder();

describe('a run that loses its folder writes nothing more, says why and fails', () => {
  const config = writeConfig(folder, 'endless', {
    data: { source: 'digits', examples: 100, validation: 0.2, test: 0 },
    ...smallModel,
    training: { epochs: 100_000, batchSize: 16, shards: 1, logEvery: 1 },
    checkpoint: { everySteps: 3 },
  });
  const lockOf = (run: string) => JSON.parse(readFileSync(join(run, 'lock'), 'utf8'));
  const takenBy = (more: object) => (run: string) =>
    writeFileSync(join(run, 'lock'), JSON.stringify({ ...lockOf(run), id: 'another', ...more }));
  const losses: Record<string, [act: (run: string) => void, problem: RegExp]> = {
    'to another machine': [
      takenBy({ host: 'elsewhere', place: 'elsewhere', pid: 7 }),
      /process 7 on elsewhere has taken over this run, because this process was stopped or asleep/,
    ],
    'to another process': [takenBy({ pid: 7 }), /process 7 has taken over this run/],
    'with its lock': [(run) => rmSync(join(run, 'lock')), /the run's lock is gone/],
    'as it is deleted': [
      (run) => rmSync(run, { recursive: true }),
      /the run's folder is gone: it was deleted or moved/,
    ],
  };

  it.each(Object.entries(losses))('%s', async (_, [act, problem]) => {
    const out = newFolder();
    let left: string[] | undefined;
    const report = (event: RunEvent) => {
      if (event.event !== 'checkpoint' || left) return;
      act(join(out, 'endless-1'));
      left = snapshot(out);
    };
    const error = await train(loadRunConfig(config, []), { threads: 1, out, report }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'LOCKSTEP_RUN_LOST', exitCode: 1, problem: expect.stringMatching(problem) });
    // Logs go on where they are open: of steps those that were under way, and what cannot be written any more is cut off.
    const others = (files: readonly string[]) => files.filter((file) => !/(?:metrics|events)\.jsonl/.test(file));
    expect(others(snapshot(out))).toEqual(others(left!));
  });
});

describe('a run that is to stop while it validates stops before the end of that, and goes on from there', () => {
  const rows = 40_000;
  const [features, targets] = ['x', 'y'].map((name) => join(folder, `${name}.npy`));
  writeFileSync(
    features,
    npyFile('<f4', [rows, 2], new Uint8Array(Float32Array.from({ length: 2 * rows }, (_, i) => Math.sin(i)).buffer)),
  );
  writeFileSync(
    targets,
    npyFile('<f4', [rows], new Uint8Array(Float32Array.from({ length: rows }, (_, i) => Math.cos(i)).buffer)),
  );
  const config = writeConfig(folder, 'validating', {
    data: { source: 'npy', features, targets, validation: 0.9, test: 0 },
    model: { layers: [{ dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    training: { epochs: 2, batchSize: 'all', logEvery: 1 },
  });
  const { evaluate } = ThreadPool.prototype;
  afterEach(() => {
    ThreadPool.prototype.evaluate = evaluate;
  });

  it.each(['just before', 'in the middle'])('%s', async (moment) => {
    const out = newFolder();
    const abort = new AbortController();
    let evaluations = 0;
    ThreadPool.prototype.evaluate = function (...args) {
      evaluations++;
      const result = evaluate.apply(this, args);
      if (moment === 'in the middle') abort.abort();
      return result;
    };
    const events: RunEvent[] = [];
    const report = (event: RunEvent) => {
      events.push(event);
      if (event.event === 'step' && moment === 'just before') abort.abort();
    };
    const end = await train(loadRunConfig(config, []), { threads: 1, out, report, signal: abort.signal });
    expect(evaluations).toBe(moment === 'just before' ? 0 : 1);
    expect(end).toMatchObject({ interrupted: true, validation: null, test: null, resume: join(out, 'validating-1') });
    expect(events.filter(({ event }) => event === 'epoch')).toEqual([]);
    ThreadPool.prototype.evaluate = evaluate;
    const { code, stdout } = await lockstepServed(['train', '--resume', end.resume!, '--threads', '1', '--json'], out);
    const quiet = await trained(config, [], out, 1);
    const { sha256, validation } = eventOf(eventsOf(stdout), 'end');
    expect({ code, sha256, validation }).toEqual({
      code: 0,
      sha256: quiet.end.sha256,
      validation: quiet.end.validation,
    });
    expect(eventsOf(stdout).filter(({ event }) => event === 'epoch')).toHaveLength(2);
  });
});
