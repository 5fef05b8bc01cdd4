/** What the doctor says of examples that come again, and above all of those that are in two splits. */
import type { DataConfig } from '../../config/data.js';
import { grouped, plural } from '../../ground/units.js';
import type { Dataset } from '../examples.js';
import { ofRole } from '../field.js';
import { repeatsOf } from '../repeats.js';
import { originOf } from '../row-origins.js';
import { keepTogether } from '../splits/keep-together.js';
import type { DataFinding, Duplicates, SplitCounts } from './diagnosis.js';

/** @param hasConflicts whether the same inputs should have the same target, as those of a text need not */
export async function duplicatesOf(dataset: Dataset, hasConflicts: boolean): Promise<Duplicates> {
  const [{ name }] = ofRole(dataset.examples.columns, 'input');
  const { rows, acrossSplits, conflicts, example, conflict } = await repeatsOf(dataset);
  const named = ([row, known]: readonly [number, number]) =>
    [originOf(dataset, row, name), originOf(dataset, known, name)] as const;
  return {
    rows,
    acrossSplits,
    ...(example && { example: named(example) }),
    conflicts: hasConflicts ? conflicts : 0,
    ...(hasConflicts && conflict && { conflict: named(conflict) }),
  };
}

export function duplicateFindings(
  { acrossSplits, example, conflicts, conflict }: Duplicates,
  rows: SplitCounts,
  config: DataConfig,
): DataFinding[] {
  const findings: DataFinding[] = [];
  if (example) {
    const held = rows.validation + rows.test;
    const problem =
      `${grouped(acrossSplits)} of ${grouped(held)} examples that are held out have the inputs of an example of another split: ` +
      `${example[0]} repeats ${example[1]}`;
    const together = keepTogether(config);
    const remedy = together
      ? `remove what comes twice, or keep it together: ${together}`
      : 'remove what comes twice before it is split';
    findings.push({ about: 'duplicates', problem, remedy });
  }
  if (conflict) {
    const problem =
      `label conflict: ${plural(conflicts, 'example')} ${conflicts === 1 ? 'has' : 'have'} the inputs of another and a different target: ${conflict[0]} and ` +
      `${conflict[1]}`;
    const remedy = 'correct the targets, or add inputs that tell such examples apart';
    findings.push({ about: 'conflicts', problem, remedy });
  }
  return findings;
}
