/**
 * PowerSGD: Vogels, Karimireddy and Jaggi, "PowerSGD: Practical Low-Rank Gradient Compression for Distributed Optimization"
 * (2019). The matrices of a gradient travel as two low-rank factors, added up one after the other: P = (sum of all M) Q, and
 * with orthonormal P, Q = (sum of all M)' P; the total is P Q', and begins the next round. What that leaves of a member's
 * own part is added to the next (error feedback). All else, and every round of the warm-up, travels as it is.
 */
import { randomStream, uniform } from '../ground/random.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';
import { alignedFloats, type SlabLayout } from '../model/slab.js';
import { AllReduce } from './all-reduce.js';
import type { OwnSum } from './all-reduce-checks.js';
import type { AllReduceOptions } from './all-reduce-options.js';
import { type LowRankLayout, type LowRankMatrix, lowRankLayout } from './low-rank-layout.js';
import { squaresOf } from './norm.js';
import { orthonormalize } from './orthonormal.js';
import type { AllReducePlan } from './plan.js';
import type { ParameterShare } from './shares.js';
import type { SlabFrame } from './slab-frame.js';

export interface PowerSgdRule {
  readonly rank: number;
  /** Rounds that begin before this one travel as they are. */
  readonly warmUpSteps: number;
}

/** Byte offsets of what it works in; those of floats that `powerSgdFloats` counts. */
export interface PowerSgdPlaces {
  /** What compression has left out so far, and as the round under way leaves it: slabs of the trainable floats. */
  readonly errors: readonly [number, number];
  /** Totals of the factors. */
  readonly first: number;
  readonly second: number;
  /** The total of the first, with left factors made orthonormal: it itself may still be on its way to others. */
  readonly left: number;
  /** Right factors that a round begins with. */
  readonly start: number;
  /** Factors of the sums that this member holds. */
  readonly own: readonly { readonly first: number; readonly second: number }[];
}

export interface PowerSgdOptions extends Omit<AllReduceOptions, 'layout' | 'firstSegment'> {
  readonly layout: SlabLayout;
  readonly rule: PowerSgdRule;
  readonly places: PowerSgdPlaces;
}

/** Segments of the first and of the second sum have numbers of their own. */
const firstSegments = [2 ** 30, 2 ** 31] as const;

type Stage = 'plain' | 'first' | 'second';

export class PowerSgd {
  readonly #options: PowerSgdOptions;
  readonly #layout: LowRankLayout;
  readonly #kernels: UpdateKernels;
  readonly #stages: Readonly<Record<Stage, AllReduce>>;
  #plan: AllReducePlan | undefined;
  /** Which of the error slabs counts; whether the other is that of the round under way. */
  #kept = 0;
  #changed = false;

