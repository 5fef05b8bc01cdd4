/** Gradients in low-rank factors: PyTorch's numbers, members that agree, few bytes, and nothing lost in the long run. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { type SlabLayout, slabLayout, tensorOf } from '../../src/model/slab.js';
import { lowRankLayout } from '../../src/reduce/low-rank-layout.js';
import { PowerSgd, type PowerSgdRule, powerSgdFloats } from '../../src/reduce/power-sgd.js';
import { openSlab, type SlabParts } from '../../src/reduce/slab-frame.js';
import { SCRATCH_FLOATS } from '../../src/reduce/workbench.js';
import { inOne } from '../support/slab-frames.js';
import { bits, randomFloats } from '../support/slabs.js';

/** A member in a memory of its own, with a place for one sum. */
class Member {
  readonly exchange: PowerSgd;
  readonly sum: Float32Array;
  readonly total: Float32Array;
  readonly start: Float32Array;

  constructor(id: number, layout: SlabLayout, rule: PowerSgdRule, send: (to: number, frame: SlabParts) => void) {
    const { errors, first, second } = powerSgdFloats(layout, rule);
    const lengths = [
      layout.state,
      layout.state,
      errors,
      errors,
      first,
      second,
      second,
      first,
      second,
      SCRATCH_FLOATS,
      first,
    ];
    const offsets: number[] = [];
    let end = 64;
    for (const length of lengths) {
      offsets.push(end);
      end += Math.ceil(length / 16) * 64;
    }
    const memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65536), maximum: 65536, shared: true });
    const view = (i: number) => new Float32Array(memory.buffer, offsets[i], lengths[i]);
    [this.sum, this.total, this.start] = [view(0), view(1), view(6)];
    this.exchange = new PowerSgd({
      self: id,
      memory,
      kernels: loadUpdateKernels(memory),
      layout,
      rule,
      total: offsets[1],
      scratch: offsets[9],
      earlyBytes: 100 * layout.state * 4,
      send,
      refused: (_, error) => {
        throw error;
      },
      places: {
        errors: [offsets[2], offsets[3]],
        first: offsets[4],
        second: offsets[5],
        left: offsets[10],
        start: offsets[6],
        own: [{ first: offsets[7], second: offsets[8] }],
      },
    });
  }
}

/** Members with a shard each, the last of which only follows. */
class World {
  readonly members: readonly Member[];
  readonly #trainable: number;
  #queue: { readonly from: number; readonly to: number; readonly frame: SlabParts }[] = [];

