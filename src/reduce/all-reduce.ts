/**
 * One member's part in making the total gradient of a round known to every member: fed with frames, it emits frames. It
 * knows nothing of sockets and of time. Each segment of the slab goes its own way (topology.ts): a member adds its own
 * sums and those of its children along the edges of the shard tree, sends what is left to its parent, and passes the
 * total, which comes back from there, on to its children. Of a reduce-scatter it keeps the total of its share alone.
 */
import {
  brokenSum,
  checkChecksum,
  checkPayload,
  checkSource,
  checkTotal,
  isLater,
  isOwed,
  type OwnSum,
  ownSum,
  stalePlan,
} from './all-reduce-checks.js';
import { type AllReduceOptions, earlyLimit } from './all-reduce-options.js';
import { EarlyFrames } from './early.js';
import { LibrarySum } from './library-sum.js';
import { blocksAmong, NORM_BLOCK, normBlocks, sumSquares, totalSquares } from './norm.js';
import { Partials, type Sum } from './partials.js';
import { partIn } from './parts.js';
import { type AllReducePlan, hostOf, isBlocks } from './plan.js';
import { routesOf } from './routes.js';
import { bytesOf, owedBytes, type Running, type SegmentWork } from './segment-work.js';
import { precisionOf, segmentsOf, shareUnit } from './segments.js';
import { checkShares, type ParameterShare, updatedBy } from './shares.js';
import type { SlabFrame, SlabParts } from './slab-frame.js';
import type { TreeNode } from './tree.js';
import { type Label, type SumPlace, Workbench } from './workbench.js';

export class AllReduce {
  readonly #options: AllReduceOptions;
  readonly #workbench: Workbench;
  readonly #normSums: Float64Array;
  readonly #early: EarlyFrames;
  readonly #library: LibrarySum;
  readonly #nonFinite = new Map<number, number>();
  #round = -1;
  #attempt = 0;
  #isByLibrary = false;
  #running: Running | undefined;
  #sent = 0;
  #sentBetween = 0;
  #received = 0;
  /** Members on the same host. */
  #near: ReadonlySet<number> = new Set();

  constructor(options: AllReduceOptions) {
    this.#options = options;
    this.#library = new LibrarySum(options);
    this.#workbench = new Workbench(options.memory, options.kernels, options.scratch);
    this.#normSums = new Float64Array(normBlocks(options.layout.trainable));
    this.#early = new EarlyFrames(earlyLimit(options));
  }

  /** Bytes of numbers sent in this round, all attempts together. */
  get bytesSent(): number {
    return this.#sent + (this.#isByLibrary ? this.#library.bytes : 0);
  }

  /** Of those, what went to other hosts. */
  get bytesBetweenHosts(): number {
    return this.#sentBetween;
  }

  /** Byte offset of the last total. */
  get place(): number {
    return this.#isByLibrary ? this.#library.place : this.#options.total;
  }

  /** Whether a member is on the same host, by the last plan. */
  isNear(id: number): boolean {
    return this.#near.has(id);
  }

  get bytesReceived(): number {
    return this.#received + (this.#isByLibrary ? this.#library.bytes : 0);
  }

  /** How many partial sums with a NaN or an infinity, segment by segment, came from whom in this attempt: a run that diverges, or a bad member. */
  get nonFinite(): ReadonlyMap<number, number> {
    return this.#nonFinite;
  }

