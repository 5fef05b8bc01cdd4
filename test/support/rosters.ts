/** Rounds without sockets: workers that answer when a test says so, a roster of them, and a clock that is moved by hand. */
import type { AllReduceAttemptsOptions } from '../../coordinator/world/all-reduce-attempts.js';
import type { Clock } from '../../coordinator/world/clock.js';
import type { Roster } from '../../coordinator/world/roster.js';
import { type RoundResult, runRound } from '../../coordinator/world/round.js';
import { WireError } from '../../src/errors.js';
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import type { Update } from '../../src/optimizer/decide.js';
import type { Computed, ComputeTask, EvaluationBatch, TotalSquares, Worker } from '../../src/pool/round-worker.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';

export class FakeClock implements Clock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** Moves on, and lets happen what happens then. */
  async pass(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { callback } of due) callback();
    await settled();
  }
}

/** Waits until everybody has reacted to what has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A question to a worker, to be answered by the test. */
class Asked<Question, Answer> {
  readonly answered: Promise<Answer>;
  #resolve!: (answer: Answer) => void;
  #reject!: (error: Error) => void;

  constructor(readonly question: Question) {
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  async answer(answer: Answer): Promise<void> {
    this.#resolve(answer);
    await settled();
  }

  async fail(error: Error): Promise<void> {
    this.#reject(error);
    await settled();
  }
}

export class FakeWorker implements Worker {
  readonly name: string;
  readonly computing: Asked<ComputeTask, Computed>[] = [];
  readonly exchanging: Asked<AllReducePlan, TotalSquares>[] = [];
  readonly evaluating: Asked<readonly EvaluationBatch[], MetricTotals>[] = [];
  readonly committed: Update[] = [];

  constructor(
    readonly id: number,
    readonly threads: number,
  ) {
    this.name = `worker ${id}`;
  }

  compute(task: ComputeTask): Promise<Computed> {
    return asked(this.computing, task);
  }
  allReduce(plan: AllReducePlan): Promise<TotalSquares> {
    return asked(this.exchanging, plan);
  }
  evaluate(batches: readonly EvaluationBatch[]): Promise<MetricTotals> {
    return asked(this.evaluating, batches);
  }
  async commit(update: Update): Promise<void> {
    this.committed.push(update);
  }

  /** Shards of all tasks so far. */
  get shards(): string[] {
    return this.computing.map(({ question }) => question.nodes.map(({ low, high }) => `${low}-${high - 1}`).join(' '));
  }

  /** Answers its task number `which`, the last one by default: the loss of shard s is s + 1. */
  computes(which = this.computing.length - 1): Promise<void> {
    const { nodes, rows } = this.computing[which].question;
    const losses = nodes.flatMap(({ low, high }) => Array.from({ length: high - low }, (_, i) => low + i + 1));
    const divisors = losses.map(() => 1);
    return this.computing[which].answer({ nodes, losses, divisors, phases: {}, milliseconds: 10, used: rows });
  }

  /** Confirms its exchange number `which`. */
  reduces(squares = 9, which = this.exchanging.length - 1): Promise<void> {
    return this.exchanging[which].answer({ squares });
  }

  /** Fails all that it was asked for. */
  die(): void {
    const error = new WireError(`${this.name} is dead`, 'nothing');
    for (const asked of [...this.computing, ...this.exchanging, ...this.evaluating]) void asked.fail(error);
  }
}

function asked<Question, Answer>(list: Asked<Question, Answer>[], question: Question): Promise<Answer> {
  const one = new Asked<Question, Answer>(question);
  list.push(one);
  return one.answered;
}

export class FakeRoster implements Roster {
  readonly self: FakeWorker;
  selfKeepsUp = true;
  remotes: FakeWorker[];
  /** Workers that are busy with something else. */
  readonly busy = new Set<FakeWorker>();
  readonly dropped: { worker: Worker; reason: string }[] = [];
  readonly learned: Worker[] = [];
  patience = Number.POSITIVE_INFINITY;
  areLinked = true;
  /** By the ids of workers, where not all are on one. */
  readonly hosts = new Map<number, string>();
  owed: { id: number; bytes: number }[] = [];
  readonly pace: Roster['pace'] = {
    capacityOf: ({ threads }) => ({ threads, shardMilliseconds: undefined }),
    patienceWith: (_, shards) => this.patience * shards,
    learn: (worker) => this.learned.push(worker),
  };
  readonly allReduce = {
    bytesReceived: 0,
    waitingFor: () => this.owed,
    blocksOf: () => Float64Array.of(9),
    abort: () => {},
  };
  /** Times that a round has waited for workers. */
  waits = 0;
  #listeners = new Set<(worker: Worker) => void>();
  #arrived: (() => void)[] = [];

