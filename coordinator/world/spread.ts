/** An evaluation spread over the world: each batch is summed by whoever is free; the sums are added in the batches' order. */
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import { mostKept, type RunMetrics } from '../../src/evaluate/run-metrics.js';
import { StoppedError } from '../../src/pool/control.js';
import type { EvaluationBatch, Worker } from '../../src/pool/round-worker.js';
import type { Clock } from './clock.js';
import { Mailbox } from './mailbox.js';
import type { Roster } from './roster.js';

interface BatchGroup {
  readonly worker: Worker;
  readonly batches: readonly EvaluationBatch[];
  readonly started: number;
  /** Whether others may do it too. */
  late: boolean;
}

/** What a worker gave; nothing when it was lost. */
interface Answer {
  readonly group: BatchGroup;
  readonly totals?: MetricTotals;
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
 * @param batches of the split, in their order
 * @returns what the metrics come to, the same bits whoever computes which batch
 * @param isStopped whether its result is not wanted any more, asked after each answer
 * @throws StoppedError when the run is to be stopped meanwhile
 */
export async function spreadEvaluation(
  roster: Roster,
  clock: Clock,
  metrics: RunMetrics,
  batches: readonly EvaluationBatch[],
  isStopped = () => false,
): Promise<MetricTotals> {
  const { sums, counts, kept } = await new Spread(roster, clock, metrics, batches).run(isStopped);
  return { sums: metrics.merged(sums), counts, kept };
}

class Spread {
  readonly #roster: Roster;
  readonly #clock: Clock;
  readonly #mail: Mailbox<Answer>;
  readonly #metrics: RunMetrics;
  readonly #batches: readonly EvaluationBatch[];
  readonly #table: Float64Array;
  readonly #counts: Float64Array;
  readonly #kept: Float32Array;
  /** How many examples come before each batch. */
  readonly #starts: readonly number[];
  /** Batches whose sums are not here, and those of them that nobody has. */
  readonly #missing: Set<number>;
  readonly #queue: number[];
  readonly #groups = new Set<BatchGroup>();
  /** Batches of a group at most: what is kept of them travels in one message. */
  readonly #most: number;
  /** Milliseconds of the group that took longest. */
  #longest: number | undefined;

  constructor(roster: Roster, clock: Clock, metrics: RunMetrics, batches: readonly EvaluationBatch[]) {
    this.#roster = roster;
    this.#clock = clock;
    this.#mail = new Mailbox(clock);
    this.#metrics = metrics;
    this.#batches = batches;
    this.#table = new Float64Array(this.#batches.length * metrics.width);
    this.#counts = new Float64Array(metrics.counts);
    let examples = 0;
    this.#starts = batches.map(({ rows }) => {
      examples += rows.length;
      return examples - rows.length;
    });
    this.#kept = new Float32Array(examples * metrics.kept);
    this.#queue = this.#batches.map(({ batch }) => batch);
    this.#missing = new Set(this.#queue);
    this.#most = Math.floor(mostKept / Math.max(1, metrics.kept));
  }

  /** @returns the sums of all batches, in their order, and the counts of all together */
  async run(isStopped: () => boolean): Promise<MetricTotals> {
    while (this.#missing.size > 0) {
      if (isStopped()) throw new StoppedError();
      this.#share();
      const answer = this.#groups.size > 0 ? await this.#mail.take(this.#deadline()) : undefined;
      if (answer) {
        this.#take(answer);
        continue;
      }
      this.#despair();
      // Lets in who has come meanwhile.
      if (this.#queue.length > 0) await this.#roster.enough();
    }
    return { sums: this.#table, counts: this.#counts, kept: this.#kept };
  }

  /** Gives every worker as much as it can have. */
  #share(): void {
    for (const worker of this.#roster.able()) {
      while (this.#queue.length > 0 && this.#groupsOf(worker) < groupsInFlight) {
        const numbers = this.#queue.splice(0, Math.min(batchesPerThread * worker.threads, this.#most));
        const wanted = numbers.filter((batch) => this.#missing.has(batch));
        if (wanted.length > 0) this.#hand(worker, wanted);
      }
    }
  }

  #groupsOf(worker: Worker): number {
    return [...this.#groups].filter((group) => group.worker === worker).length;
  }

  #hand(worker: Worker, numbers: readonly number[]): void {
    const batches = numbers.map((batch) => this.#batches[batch]);
    const group = { worker, batches, started: this.#clock.now(), late: false };
    this.#groups.add(group);
    worker.evaluate(batches).then(
      (totals) => this.#mail.put({ group, totals }),
      (error: unknown) => this.#mail.put({ group, error }),
    );
  }

  #take({ group, totals, error }: Answer): void {
    const { worker, batches, started } = group;
    this.#groups.delete(group);
    // Whoever else fails is lost, and the world says so.
    if (!totals && worker === this.#roster.self) throw error;
    const problem = totals && this.#misfit(totals, batches);
    if (problem) this.#roster.lose(worker, problem);
    if (!totals || problem) {
      this.#again(group);
      return;
    }
    this.#longest = Math.max(this.#longest ?? 0, this.#clock.now() - started);
    // Counts are of the whole group: what somebody else has given a part of is of no use.
    if (!batches.every(({ batch }) => this.#missing.has(batch))) {
      this.#again(group);
      return;
    }
    const { width, kept } = this.#metrics;
    let start = 0;
    batches.forEach(({ batch, rows }, i) => {
      this.#missing.delete(batch);
      this.#table.set(totals.sums.subarray(i * width, (i + 1) * width), batch * width);
      this.#kept.set(totals.kept.subarray(start * kept, (start + rows.length) * kept), this.#starts[batch] * kept);
      start += rows.length;
    });
    totals.counts.forEach((count, i) => {
      this.#counts[i] += count;
    });
  }

  /** What is wrong with an answer. */
  #misfit({ sums, counts, kept }: MetricTotals, batches: readonly EvaluationBatch[]): string | undefined {
    if (sums.length !== batches.length * this.#metrics.width) {
      return `it gave ${sums.length} sums of ${batches.length} evaluation batches`;
    }
    const examples = batches.reduce((sum, { rows }) => sum + rows.length, 0);
    if (kept.length !== examples * this.#metrics.kept) {
      return `it gave ${kept.length} outputs and targets of ${examples} examples`;
    }
    if (counts.length === this.#metrics.counts) return undefined;
    return `it gave ${counts.length} counts of evaluation batches, not ${this.#metrics.counts}`;
  }

  /** Puts back what is not there yet. */
  #again({ batches }: BatchGroup): void {
    const wanted = batches.map(({ batch }) => batch).filter((batch) => this.#missing.has(batch));
    this.#queue.unshift(...wanted.filter((batch) => !this.#queue.includes(batch)));
  }

  /** Somebody who never answers must not hold up the run: what is late is done by others too. */
  #despair(): void {
    for (const group of [...this.#groups].filter((each) => this.#dueAt(each) <= this.#clock.now())) {
      group.late = true;
      this.#again(group);
    }
  }

  #deadline(): number {
    const due = Math.min(...[...this.#groups].map((group) => this.#dueAt(group)));
    return this.#queue.length > 0 ? Math.min(due, this.#clock.now() + look) : due;
  }

  #dueAt({ started, late }: BatchGroup): number {
    if (late) return Number.POSITIVE_INFINITY;
    return started + (this.#longest === undefined ? firstPatience : look + patience * this.#longest);
  }
}
