/** An evaluation spread over the world: each batch is summed by whoever is free; the sums are added in the batches' order. */
import { batchOf, stepCount } from '../../src/data/shards.js';
import { type MetricSpec, sumsWidth, totalSums } from '../../src/evaluate/metrics.js';
import type { EvaluationBatch, Worker } from '../../src/pool/worker.js';
import type { Clock } from './clock.js';
import { Mailbox } from './mailbox.js';
import type { Crew } from './round.js';

type Event =
  | { readonly worker: Worker; readonly batches: readonly EvaluationBatch[]; readonly sums: Float64Array }
  | {
      readonly worker: Worker;
      readonly batches: readonly EvaluationBatch[];
      readonly sums?: undefined;
      readonly error: unknown;
    };

/** Batches that a thread is given at once, and groups that a worker has at a time: one is computed while the next travels. */
const batchesPerThread = 2;
const groupsInFlight = 2;

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
  const mail = new Mailbox<Event>(clock);
  const queue = Array.from({ length: count }, (_, batch) => batch);
  const inFlight = new Map<Worker, number>();
  const hand = (worker: Worker, numbers: readonly number[]) => {
    const batches = numbers.map((batch) => {
      const { start, count } = batchOf(batch, rows.length, batchSize);
      return { batch, rows: rows.subarray(start, start + count) };
    });
    inFlight.set(worker, (inFlight.get(worker) ?? 0) + 1);
    worker.evaluate(batches).then(
      (sums) => mail.put({ worker, batches, sums }),
      (error: unknown) => mail.put({ worker, batches, error }),
    );
  };
  for (let left = count; left > 0; ) {
    for (const worker of crew.able()) {
      while (queue.length > 0 && (inFlight.get(worker) ?? 0) < groupsInFlight) {
        hand(worker, queue.splice(0, batchesPerThread * worker.threads));
      }
    }
    const busy = [...inFlight.values()].some((groups) => groups > 0);
    if (!busy) {
      await crew.enough();
      continue;
    }
    const event = (await mail.take(Number.POSITIVE_INFINITY))!;
    const { worker, batches, sums } = event;
    // Whoever else fails is lost, and the world says so.
    if (!sums && worker === crew.self) throw event.error;
    inFlight.set(worker, inFlight.get(worker)! - 1);
    if (sums) {
      batches.forEach(({ batch }, i) => {
        table.set(sums.subarray(i * width, (i + 1) * width), batch * width);
      });
      left -= batches.length;
    } else queue.unshift(...batches.map(({ batch }) => batch));
  }
  return totalSums(metrics, table);
}
