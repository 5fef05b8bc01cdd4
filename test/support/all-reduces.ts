/** Worlds of members in one process, whose frames are delivered in an order that a seed decides. */
import type { WireError } from '../../src/errors.js';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { AllReduce } from '../../src/reduce/all-reduce.js';
import type { AllReducePlan, PlanMember } from '../../src/reduce/plan.js';
import { type AllReduceLayout, LARGEST_SEGMENT } from '../../src/reduce/segments.js';
import { openSlab } from '../../src/reduce/slab-frame.js';
import { reductionPlan, type TreeNode } from '../../src/reduce/tree.js';
import { SCRATCH_FLOATS } from '../../src/reduce/workbench.js';
import { inOne } from './slab-frames.js';
import { randomFloats } from './slabs.js';

export interface Delivery {
  readonly from: number;
  readonly to: number;
  readonly frame: Buffer;
}

/** Whole numbers in [0, below). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Gradients of shards and their sums along the tree, as one machine with one thread computes them. */
export class Gradients {
  readonly #leaves: readonly Float32Array[];

  constructor(shards: number, length: number, seed: number, magnitude = 1) {
    const scales = [1, 10, 100, 1000].map((scale) => scale * magnitude);
    // Of several magnitudes, so that another order of additions has other bits.
    this.#leaves = Array.from({ length: shards }, (_, shard) => {
      const leaf = randomFloats(seed * 1000 + shard, length);
      for (let i = 0; i < length; i++) leaf[i] *= scales[(i + shard) % 4];
      return leaf;
    });
  }

  sum({ low, high }: TreeNode): Float32Array {
    const slots: Float32Array[] = [];
    const plan = reductionPlan(high - low, 1);
    for (const step of [...plan.steps.flat(), ...plan.final]) {
      if ('compute' in step) slots[step.into] = this.#leaves[low + step.compute].slice();
      else add(slots[step.to], slots[step.add]);
    }
    return slots[plan.total];
  }
}

/** Adds `other` to `total`, number by number. */
function add(total: Float32Array, other: Float32Array): void {
  for (let i = 0; i < total.length; i++) total[i] += other[i];
}

const SLOTS = 8;

/** One member: its memory with slots, a total and scratch, and its exchange. */
export class Member {
  readonly exchange: AllReduce;
  readonly refusals: { from: number; error: WireError }[] = [];
  readonly total: Float32Array;
  readonly #slots: readonly Float32Array[];
  /** Where every other frame is when it is received. */
  readonly #landing: Uint8Array;
  #received = 0;

  constructor(id: number, layout: AllReduceLayout, earlyBytes: number, deliver: (delivery: Delivery) => void) {
    const bytes = layout.state * 4;
    const landing = 64 + (SLOTS + 1) * bytes + SCRATCH_FLOATS * 4;
    const size = landing + LARGEST_SEGMENT * 4 + 64;
    const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 65536), maximum: 65536, shared: true });
    this.#slots = Array.from(
      { length: SLOTS },
      (_, i) => new Float32Array(memory.buffer, 64 + i * bytes, layout.state),
    );
    this.total = new Float32Array(memory.buffer, 64 + SLOTS * bytes, layout.state);
    this.#landing = new Uint8Array(memory.buffer, landing, size - landing);
    this.exchange = new AllReduce({
      self: id,
      memory,
      kernels: loadUpdateKernels(memory),
      layout,
      total: this.total.byteOffset,
      scratch: 64 + (SLOTS + 1) * bytes,
      earlyBytes,
      send: (to, frame) => deliver({ from: id, to, frame: inOne(frame) }),
      refused: (from, error) => this.refusals.push({ from, error }),
    });
  }

  /** Computes its nodes and begins. */
  begin(plan: AllReducePlan, nodes: readonly TreeNode[], gradients: Gradients): Promise<number> {
    const own = nodes.map((node, i) => {
      this.#slots[i].set(gradients.sum(node));
      return { ...node, offset: this.#slots[i].byteOffset };
    });
    return this.exchange.begin(plan, own);
  }

  /** The slots as they are now. */
  slots(count: number): Float32Array[] {
    return this.#slots.slice(0, count).map((slot) => slot.slice());
  }

  receive({ from, frame }: Delivery): void {
    if (this.#received++ % 2 === 0) {
      this.exchange.receive(from, openSlab(Buffer.from(frame)));
      return;
    }
    // Behind a header, numbers lie anywhere; what comes next lands in the same place.
    const landed = this.#landing.subarray(6, 6 + frame.length);
    landed.set(frame);
    try {
      this.exchange.receive(from, openSlab(landed));
    } finally {
      landed.fill(0xff);
    }
  }
}

/** Members and the frames on their way between them; the frames of one connection stay in order unless shuffled. */
export class World {
  readonly members = new Map<number, Member>();
  queue: Delivery[] = [];

  constructor(ids: readonly number[], layout: AllReduceLayout, earlyBytes = 64 * layout.state) {
    for (const id of ids) {
      this.members.set(id, new Member(id, layout, earlyBytes, (delivery) => this.queue.push(delivery)));
    }
  }

  /**
   * Exchanges a round: members begin and frames arrive in random order, some of them twice.
   *
   * @returns the sum of squares that each member reports, in the order of the plan
   */
  async exchange(plan: AllReducePlan, gradients: Gradients, random: (below: number) => number): Promise<number[]> {
    const waiting = [...plan.members];
    const results = new Map<number, Promise<number>>();
    while (waiting.length > 0 || this.queue.length > 0) {
      if (waiting.length > 0 && (this.queue.length === 0 || random(4) === 0)) {
        const [{ id, nodes }] = waiting.splice(random(waiting.length), 1);
        results.set(id, this.members.get(id)!.begin(plan, nodes, gradients));
      } else {
        const [delivery] = this.queue.splice(random(this.queue.length), 1);
        this.members.get(delivery.to)?.receive(delivery);
        if (random(5) === 0) this.members.get(delivery.to)?.receive(delivery);
      }
    }
    return Promise.all(plan.members.map(({ id }) => results.get(id)!));
  }
}

/** Deals the shards out to members: in runs one behind the other, or at random; some neighbours added up already. */
export function deal(
  ids: readonly number[],
  shards: number,
  random: (below: number) => number,
  contiguous: boolean,
): PlanMember[] {
  const nodes = new Map(ids.map((id) => [id, [] as TreeNode[]]));
  for (let low = 0; low < shards; ) {
    let size = 1;
    while (low % (size * 2) === 0 && low + size * 2 <= shards && random(2) === 0) size *= 2;
    const owner = contiguous ? Math.floor((low * ids.length) / shards) : random(ids.length);
    nodes.get(ids[owner])!.push({ low, high: low + size });
    low += size;
  }
  return ids.map((id) => ({ id, nodes: nodes.get(id)! }));
}
