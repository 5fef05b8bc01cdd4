/** The rising curve that is nearest to what scores turned out to be: isotonic regression by pooling adjacent violators. */
import type { IsotonicCurve } from '../metrics/class-probabilities.js';
import { descending } from '../metrics/sorted.js';

/** Scores that are one, with what became of them. */
interface IsotonicBlock {
  readonly first: number;
  readonly last: number;
  readonly weight: number;
  readonly hits: number;
}

/**
 * Least squares of a rising line (Ayer et al. 1955), as scikit-learn's IsotonicRegression: equal scores are one point with their
 * mean, and of points of one height only the first and the last are kept.
 * @param scores none NaN
 * @param isHit whether a row is of the class
 * @param weights of rows; all count 1 where there are none, and those of 0 are left out
 */
export function fitIsotonic(
  scores: Float64Array,
  isHit: (row: number) => boolean,
  weights?: ArrayLike<number>,
): IsotonicCurve {
  const blocks: IsotonicBlock[] = [];
  for (const row of descending(scores).reverse()) {
    const weight = weights ? weights[row] : 1;
    if (weight === 0) continue;
    const own = { first: scores[row], last: scores[row], weight, hits: isHit(row) ? weight : 0 };
    const before = blocks.at(-1);
    if (before?.last === own.first) blocks[blocks.length - 1] = joined(before, own);
    else {
      pool(blocks);
      blocks.push(own);
    }
  }
  pool(blocks);
  const points = blocks.flatMap(({ first, last, hits, weight }) => {
    const probability = hits / weight;
    return first === last
      ? [[first, probability]]
      : [
          [first, probability],
          [last, probability],
        ];
  });
  return { scores: points.map(([score]) => score), probabilities: points.map(([, probability]) => probability) };
}

/** Joins the last blocks as long as one is not above the one before. */
function pool(blocks: IsotonicBlock[]): void {
  while (blocks.length > 1) {
    const [before, last] = blocks.slice(-2);
    if (before.hits * last.weight < last.hits * before.weight) return;
    blocks.splice(-2, 2, joined(before, last));
  }
}

const joined = (a: IsotonicBlock, b: IsotonicBlock): IsotonicBlock => ({
  first: a.first,
  last: b.last,
  weight: a.weight + b.weight,
  hits: a.hits + b.hits,
});
