/** What decided about the splits of a data set, other than chance and classes. */
import { type Dataset, type SplitName, splitNames } from '../examples.js';
import { labelOf } from '../splits/split-key.js';
import type { GroupReport, SplitReport } from './diagnosis.js';

export function splitReport({ by, splits }: Dataset): SplitReport | undefined {
  if (!by) return undefined;
  const { kind, values } = by;
  if (kind !== 'order') return { kind, of: labelOf(by) };
  const ranges: Partial<Record<SplitName, readonly [number, number]>> = {};
  for (const split of splitNames) {
    let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const row of splits[split]) {
      lowest = Math.min(lowest, values[row]);
      highest = Math.max(highest, values[row]);
    }
    if (splits[split].length > 0) ranges[split] = [lowest, highest];
  }
  return { kind, of: labelOf(by), ranges };
}

/** The groups that the config splits by, where no table says more of them. */
export function groupsByKey({ by, splits }: Dataset): GroupReport[] | undefined {
  if (by?.kind !== 'group') return undefined;
  const { name, values, names = [] } = by;
  const seen = new Uint8Array(names.length);
  splitNames.forEach((split, i) => {
    for (const row of splits[split]) seen[values[row]] |= 1 << i;
  });
  const shared = names.filter((_, code) => (seen[code] & (seen[code] - 1)) !== 0);
  return [{ column: name, values: names.length, shared: shared.length, examples: shared.slice(0, 5) }];
}
