/** The parameters of a coordinator that computes nothing: fetched from workers, never in halves, lost only with all of them. */
import { describe, expect, it } from 'vitest';
import { FetchedState, StateLostError } from '../../coordinator/world/own-state.js';
import type { ReplicaState } from '../../src/wire/state-blob.js';
import { FakeClock } from '../support/rosters.js';

const replica = (value: number): ReplicaState => ({
  parameters: new Float32Array(6).fill(value),
  slots: [new Float32Array(4).fill(value + 0.25), new Float32Array(4).fill(value + 0.5)],
});

/** Has parameters that say which round they are of. */
const holder = (asked: number[] = []) => ({
  async fetch(round: number, { parameters, slots }: ReplicaState) {
    asked.push(round);
    const from = replica(round);
    parameters.set(from.parameters);
    for (const [i, slot] of slots.entries()) slot.set(from.slots[i]);
  },
});

/** Dies when half is sent. */
const dying = {
  async fetch(_: number, { parameters }: ReplicaState) {
    parameters.fill(Number.NaN, 0, 3);
    throw new Error('dead');
  },
};

const start = () => {
  const state = replica(0);
  const clock = new FakeClock();
  const own = new FetchedState(state, clock);
  own.begin(4);
  return { state, clock, own };
};

describe('the parameters of a coordinator that computes nothing', () => {
  it('are fetched when they are needed, and once', async () => {
    const { state, own } = start();
    const asked: number[] = [];
    expect(await own.reach(4, [holder(asked)])).toBe(false);
    expect(state).toEqual(replica(0));
    expect(await own.reach(7, [holder(asked)])).toBe(true);
    expect(state).toEqual(replica(7));
    expect(await own.reach(7, [])).toBe(false);
    expect(asked).toEqual([7]);
    expect(own.round).toBe(7);
  });

  it('come from the next worker when one dies, and show nothing of what that one sent', async () => {
    const { state, own } = start();
    expect(await own.reach(5, [dying, holder()])).toBe(true);
    expect(state).toEqual(replica(5));
  });

  it('stay as they are when nobody is left to send later ones', async () => {
    const { state, own } = start();
    await expect(own.reach(5, [dying])).rejects.toThrow(StateLostError);
    await expect(own.reach(5, [])).rejects.toThrow(StateLostError);
    expect(state).toEqual(replica(0));
    expect(own.round).toBe(4);
  });

  it('are due again after ten seconds, or after twenty times what fetching takes', async () => {
    const { clock, own } = start();
    await clock.pass(10_000);
    expect(own.isDue).toBe(false);
    await clock.pass(1);
    expect(own.isDue).toBe(true);
    const slow = { fetch: () => clock.pass(3000) };
    await own.reach(5, [slow]);
    await clock.pass(60_000);
    expect(own.isDue).toBe(false);
    await clock.pass(1);
    expect(own.isDue).toBe(true);
  });
});
