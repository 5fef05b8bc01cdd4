/** Of the ranks of a job each comes in once: a second one of its number, and one that goes by another number of ranks, do not. */
import { expect, it } from 'vitest';
import { RankRoll } from '../../coordinator/world/rank-roll.js';
import { RefusedError, WireError } from '../../src/errors.js';

const rank = (number: number, membership: string, size = 3) => ({ rank: { number, size }, membership });

it('a rank comes in where it is not here yet, or was here itself, and so does who is none', () => {
  const roll = new RankRoll(3, 100);
  const here = [rank(1, 'a'), { rank: null, membership: 'outside' }];
  for (const comes of [rank(2, 'b'), rank(1, 'a'), { rank: null, membership: 'more' }]) {
    expect(roll.refusal(comes, here, 0)).toBeUndefined();
  }
});

it('one that goes by another number of ranks is refused', () => {
  const refused = new RankRoll(2, 100).refusal(rank(1, 'a'), [], 0)!;
  expect(refused.error).toBeInstanceOf(RefusedError);
  expect(refused.error.problem).toBe('it is rank 1 of 3, and rank 0 goes by 2 ranks');
});

it('a second process of one number waits for as long as the first may have died unseen, and is then refused', () => {
  const roll = new RankRoll(3, 100);
  const here = [rank(1, 'a')];
  const first = roll.refusal(rank(1, 'b'), here, 0)!;
  expect([first.error, first.again]).toEqual([expect.any(WireError), false]);
  expect(first.error.problem).toContain('rank 1 is here already');
  expect(roll.refusal(rank(1, 'b'), here, 100)).toMatchObject({ error: expect.any(WireError), again: true });
  expect(roll.refusal(rank(1, 'b'), here, 101)).toMatchObject({ error: expect.any(RefusedError), again: false });
  // The one in whose place it was started has been given up.
  expect(roll.refusal(rank(1, 'b'), [], 101)).toBeUndefined();
});
