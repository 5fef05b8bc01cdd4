/** Which tensors of a gradient are worth two low-rank factors, and where those lie in the sums that then travel. */
import { alignedFloats, type SlabLayout } from '../model/slab.js';
import type { AllReduceLayout } from './segments.js';

/** A matrix of the gradient: all axes of its tensor but the last are rows. */
export interface LowRankMatrix {
  /** First float in the gradient. */
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  /** First floats of its factors: left [rows, rank] in the first sum, right [rank, columns] in the second. */
  readonly left: number;
  readonly right: number;
}

/** What travels as it is: floats of the gradient, and where they lie in the first sum. */
interface PlainRange {
  readonly from: number;
  readonly to: number;
  readonly floats: number;
}

export interface LowRankLayout {
  readonly matrices: readonly LowRankMatrix[];
  readonly plain: readonly PlainRange[];
  /** Left factors, and all that travels as it is. */
  readonly first: AllReduceLayout;
  /** Right factors. */
  readonly second: AllReduceLayout;
}

/** Times that a matrix must be as large as its factors, as in PyTorch's PowerSGDState. */
const worthwhile = 2;

/** @param rank of the factors, or the smaller side of a matrix where that is less */
export function lowRankLayout({ tensors, trainable, state }: SlabLayout, rank: number): LowRankLayout {
  const matrices: LowRankMatrix[] = [];
  const plain: PlainRange[] = [];
  let [first, second] = [0, 0];
  for (const { shape, offset, size } of tensors.filter(({ offset }) => offset < trainable)) {
    const columns = shape.at(-1) ?? 1;
    const rows = size / columns;
    const own = Math.min(rank, rows, columns);
    if (shape.length < 2 || (rows + columns) * own * worthwhile >= size) {
      plain.push({ from: offset, to: first, floats: alignedFloats(size) });
      first += alignedFloats(size);
      continue;
    }
    matrices.push({ offset, rows, columns, rank: own, left: first, right: second });
    first += alignedFloats(rows * own);
    second += alignedFloats(own * columns);
  }
  if (state > trainable) plain.push({ from: trainable, to: first, floats: state - trainable });
  return {
    matrices,
    plain,
    first: { trainable: first, state: first + state - trainable },
    second: { trainable: second, state: second },
  };
}
