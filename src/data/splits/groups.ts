/** Splits that keep groups together: which groups go where, so that the splits are as large as was asked, or nearly so. */
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { DataError } from '../../errors.js';
import { shuffle } from '../../ground/random.js';
import { grouped } from '../../ground/units.js';
import type { Splits } from '../examples.js';
import type { SplitKey } from './split-key.js';
import { type HeldOutCounts, rowsByValue } from './stratify.js';

/** Rows for each split, in any order. */
export type Division = Readonly<Record<keyof Splits, readonly Int32Array[]>>;

/** Cells of the table of sums that are looked at, at most: some hundredths of a second. */
const mostCells = 1 << 23;
/** So many groups are chosen by their sizes alone. */
const fewGroups = 16;
/** The part of what was asked by which a split may be off without a word. */
const tolerance = 0.2;

/**
 * @param pool rows to divide
 * @param given rows of splits that have files of their own
 * @param counts examples that validation and test are to have of the pool
 * @param warn told of a split whose size groups allow only by far
 * @throws DataError if there are fewer groups than splits, or if a group is in two files
 */
export function divideGroups(
  key: SplitKey,
  pool: Int32Array,
  given: Readonly<Record<'validation' | 'test', Int32Array>>,
  counts: HeldOutCounts,
  random: RandomGenerator,
  warn: (message: string) => void,
): Division {
  const { unit, values } = key;
  const label = `${unit} ${key.name}`;
  const groups = rowsByValue(values, pool);
  refuseShared(key, [groups, rowsByValue(values, given.validation), rowsByValue(values, given.test)]);
  const wanted = (['test', 'validation'] as const).filter((split) => counts[split] > 0);
  if (groups.size < wanted.length + 1) {
    const fewer = groups.size > 1 ? 'set data.split.validation or data.split.test to 0, or ' : '';
    throw new DataError(
      `data.split.group: ${label} has ${groups.size > 1 ? `${groups.size} values` : 'one value'}, too few for ${wanted.length + 1} splits`,
      `${fewer}name another ${unit}, or leave group out`,
    );
  }
  const order = Int32Array.from(groups.keys());
  shuffle(order, random);
  let free = [...order].map((code) => Int32Array.from(groups.get(code)!));
  const division = { training: [] as Int32Array[], validation: [] as Int32Array[], test: [] as Int32Array[] };
  wanted.forEach((split, i) => {
    const sizes = free.map(({ length }) => length);
    const taken = new Set(nearest(sizes, counts[split], wanted.length - i));
    division[split] = free.filter((_, place) => taken.has(place));
    free = free.filter((_, place) => !taken.has(place));
    const size = division[split].reduce((sum, { length }) => sum + length, 0);
    if (Math.abs(size - counts[split]) <= tolerance * counts[split]) return;
    warn(
      `data.split.${split}: ${grouped(counts[split])} examples were asked for, and whole groups of ${label} ` +
        `make it ${grouped(size)}`,
    );
  });
  return { ...division, training: free };
}

/** Files of their own may have no group of another split. */
function refuseShared({ unit, name, names = [] }: SplitKey, parts: readonly ReadonlyMap<number, unknown>[]): void {
  const seen = new Set<number>();
  for (const part of parts) {
    for (const code of part.keys()) {
      if (!seen.has(code)) continue;
      throw new DataError(
        `data.split.group: ${JSON.stringify(names[code])} of ${unit} ${name} is in the files of two splits`,
        'take its examples out of one of them, or give fractions',
      );
    }
    for (const code of part.keys()) seen.add(code);
  }
}

/**
 * Places of groups, at least one, whose sizes add up to what is nearest to `target`. While much is missing, groups are taken
 * as they come, large and small; for the last the sizes decide. Of few groups, all
 * are chosen by their sizes.
 *
 * @param leave groups that must be left over
 */
function nearest(sizes: readonly number[], target: number, leave: number): number[] {
  const taken: number[] = [];
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const byChance = sizes.length > fewGroups ? largest : target;
  const exact = Math.min(byChance, Math.max(1, Math.floor(mostCells / (2 * sizes.length))));
  let missing = target;
  let next = 0;
  for (; missing > exact && next < sizes.length; next++) {
    if (sizes[next] > missing) continue;
    taken.push(next);
    missing -= sizes[next];
  }
  const chosen = new Set(taken);
  const rest = sizes.flatMap((_, place) => (chosen.has(place) ? [] : [place]));
  taken.push(...sumTo(sizes, rest, missing));
  const least = (places: readonly number[]) => places.reduce((a, b) => (sizes[b] < sizes[a] ? b : a));
  if (taken.length === 0) return [least(rest)];
  while (sizes.length - taken.length < leave) taken.splice(taken.indexOf(least(taken)), 1);
  return taken;
}

/** The places whose sizes add up to what is nearest to `target`, the smaller of two; none where nothing is nearer. */
function sumTo(sizes: readonly number[], places: readonly number[], target: number): number[] {
  const most = 2 * target;
  // Of each sum that can be had: the place, counted from 1, that was the first to make it, last in its sum.
  const last = new Int32Array(most + 1);
  for (const [i, place] of places.entries()) {
    const size = sizes[place];
    for (let sum = most; sum >= size; sum--) {
      if (last[sum] === 0 && (sum === size || last[sum - size] > 0)) last[sum] = i + 1;
    }
    if (last[target] > 0) break;
  }
  let off = 0;
  while (off < target && last[target - off] === 0 && last[target + off] === 0) off++;
  let sum = last[target - off] > 0 ? target - off : target + off;
  if (off === target) return [];
  const taken: number[] = [];
  while (sum > 0) {
    const place = places[last[sum] - 1];
    taken.push(place);
    sum -= sizes[place];
  }
  return taken;
}