  /** @param own threads of the coordinator */
  constructor(own: number, remotes: number) {
    this.self = new FakeWorker(0, own);
    this.remotes = Array.from({ length: remotes }, (_, i) => new FakeWorker(i + 1, 1));
  }

  able(): FakeWorker[] {
    return this.present().filter((worker) => !this.busy.has(worker));
  }
  present(): FakeWorker[] {
    return this.self.threads > 0 ? [this.self, ...this.remotes] : [...this.remotes];
  }
  followers(): FakeWorker[] {
    return [...this.remotes];
  }
  async enough(): Promise<void> {
    while (this.able().length === 0) {
      this.waits++;
      await new Promise<void>((resolve) => this.#arrived.push(resolve));
    }
  }
  hostOf({ id }: Worker): string {
    return this.hosts.get(id) ?? 'one for all';
  }
  linked(): boolean {
    return this.areLinked;
  }
  unlink(): void {
    this.areLinked = false;
  }
  lose(worker: Worker, reason: string): void {
    this.dropped.push({ worker, reason });
    void this.loses(worker as FakeWorker);
  }
  onLoss(lost: (worker: Worker) => void): () => void {
    this.#listeners.add(lost);
    return () => this.#listeners.delete(lost);
  }

  async loses(worker: FakeWorker): Promise<void> {
    this.remotes = this.remotes.filter((each) => each !== worker);
    worker.die();
    for (const lost of this.#listeners) lost(worker);
    await settled();
  }

  async gains(worker: FakeWorker): Promise<void> {
    this.remotes.push(worker);
    for (const resolve of this.#arrived.splice(0)) resolve();
    await settled();
  }
}

/** A round of eight shards that has begun. */
export async function begin(
  roster: FakeRoster,
  options: Partial<AllReduceAttemptsOptions> = {},
  shards = 8,
): Promise<{ clock: FakeClock; result: Promise<RoundResult> }> {
  const clock = new FakeClock();
  const rowsOf = ({ low, high }: { low: number; high: number }) => [
    { start: 10 * low, rows: Int32Array.from({ length: 10 * (high - low) }, (_, i) => 10 * low + i) },
  ];
  const result = runRound(
    {
      round: 3,
      epoch: 0,
      step: 3,
      bucket: 0,
      local: [],
      effort: 1,
      shards,
      rowsOf,
      nextRowsOf: (node) => rowsOf(node).map(({ rows }) => rows),
    },
    {
      roster,
      clock,
      precision: 'float32',
      algorithm: 'star',
      isWholeJob: () => false,
      bytes: 4e6,
      silence: 1000,
      ...options,
    },
  );
  // Who awaits it gets its error; nobody else should.
  result.catch(() => {});
  await settled();
  return { clock, result };
}

/** The accuracy of an output of so many classes. */
/** What an evaluation adds up, counts, and keeps of each example. */
export const scoresOf = (outputs: number): RunMetrics =>
  new RunMetrics([
    {
      target: 'targets',
      factor: 1,
      metrics: ['accuracy', { auc: { average: 'macro' } }],
      outputs,
      kind: 'logits',
      places: 1,
      classes: true,
      threshold: 0,
      binary: false,
      weighted: false,
    },
  ]);
