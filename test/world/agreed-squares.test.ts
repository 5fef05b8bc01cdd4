/** The norm of a total that no member has all of: its bits are those of one who has, and who disagrees is noticed. */
import { expect, it } from 'vitest';
import { agreedBlocks, agreedSquares } from '../../coordinator/world/agreed-squares.js';
import { NORM_BLOCK, totalSquares } from '../../src/reduce/norm.js';
import { dealShares, updatedBy } from '../../src/reduce/shares.js';
import { lcg } from '../support/engines.js';

const random = lcg(3);
/** Of as many blocks as there are parameters; what lies behind them is the model's state. */
const sums = Float64Array.from({ length: 7 }, () => random() ** 9);
const shares = dealShares(8 * NORM_BLOCK, NORM_BLOCK, [4, 2, 9], [2, 9, 4]);

const told = () =>
  new Map(
    [2, 4, 9].map((id) => {
      const blocks = updatedBy(shares, id).flatMap(({ from, to }) => [
        ...sums.subarray(from / NORM_BLOCK, to / NORM_BLOCK),
      ]);
      return [id, { squares: 0, blocks: Float64Array.from(blocks) }];
    }),
  );

it('adds up blocks in the order of the slab', () => {
  expect(agreedBlocks(shares, told())).toBe(totalSquares(sums));
});

it.each([2, 4, 9])('does not take a sum of member %i that another one has otherwise, or has not', (id) => {
  const other = told();
  other.get(id)!.blocks[0] *= 1 + 2 ** -52;
  expect(agreedBlocks(shares, other)).toBeUndefined();
  const short = told();
  short.set(id, { squares: 0, blocks: short.get(id)!.blocks.subarray(1) });
  expect(agreedBlocks(shares, short)).toBeUndefined();
});

it('takes a sum that is not finite, which all have', () => {
  const diverged = told();
  for (const { blocks } of diverged.values()) blocks.fill(Number.NaN);
  expect(agreedBlocks(shares, diverged)).toBeNaN();
  expect(agreedSquares([{ squares: Number.NaN }, { squares: Number.NaN }])).toBeNaN();
  expect(agreedSquares([{ squares: 1 }, { squares: 2 }])).toBeUndefined();
});