  constructor(options: PowerSgdOptions) {
    const { places, layout, rule, kernels } = options;
    this.#options = options;
    this.#kernels = kernels;
    this.#layout = lowRankLayout(layout, rule.rank);
    const { first, second } = this.#layout;
    this.#stages = {
      plain: new AllReduce(options),
      first: new AllReduce({ ...options, layout: first, total: places.first, firstSegment: firstSegments[0] }),
      second: new AllReduce({ ...options, layout: second, total: places.second, firstSegment: firstSegments[1] }),
    };
  }

  get bytesSent(): number {
    return this.#sum(({ bytesSent }) => bytesSent);
  }
  get bytesBetweenHosts(): number {
    return this.#sum(({ bytesBetweenHosts }) => bytesBetweenHosts);
  }
  get bytesReceived(): number {
    return this.#sum(({ bytesReceived }) => bytesReceived);
  }

  /** As of AllReduce. */
  get place(): number {
    return this.#options.total;
  }

  /** As of AllReduce. */
  async begin(plan: AllReducePlan, own: readonly OwnSum[]): Promise<number> {
    this.abort(new Error(`the all-reduce of round ${plan.round}, attempt ${plan.attempt}, has taken its place`));
    this.#plan = plan;
    this.#changed = false;
    const { plain, first, second } = this.#stages;
    if (this.#isPlain(plan)) return plain.begin(plan, own);
    if (!plan.warm) this.#draw(plan.round);
    const nodes = plan.members.find(({ id }) => id === this.#options.self)?.nodes ?? [];
    const held = own.filter(({ low, high }) => nodes.some((node) => node.low === low && node.high === high));
    const sums = held.map((sum, i) => ({ ...sum, ...this.#places(i) }));
    await first.begin(plan, this.#leftFactors(sums));
    this.#check(plan);
    this.#orthonormalizeLeft();
    await second.begin(plan, this.#rightFactors(sums));
    this.#check(plan);
    this.#leave(sums);
    return this.#decompress();
  }

  receive(from: number, frame: SlabFrame): void {
    const { plain, first, second } = this.#stages;
    const stage = frame.segment >= firstSegments[1] ? second : frame.segment >= firstSegments[0] ? first : plain;
    stage.receive(from, frame);
  }

  abort(error: Error): void {
    this.#plan = undefined;
    for (const stage of Object.values(this.#stages)) stage.abort(error);
  }

  /** The parameters are others: what compression has left of gradients of the old ones is forgotten. */
  restart(): void {
    this.#plan = undefined;
    for (const stage of Object.values(this.#stages)) stage.restart();
    this.#changed = false;
    this.#floats(this.#options.places.errors[this.#kept], this.#options.layout.trainable).fill(0);
  }

  /** The round counts: the next goes on from its right factors and errors. */
  commit(): void {
    if (!this.#changed) return;
    const { places } = this.#options;
    this.#kernels.copy(places.start, places.second, this.#layout.second.state);
    this.#kept = 1 - this.#kept;
    this.#changed = false;
  }

  /** As of AllReduce; there are no shares of a total that is made of factors. */
  blocksOf(shares: readonly ParameterShare[], id: number): Float64Array {
    return this.#stages.plain.blocksOf(shares, id);
  }

  isNear(id: number): boolean {
    return this.#stages.plain.isNear(id);
  }

  waitingFor(): readonly { readonly id: number; readonly bytes: number }[] {
    const owed = new Map<number, number>();
    for (const { id, bytes } of Object.values(this.#stages).flatMap((stage) => stage.waitingFor())) {
      owed.set(id, (owed.get(id) ?? 0) + bytes);
    }
    return [...owed].map(([id, bytes]) => ({ id, bytes }));
  }

  #isPlain({ round }: AllReducePlan): boolean {
    return round < this.#options.rule.warmUpSteps || this.#layout.matrices.length === 0;
  }

  /** @throws what the caller of an attempt that was given up expects */
  #check(plan: AllReducePlan): void {
    if (this.#plan !== plan) throw new Error(`the all-reduce of round ${plan.round} was given up`);
  }

  #sum(of: (stage: AllReduce) => number): number {
    const { plain, first, second } = this.#stages;
    return this.#plan && this.#isPlain(this.#plan) ? of(plain) : of(first) + of(second);
  }

  #floats(offset: number, length: number): Float32Array {
    return new Float32Array(this.#options.memory.buffer, offset, length);
  }

  #places(i: number): { readonly first: number; readonly second: number } {
    const place = this.#options.places.own[i];
    if (!place) throw new Error(`there is no place for the factors of ${i + 1} sums`);
    return place;
  }

  /** Right factors that everybody draws alike. */
  #draw(round: number): void {
    const start = this.#floats(this.#options.places.start, this.#layout.second.state);
    const random = randomStream('powerSgd', round);
    for (let i = 0; i < start.length; i++) start[i] = uniform(random, -1, 1);
  }

  /** P of each sum, and what travels as it is. The error is part of the first sum. */
  #leftFactors(sums: readonly (OwnSum & { readonly first: number })[]): OwnSum[] {
    const { places } = this.#options;
    const { matrices, plain, first } = this.#layout;
    for (const { right, rank, columns } of matrices) {
      orthonormalize(this.#floats(places.start + right * 4, rank * columns), rank, columns, columns, 1);
    }
    return sums.map(({ low, high, offset, first: to }, i) => {
      this.#floats(to, first.state).fill(0);
      for (const { from, to: at, floats } of plain) this.#kernels.copy(to + at * 4, offset + from * 4, floats);
      for (const matrix of matrices) {
        const { left, right, rows, columns, rank } = matrix;
        for (const source of this.#sources(matrix, offset, i)) {
          this.#kernels.lowRankLeft(to + left * 4, source, places.start + right * 4, rows, columns, rank);
        }
      }
      return { low, high, offset: to };
    });
  }

  #orthonormalizeLeft(): void {
    const { first, left: to } = this.#options.places;
    for (const { left, rows, rank } of this.#layout.matrices) {
      this.#kernels.copy(to + left * 4, first + left * 4, alignedFloats(rows * rank));
      orthonormalize(this.#floats(to + left * 4, rows * rank), rank, rows, 1, rank);
    }
  }

  #rightFactors(sums: readonly (OwnSum & { readonly second: number })[]): OwnSum[] {
    const { left: orthonormal } = this.#options.places;
    const { matrices, second } = this.#layout;
    return sums.map(({ low, high, offset, second: to }, i) => {
      this.#floats(to, second.state).fill(0);
      for (const matrix of matrices) {
        const { left, right, rows, columns, rank } = matrix;
        for (const source of this.#sources(matrix, offset, i)) {
          this.#kernels.lowRankRight(to + right * 4, source, orthonormal + left * 4, rows, columns, rank);
        }
      }
      return { low, high, offset: to };
    });
  }

  /** Byte offsets of what is added up to the matrix of the sum number `i` of this member. */
  #sources({ offset: at }: LowRankMatrix, offset: number, i: number): number[] {
    const own = offset + at * 4;
    return i === 0 ? [own, this.#options.places.errors[this.#kept] + at * 4] : [own];
  }

  /** What is left of this member's part: it minus P P' of it, so that those of all members add up to what the total lacks. */
  #leave(sums: readonly (OwnSum & { readonly second: number })[]): void {
    const { places, layout } = this.#options;
    const [before, after] = [places.errors[this.#kept], places.errors[1 - this.#kept]];
    this.#kernels.copy(after, before, layout.trainable);
    for (const { offset, second } of sums) {
      this.#kernels.add(after, offset, layout.trainable);
      for (const { offset: at, left, right, rows, columns, rank } of this.#layout.matrices) {
        const to = after + at * 4;
        this.#kernels.lowRankAdd(to, places.left + left * 4, second + right * 4, rows, columns, rank, -1);
      }
    }
    const errors = this.#floats(after, layout.trainable);
    for (const { from, floats } of this.#layout.plain) errors.fill(0, from, from + floats);
    this.#changed = true;
  }

  /** Puts the total where it is expected. @returns its sum of squares */
  #decompress(): number {
    const { places, total, layout } = this.#options;
    this.#floats(total, layout.trainable).fill(0);
    for (const { from, to, floats } of this.#layout.plain) {
      this.#kernels.copy(total + from * 4, places.first + to * 4, floats);
    }
    for (const { offset, left, right, rows, columns, rank } of this.#layout.matrices) {
      const [p, q] = [places.left + left * 4, places.second + right * 4];
      this.#kernels.lowRankAdd(total + offset * 4, p, q, rows, columns, rank, 1);
    }
    return squaresOf(this.#kernels, total, layout.trainable);
  }
}

/** Floats of each place: errors, totals and start of the factors, and factors of one sum. */
export function powerSgdFloats(layout: SlabLayout, rule: PowerSgdRule) {
  const { first, second } = lowRankLayout(layout, rule.rank);
  return { errors: layout.trainable, first: first.state, second: second.state };
}
