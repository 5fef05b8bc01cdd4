/** An evaluation over workers that do not all do what they are asked for. */
import { expect, it } from 'vitest';
import type { Clock } from '../../coordinator/world/clock.js';
import type { Roster } from '../../coordinator/world/roster.js';
import { spreadEvaluation } from '../../coordinator/world/spread.js';
import { bucketedBatches } from '../../src/data/buckets.js';
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import type { EvaluationBatch, Worker } from '../../src/pool/round-worker.js';
import { scoresOf } from '../support/rosters.js';

const metrics = scoresOf(2);
const { width } = metrics;
const rows = Int32Array.from({ length: 95 }, (_, i) => i);

/** A clock that goes on only when somebody waits for it. */
function fakeClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    after(milliseconds, call) {
      const timer = setImmediate(() => {
        now += milliseconds;
        call();
      });
      return () => clearImmediate(timer);
    },
  };
}

type Evaluate = (batches: readonly EvaluationBatch[]) => Promise<MetricTotals>;

/** The count of a batch is its first row. */
const totals = (batches: readonly EvaluationBatch[]): MetricTotals => ({
  sums: Float64Array.from(batches.flatMap(({ rows }) => Array.from({ length: width }, (_, i) => rows[0] + i))),
  counts: Float64Array.of(batches.reduce((sum, { rows }) => sum + rows[0], 0)),
  // Of each example its row.
  kept: Float32Array.from(batches.flatMap(({ rows }) => [...rows].flatMap((row) => Array(metrics.kept).fill(row)))),
});
const honest: Evaluate = async (batches) => totals(batches);

function roster(...evaluates: Evaluate[]) {
  const workers = evaluates.map((evaluate, id) => ({ id, name: `w${id}`, threads: 1, evaluate }) as unknown as Worker);
  const lost: string[] = [];
  const world = {
    able: () => workers.filter(({ name }) => !lost.includes(name)),
    enough: async () => {},
    lose: (worker: Worker) => lost.push(worker.name),
  } as unknown as Roster;
  return { world, lost };
}

const all = bucketedBatches(undefined, { evaluationBatch: 10 }, rows);
const evaluated = (world: Roster) => spreadEvaluation(world, fakeClock(), metrics, all);
const right = { ...totals(all), sums: metrics.merged(totals(all).sums) };

it('gives the sums of all batches, in their order', async () => {
  expect(await evaluated(roster(honest, honest).world)).toEqual(right);
});

it('a worker that never answers is not waited for', async () => {
  const { world, lost } = roster(() => new Promise(() => {}), honest);
  expect(await evaluated(world)).toEqual(right);
  expect(lost).toEqual([]);
});

it('a worker that gives too few sums, counts or kept numbers, or too many, is lost', async () => {
  for (const length of [0, 1, 1000]) {
    const few: Evaluate = async (batches) => ({ ...totals(batches), sums: new Float64Array(length) });
    const uncounted: Evaluate = async (batches) => ({ ...totals(batches), counts: new Float64Array(length + 2) });
    const unkept: Evaluate = async (batches) => ({ ...totals(batches), kept: new Float32Array(length) });
    for (const wrong of [few, uncounted, unkept]) {
      const { world, lost } = roster(wrong, honest);
      expect(await evaluated(world)).toEqual(right);
      expect(new Set(lost)).toEqual(new Set(['w0']));
    }
  }
});

it('what a lost worker had is done by others', async () => {
  let calls = 0;
  const failing: Evaluate = async (batches) => (calls++ < 3 ? Promise.reject(new Error('lost')) : totals(batches));
  expect(await evaluated(roster(failing, honest).world)).toEqual(right);
});

it.each([1, 2])(
  'what comes late counts once, whoever else has done it or a part of it: %i threads',
  async (threads) => {
    // Of its two groups the second is begun again first: it answers when others have done a part of that, but not all.
    const waiting: (() => void)[] = [];
    const own = new Set<number>();
    const late: Evaluate = (batches) => {
      for (const { batch } of batches) own.add(batch);
      return new Promise((resolve) => waiting.push(() => resolve(totals(batches))));
    };
    let again = 0;
    let released: Promise<void> | undefined;
    const release = async () => {
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      waiting[1]();
    };
    const other: Evaluate = async (batches) => {
      if (own.has(batches[0].batch) && ++again >= 2) {
        released ??= release();
        await released;
      }
      await new Promise(setImmediate);
      return totals(batches);
    };
    const { world, lost } = roster(late, other);
    Object.assign(world.able()[0], { threads });
    expect(await evaluated(world)).toEqual(right);
    expect(released).toBeDefined();
    expect(lost).toEqual([]);
  },
);
