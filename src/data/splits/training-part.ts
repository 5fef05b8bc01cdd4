/** A part of the training split, for learning curves: seeded, and smaller parts lie within larger ones. */
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { DataError } from '../../errors.js';
import { randomStream, shuffle } from '../../ground/random.js';
import type { SourceExamples, Splits } from '../examples.js';
import type { SplitPlan } from './split-plan.js';
import { groupByClass, groupByKey, rowsByValue } from './stratify.js';

/**
 * The splits with a part of the training split; validation and test stay as they are. Each class or value has its share where
 * the plan stratifies, and whole groups are taken where it keeps them together.
 *
 * @param fraction above 0, at most 1
 * @param plan by which the examples were divided
 * @throws DataError where it leaves no example
 */
export function withTrainingPart(
  splits: Splits,
  fraction: number,
  examples: SourceExamples,
  plan: Splits | SplitPlan,
  seed: number,
): Splits {
  if (fraction === 1) return splits;
  const random = randomStream('training part', seed);
  const { training } = splits;
  const taken =
    'training' in plan || plan.by?.kind !== 'group'
      ? strataOf(training, examples, plan).flatMap((rows) => part(rows, fraction, random))
      : wholeGroups([...rowsByValue(plan.by.values, training).values()], fraction * training.length, random);
  if (taken.length > 0) return { ...splits, training: Int32Array.from(taken).sort() };
  const remedy = `use at least ${Math.ceil(1000 / Math.max(1, training.length)) / 1000}`;
  throw new DataError(
    `data.trainingFraction: ${fraction} of ${training.length} training examples is not even one`,
    remedy,
  );
}

function strataOf(training: Int32Array, examples: SourceExamples, plan: Splits | SplitPlan): Int32Array[] {
  if ('training' in plan) return [training];
  if (plan.by?.kind === 'stratify') return groupByKey(plan.by, training).map(({ rows }) => rows);
  return plan.stratify === false ? [training] : groupByClass(examples, training, plan).map(({ rows }) => rows);
}

/** The first ones of an order by chance, which does not depend on how many are taken. */
function part(rows: Int32Array, fraction: number, random: RandomGenerator): number[] {
  const shuffled = rows.slice();
  shuffle(shuffled, random);
  return [...shuffled.subarray(0, Math.round(fraction * rows.length))];
}

/** Groups in an order by chance, until there are so many rows. */
function wholeGroups(groups: readonly (readonly number[])[], wanted: number, random: RandomGenerator): number[] {
  const order = Int32Array.from(groups.keys());
  shuffle(order, random);
  const taken: number[] = [];
  for (const group of order) {
    if (taken.length >= wanted) break;
    taken.push(...groups[group]);
  }
  return taken;
}
