/** An evaluation over the world: every batch once, added up in one order, whoever is lost meanwhile. */
import { expect, it } from 'vitest';
import { spreadEvaluation } from '../../coordinator/world/spread.js';
import { bucketedBatches } from '../../src/data/buckets.js';
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import { StoppedError } from '../../src/pool/control.js';
import type { EvaluationBatch } from '../../src/pool/round-worker.js';
import { randomNumbers } from '../support/all-reduces.js';
import { FakeClock, FakeRoster, FakeWorker, scoresOf, settled } from '../support/rosters.js';

const metrics = scoresOf(3);
const { width } = metrics;
const rows = Int32Array.from({ length: 105 }, (_, i) => (i * 37) % 105);
const batches = bucketedBatches(undefined, { evaluationBatch: 10 }, rows);

/** Sums of a batch, of magnitudes so different that their order matters. */
const sumsOf = ({ batch }: EvaluationBatch): number[] =>
  Array.from({ length: width }, (_, i) => 0.1 * 7 ** (batch - i));

/** Of batch b, 2^b: the total tells which were counted, and how often. */
const countsOf = (batches: readonly EvaluationBatch[]) =>
  Float64Array.of(batches.reduce((sum, { batch }) => sum + 2 ** batch, 0));

/** Of each example its row. */
const keptOf = (batches: readonly Pick<EvaluationBatch, 'rows'>[]) =>
  Float32Array.from(batches.flatMap(({ rows }) => [...rows].flatMap((row) => Array(metrics.kept).fill(row))));

async function answer(worker: FakeWorker, which: number): Promise<void> {
  const asked = worker.evaluating[which];
  const kept = keptOf(asked.question);
  await asked.answer({
    sums: Float64Array.from(asked.question.flatMap(sumsOf)),
    counts: countsOf(asked.question),
    kept,
  });
}

const expected: MetricTotals = {
  sums: metrics.merged(
    Float64Array.from(Array.from({ length: 11 }, (_, batch) => sumsOf({ batch, bucket: 0, rows })).flat()),
  ),
  counts: Float64Array.of(2 ** 11 - 1),
  kept: keptOf([{ rows }]),
};

/** Answers in random order until the evaluation is over. @param during may disturb it after so many answers */
async function run(roster: FakeRoster, seed: number, during: (answers: number) => Promise<void> = async () => {}) {
  const random = randomNumbers(seed);
  let result: MetricTotals | undefined;
  let answers = 0;
  const open = new Map<FakeWorker, Set<number>>();
  const evaluation = spreadEvaluation(roster, new FakeClock(), metrics, batches).then((sums) => {
    result = sums;
  });
  await settled();
  while (!result) {
    await during(answers);
    const waiting = roster.present().flatMap((worker) => {
      const done = open.get(worker) ?? new Set();
      open.set(worker, done);
      return worker.evaluating.flatMap((_, which) => (done.has(which) ? [] : [{ worker, which }]));
    });
    expect(waiting.length).toBeGreaterThan(0);
    const { worker, which } = waiting[random(waiting.length)];
    open.get(worker)!.add(which);
    await answer(worker, which);
    answers++;
  }
  await evaluation;
  return result;
}

it('adds the sums of all batches up in their order, whoever computed them', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const roster = new FakeRoster(seed % 2, 1 + (seed % 3));
    expect(await run(roster, seed)).toEqual(expected);
    const batches = roster.present().flatMap(({ evaluating }) => evaluating.flatMap(({ question }) => question));
    expect(batches.map(({ batch }) => batch).sort((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, i) => i));
    const seen = batches.flatMap((batch) => [...batch.rows]).sort((a, b) => a - b);
    expect(seen).toEqual(Array.from({ length: 105 }, (_, i) => i));
  }
});

it('lets others do what somebody who is lost had', async () => {
  for (let seed = 0; seed < 10; seed++) {
    const roster = new FakeRoster(0, 3);
    const during = async (answers: number) => {
      if (answers === 1 + (seed % 2) || answers === 3) await roster.loses(roster.remotes[seed % roster.remotes.length]);
    };
    expect(await run(roster, seed, during)).toEqual(expected);
    expect(roster.remotes.length).toBeLessThan(3);
  }
});

it('waits for somebody where nobody is left', async () => {
  const roster = new FakeRoster(0, 1);
  const during = async (answers: number) => {
    if (answers !== 1) return;
    await roster.loses(roster.remotes[0]);
    expect(roster.waits).toBe(1);
    await roster.gains(new FakeWorker(2, 2));
  };
  expect(await run(roster, 1, during)).toEqual(expected);
});

it('ends when the run is stopped while nobody is there', async () => {
  const roster = new FakeRoster(0, 0);
  roster.enough = async () => {
    throw new StoppedError();
  };
  await expect(spreadEvaluation(roster, new FakeClock(), metrics, batches)).rejects.toThrow(StoppedError);
});

it("ends with the error of the coordinator's own threads", async () => {
  const roster = new FakeRoster(1, 1);
  const result = spreadEvaluation(roster, new FakeClock(), metrics, batches);
  result.catch(() => {});
  await settled();
  await roster.self.evaluating[0].fail(new Error('out of memory'));
  await expect(result).rejects.toThrow('out of memory');
});