  constructor(count: number, layout: SlabLayout, rule: PowerSgdRule) {
    this.#trainable = layout.trainable;
    this.members = Array.from(
      { length: count + 1 },
      (_, id) => new Member(id, layout, rule, (to, frame) => this.#queue.push({ from: id, to, frame })),
    );
  }

  async exchange(
    round: number,
    warm: boolean,
    sumOf: (member: number) => Float32Array,
    { attempt = 0, commits = true } = {},
  ): Promise<Float32Array> {
    const holders = this.members.length - 1;
    const plan = {
      ...({ round, attempt, warm, algorithm: 'star', precision: 'float32', shards: holders } as const),
      members: this.members.map((_, id) => ({ id, nodes: id < holders ? [{ low: id, high: id + 1 }] : [] })),
    };
    const results = this.members.map(({ exchange, sum }, id) => {
      if (id < holders) sum.set(sumOf(id));
      return exchange.begin(plan, id < holders ? [{ low: id, high: id + 1, offset: sum.byteOffset }] : []);
    });
    const all = Promise.all(results);
    let done = false;
    void all.then(() => {
      done = true;
    });
    for (let i = 0; i < 1000 && !done; i++) {
      const queue = this.#queue;
      this.#queue = [];
      // What is sent is read on its way only, some time after.
      for (const { from, to, frame } of queue) this.members[to].exchange.receive(from, openSlab(inOne(frame)));
      await new Promise(setImmediate);
    }
    const squares = await all;
    expect(new Set(squares).size).toBe(1);
    const [{ total }, ...others] = this.members;
    for (const other of others) expect(bits(other.total)).toEqual(bits(total));
    const own = total.subarray(0, this.#trainable);
    const wanted = own.reduce((sum, value) => sum + value * value, 0);
    if (Number.isFinite(wanted)) expect(squares[0]).toBeCloseTo(wanted, 2);
    else expect(squares[0]).toBeNaN();
    if (commits) for (const { exchange } of this.members) exchange.commit();
    return total.slice();
  }
}

describe('PyTorch', () => {
  const fixture = JSON.parse(readFileSync(new URL('../fixtures/power-sgd.json', import.meta.url), 'utf8')) as {
    readonly rank: number;
    readonly shapes: Readonly<Record<string, readonly number[]>>;
    readonly start: Readonly<Record<string, readonly (readonly number[])[]>>;
    readonly rounds: readonly Readonly<Record<string, readonly number[]>>[];
  };

  it('comes to the same gradients, round by round, with its errors fed back', async () => {
    const { rank, shapes, start, rounds } = fixture;
    const weights = Object.entries(shapes).map(([originalName, shape]) => ({ originalName, shape }));
    const layout = slabLayout(weights, [], []);
    const world = new World(2, layout, { rank, warmUpSteps: 2 });
    const { matrices } = lowRankLayout(layout, rank);
    expect(matrices.map(({ columns }) => columns)).toEqual([18, 9]);
    matrices.forEach(({ offset, right }) => {
      const { name } = layout.tensors.find((tensor) => tensor.offset === offset)!;
      for (const { start: at } of world.members) at.set(start[name].flat(), right);
    });
    const gradientOf = (round: number) => (member: number) => {
      const slab = new Float32Array(layout.state);
      layout.tensors.forEach((tensor, i) => {
        tensorOf(slab, tensor).set(randomFloats(1000 * (round + 1) + 100 * member + i, tensor.size));
      });
      return slab;
    };
    for (const [round, means] of rounds.entries()) {
      const total = await world.exchange(round, true, gradientOf(round));
      for (const tensor of layout.tensors) {
        const ours = tensorOf(total, tensor);
        means[tensor.name].forEach((mean, i) => {
          expect(Math.abs(ours[i] / 2 - mean), `${tensor.name} of round ${round}`).toBeLessThan(2e-5);
        });
      }
    }
  });
});

describe('a world', () => {
  const shapes = { kernel: [64, 48], bias: [48], state: [20] };
  const layout = slabLayout(
    [
      { originalName: 'kernel', shape: shapes.kernel },
      { originalName: 'bias', shape: shapes.bias },
    ],
    [{ originalName: 'mean', shape: shapes.state }],
    [],
  );
  const gradientOf = (member: number) => randomFloats(member + 1, layout.state);

  it('sends factors, and all else as it is; a repeated attempt has the bits of the first', async () => {
    const world = new World(3, layout, { rank: 2, warmUpSteps: 0 });
    const first = await world.exchange(0, false, gradientOf, { commits: false });
    const again = await world.exchange(0, false, gradientOf, { attempt: 1 });
    expect(bits(again)).toEqual(bits(first));
    // Twice: the factors of 64 x 48, and 48 + 32 numbers with their padding.
    expect(world.members[1].exchange.bytesSent).toBe(2 * 4 * (2 * 64 + 2 * 48 + 48 + 32));
    const exact = new Float32Array(layout.state);
    for (const member of [0, 1, 2])
      gradientOf(member).forEach((value, i) => {
        exact[i] += value;
      });
    const [kernel, bias] = layout.tensors;
    expect([...tensorOf(first, bias)]).toEqual([...tensorOf(exact, bias)]);
    expect(tensorOf(first, kernel)).not.toEqual(tensorOf(exact, kernel));
  });

  it('loses nothing in the long run', async () => {
    const world = new World(2, layout, { rank: 2, warmUpSteps: 0 });
    const rounds = 150;
    const sum = new Float64Array(layout.state);
    for (let round = 0; round < rounds; round++) {
      const total = await world.exchange(round, round > 0, gradientOf);
      total.forEach((value, i) => {
        sum[i] += value;
      });
    }
    const kernel = layout.tensors[0];
    const worst = tensorOf(new Float32Array(sum), kernel).reduce((most, value, i) => {
      const exact = gradientOf(0)[i] + gradientOf(1)[i];
      return Math.max(most, Math.abs(value / rounds - exact));
    }, 0);
    // Random matrices are the worst that there is: two of 48 columns are learned a round.
    expect(worst).toBeLessThan(0.6);
  });

  it('passes NaN on', async () => {
    const world = new World(2, layout, { rank: 2, warmUpSteps: 0 });
    const broken = (member: number) => gradientOf(member).map((value, i) => (i === 5 ? Number.NaN : value));
    await world.exchange(0, false, gradientOf);
    expect((await world.exchange(1, true, broken)).some(Number.isNaN)).toBe(true);
  });
});