  /**
   * Starts an all-reduce; one that is under way is given up. A round may be reduced again, with a higher attempt.
   *
   * @param own the sums that the plan says this member holds, and maybe others; they are left as they are, but by algorithm mpi
   * @returns the sum of squares of the total over [0, trainable), the same bits on every member; of a reduce-scatter, over
   *   what this member updates. Not finite when a gradient is not. Rejects with what `abort` is given, and with a WireError for a
   *   plan that cannot be followed.
   */
  async begin(plan: AllReducePlan, own: readonly OwnSum[]): Promise<number> {
    const { round, attempt } = plan;
    if (!isLater(plan, this.#round, this.#attempt)) throw stalePlan(plan, this.#round, this.#attempt);
    if (this.#library.isUnderWay || (this.#running?.left ?? 0) > 0)
      this.abort(new Error(`the all-reduce of round ${round}, attempt ${attempt}, has taken its place`));
    this.#running = undefined;
    if (round !== this.#round) [this.#sent, this.#sentBetween, this.#received] = [0, 0, 0];
    [this.#round, this.#attempt] = [round, attempt];
    this.#nonFinite.clear();
    this.#workbench.forget();
    this.#isByLibrary = plan.algorithm === 'mpi';
    if (this.#isByLibrary) return this.#library.add(plan, own);
    const work = this.#workOf(plan);
    if (plan.part !== undefined) this.#workbench.clear(this.#options.total, this.#options.layout.trainable);
    const self = plan.members.find(({ id }) => id === this.#options.self)!;
    this.#near = new Set(plan.members.filter((member) => hostOf(member) === hostOf(self)).map(({ id }) => id));
    const sums = self.nodes.map((node) => ownSum(node, own));
    return new Promise((resolve, reject) => {
      const running = { plan, work, left: work.filter(({ done }) => !done).length, resolve, reject };
      this.#running = running;
      for (const segment of work) {
        for (const { low, high, offset } of sums) {
          segment.partials.take({ low, high, place: offset + segment.start * 4 }, this.#options.self);
        }
        this.#advance(running, segment);
      }
      this.#end(running);
      this.#early.replay(this.#round, this.#attempt, (from, frame) => this.receive(from, frame), this.#options.refused);
    });
  }

  /**
   * A frame from another member. One of an all-reduce that is over, and one that has come before, is dropped silently.
   *
   * @throws WireError when it breaks the protocol: the all-reduce cannot go on with its sender
   */
  receive(from: number, frame: SlabFrame): void {
    if (frame.kind === 'parameters') throw brokenSum(from, frame, 'a sum', 'parameters');
    if (isLater(frame, this.#round, this.#attempt)) {
      // Where it is now, others will land.
      this.#early.keep(from, frame);
      return;
    }
    const running = this.#running;
    if (!running || frame.round !== this.#round || frame.attempt !== this.#attempt) return;
    const first = this.#options.firstSegment ?? 0;
    const segment = running.work[frame.segment - first];
    if (!segment)
      throw brokenSum(from, frame, `segments [${first}, ${first + running.work.length})`, `${frame.segment}`);
    const bytes = bytesOf(segment, frame);
    checkPayload(from, frame, precisionOf(segment.precision, frame), bytes);
    const isNew =
      frame.kind === 'partial'
        ? this.#receivePartial(from, frame, segment)
        : this.#receiveTotal(from, frame, segment, running);
    if (!isNew) return;
    this.#received += bytes;
    this.#advance(running, segment);
  }

  /** Gives up the all-reduce under way, if there is one: `begin` rejects with `error`, and late frames of it are dropped. */
  abort(error: Error): void {
    const running = this.#running;
    this.#running = undefined;
    this.#library.abort(error);
    if (running && running.left > 0) running.reject(error);
  }

  /** Any round may come next: this member has been given the parameters anew. */
  restart(): void {
    this.abort(new Error('this member starts anew'));
    [this.#round, this.#attempt] = [-1, 0];
    this.#early.clear();
  }

  /**
   * The round counts, since all who gave sums have the total: what rounding lost is added to what the next round sends.
   */
  commit(): void {
    this.#workbench.commit();
  }

  /** Sums of squares of the last total by blocks, of what a member updates: the bits that it has. */
  blocksOf(shares: readonly ParameterShare[], id: number): Float64Array {
    return blocksAmong(this.#normSums, updatedBy(shares, id));
  }

  /** Who still owes how many bytes. */
  waitingFor(): readonly { readonly id: number; readonly bytes: number }[] {
    const { work, plan } = this.#running ?? {};
    return work && plan ? owedBytes(work, plan.shards) : [];
  }

  #workOf(plan: AllReducePlan): SegmentWork[] {
    const { layout } = this.#options;
    if (plan.shares) checkShares(plan.shares, layout.state, shareUnit(plan.precision));
    const segments = segmentsOf(layout, plan, partIn(this.#options.parts, plan.part));
    const routes = routesOf(plan, this.#options.self, segments);
    return segments.map((segment, number) => {
      const place = this.#options.total + segment.start * 4;
      const route = routes[number];
      const precision = segment.gradients ? plan.precision : 'float32';
      const partials = new Partials(this.#workbench, plan.shards, { ...segment, precision }, place, route.inputs);
      return {
        ...segment,
        number: number + (this.#options.firstSegment ?? 0),
        route,
        precision,
        place,
        partials,
        done: route.inputs.length === 0 && route.source === undefined,
      };
    });
  }

  #receivePartial(from: number, frame: SlabFrame, segment: SegmentWork): boolean {
    if (!isOwed(from, frame, segment.partials.owed, segment.route.inputs)) return false;
    const finite = segment.partials.receive(frame, from, (checksum) => checkChecksum(from, frame, checksum));
    if (!finite) this.#nonFinite.set(from, (this.#nonFinite.get(from) ?? 0) + 1);
    return true;
  }

  #receiveTotal(from: number, frame: SlabFrame, segment: SegmentWork, running: Running): boolean {
    const { source, children } = segment.route;
    checkSource(from, frame, source);
    if (segment.done) return false;
    checkTotal(from, frame, running.plan.shards, segment.partials.owed.length);
    checkChecksum(from, frame, this.#workbench.unpack(frame, segment.place, segment.floats));
    this.#finish(running, segment);
    if (children.length === 0) return true;
    const copy = this.#workbench.passOn(frame, segment.place);
    for (const child of children) this.#send(child, copy, copy.payload.length);
    return true;
  }

  /** Sends what is ready once all inputs of a segment are here; ends the all-reduce with its last segment. */
  #advance(running: Running, segment: SegmentWork): void {
    const sums = segment.partials.release();
    const { parent, source } = segment.route;
    if (sums.length > 0 && parent === undefined) this.#settle(running, segment, sums[0]);
    if (sums.length > 0 && parent !== undefined) {
      this.#sendPartials(segment, sums, parent);
      if (source === undefined) this.#done(running, segment);
    }
    this.#end(running);
  }

  #end(running: Running): void {
    if (running.left > 0) return;
    const { shares, part } = running.plan;
    const { self, kernels, layout, total } = this.#options;
    // Segments of a part are no whole blocks of the norm, and between them are zeros.
    if (part !== undefined) sumSquares(kernels, total, layout.trainable, 0, this.#normSums.length, this.#normSums);
    running.resolve(totalSquares(shares ? this.blocksOf(shares, self) : this.#normSums));
  }

  #sendPartials(segment: SegmentWork, sums: readonly Sum[], parent: number): void {
    // In the order of the shards, since a residual goes from one sum to the next.
    const frames = sums.map((sum) => this.#pack(this.#label('partial', sum), segment, sum.place));
    for (const [i, frame] of frames.entries()) this.#send(parent, frame, bytesOf(segment, sums[i]));
  }

  /** At the root: the total goes to who needs it, rounded if the plan says so, and what is kept here is what was sent. */
  #settle(running: Running, segment: SegmentWork, sum: Sum): void {
    if (sum.place !== segment.place) this.#workbench.copy(segment.place, sum.place, segment.floats);
    const frame = this.#pack(this.#label('total', sum), segment, segment.place, segment.place);
    this.#finish(running, segment);
    const bytes = bytesOf(segment, sum);
    for (const child of segment.route.children) this.#send(child, frame, bytes);
  }

  #pack(label: Label, segment: SegmentWork, place: SumPlace, settle?: number): SlabParts {
    const { precision } = segment;
    if (precision === 'float32') return this.#workbench.pack(label, segment, place);
    return isBlocks(precision)
      ? this.#workbench.packExactly(label, segment, precisionOf(precision, label), place)
      : this.#workbench.packRounded(label, segment, precision, place, settle);
  }

  /** The total of a segment is in place. */
  #finish(running: Running, segment: SegmentWork): void {
    const { kernels, layout, total } = this.#options;
    const first = Math.ceil(segment.start / NORM_BLOCK);
    const end = Math.min(first + Math.ceil(segment.floats / NORM_BLOCK), this.#normSums.length);
    sumSquares(kernels, total, layout.trainable, first, end, this.#normSums);
    this.#done(running, segment);
  }

  #done(running: Running, segment: SegmentWork): void {
    segment.done = true;
    running.left--;
  }

  #label(kind: Label['kind'], { low, high }: TreeNode): Label {
    return { kind, round: this.#round, attempt: this.#attempt, low, high };
  }

  #send(to: number, frame: SlabParts, bytes: number): void {
    this.#sent += bytes;
    if (!this.isNear(to)) this.#sentBetween += bytes;
    this.#options.send(to, frame);
  }
}
