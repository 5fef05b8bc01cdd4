/** An evaluation spread over the world: each batch is summed by whoever is free; the sums are added in the batches' order. */
import { batchOf, stepCount } from '../../src/data/shards.js';
import { type MetricSpec, sumsWidth, totalSums } from '../../src/evaluate/metrics.js';
import type { EvaluationBatch, Worker } from '../../src/pool/worker.js';
import type { Clock } from './clock.js';
import { Mailbox } from './mailbox.js';
import type { Crew } from './round.js';

interface Group {
  readonly worker: Worker;
  readonly batches: readonly EvaluationBatch[];
  readonly started: number;
  /** Whether others may do it too. */
  late: boolean;
}

/** What a worker gave; nothing when it was lost. */
interface Answer {
  readonly group: Group;
  readonly sums?: Float64Array;
  readonly error?: unknown;
}

/** Batches that a thread is given at once, and groups that a worker has at a time: one is computed while the next travels. */
const batchesPerThread = 2;
const groupsInFlight = 2;
/** A group is late after so many times the longest one so far; before there is one, after so many milliseconds. */
const patience = 4;
const firstPatience = 15_000;
/** Milliseconds between two looks at who is there, while there is work that nobody has. */
const look = 1000;

/**
 * @param rows examples of the split
 * @returns metric sums, the same bits whoever computes which batch
 * @throws StoppedError when the run is to be stopped while nobody is there to compute
 */
export async function spreadEvaluation(
  crew: Crew,
  clock: Clock,
  metrics: MetricSpec,
  rows: Int32Array,
  batchSize: number,
): Promise<Float64Array> {
  const width = sumsWidth(metrics);
  const count = stepCount(rows.length, batchSize);
  const table = new Float64Array(count * width);
  const missing = new Set(Array.from({ length: count }, (_, batch) => batch));
  const queue = [...missing];
  const mail = new Mailbox<Answer>(clock);
  const groups = new Set<Group>();
  let longest: number | undefined;
  const has = (worker: Worker) => [...groups].filter((group) => group.worker === worker).length;
  const hand = (worker: Worker, numbers: readonly number[]) => {
    const batches = numbers.map((batch) => {
      const { start, count } = batchOf(batch, rows.length, batchSize);
      return { batch, rows: rows.subarray(start, start + count) };
    });
    const group = { worker, batches, started: clock.now(), late: false };
    groups.add(group);
    worker.evaluate(batches).then(
      (sums) => mail.put({ group, sums }),
      (error: unknown) => mail.put({ group, error }),
    );
  };
  /** Puts back what is not there yet. */
  const again = ({ batches }: Group) =>
    queue.unshift(...batches.flatMap(({ batch }) => (missing.has(batch) && !queue.includes(batch) ? batch : [])));
  const dueAt = ({ started, late }: Group) =>
    late ? Number.POSITIVE_INFINITY : started + (longest === undefined ? firstPatience : look + patience * longest);
  const take = ({ group, sums, error }: Answer) => {
    groups.delete(group);
    const { worker, batches, started } = group;
    // Whoever else fails is lost, and the world says so.
    if (!sums && worker === crew.self) throw error;
    if (!sums) return again(group);
    if (sums.length !== batches.length * width) {
      crew.lose(worker, `it gave ${sums.length} sums of ${batches.length} evaluation batches`);
      return again(group);
    }
    longest = Math.max(longest ?? 0, clock.now() - started);
    batches.forEach(({ batch }, i) => {
      if (missing.delete(batch)) table.set(sums.subarray(i * width, (i + 1) * width), batch * width);
    });
  };
  while (missing.size > 0) {
    for (const worker of crew.able()) {
      while (queue.length > 0 && has(worker) < groupsInFlight) {
        const numbers = queue.splice(0, batchesPerThread * worker.threads).filter((batch) => missing.has(batch));
        if (numbers.length > 0) hand(worker, numbers);
      }
    }
    if (groups.size === 0) {
      await crew.enough();
      continue;
    }
    const due = Math.min(...[...groups].map(dueAt));
    const answer = await mail.take(queue.length > 0 ? Math.min(due, clock.now() + look) : due);
    if (answer) {
      take(answer);
      continue;
    }
    // Somebody who never answers must not hold up the run. Others do it too, and those who have come meanwhile are let in.
    for (const group of [...groups].filter((each) => dueAt(each) <= clock.now())) {
      group.late = true;
      again(group);
    }
    if (queue.length > 0) await crew.enough();
  }
  return totalSums(metrics, table);
}
