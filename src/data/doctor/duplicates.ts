/** Examples that come again, and above all those that are in two splits: what was trained on is no test. */
import { hash } from 'node:crypto';
import { grouped } from '../../ground/units.js';
import { eachRow } from '../each-row.js';
import type { Dataset } from '../examples.js';
import { bytesPerElement, ofRole, widthOf } from '../field.js';
import { originOf } from '../row-origins.js';
import { type DataFinding, type Duplicates, type SplitCounts, splitNames } from './diagnosis.js';

/** Two examples are the same where all inputs have the same bytes. */
export async function duplicatesOf(dataset: Dataset): Promise<Duplicates> {
  const { examples, splits } = dataset;
  const digests = await digestsOf(dataset);
  const first = new Map<string, { example: number; split: string }>();
  let [rows, acrossSplits] = [0, 0];
  let example: Duplicates['example'];
  const [{ name }] = ofRole(examples.columns, 'input');
  for (const split of splitNames) {
    for (const row of splits[split]) {
      const known = first.get(digests[row]);
      if (!known) {
        first.set(digests[row], { example: row, split });
        continue;
      }
      rows++;
      if (known.split === split) continue;
      acrossSplits++;
      example ??= [originOf(dataset, row, name), originOf(dataset, known.example, name)];
    }
  }
  return { rows, acrossSplits, ...(example && { example }) };
}

async function digestsOf({ examples }: Dataset): Promise<string[]> {
  const digests = new Array<string>(examples.count).fill('');
  for (const column of ofRole(examples.columns, 'input')) {
    const bytes = widthOf(column) * bytesPerElement(column);
    const visit = (values: { buffer: ArrayBufferLike; byteOffset: number }, start: number, example: number) => {
      const from = values.byteOffset + start * bytesPerElement(column);
      // A copy, because hashing takes no shared memory.
      const row = Buffer.from(new Uint8Array(values.buffer, from, bytes));
      digests[example] += hash('md5', row, 'base64').slice(0, 20);
    };
    await eachRow(column, examples.count, visit);
  }
  return digests;
}

export function duplicateFindings(
  { acrossSplits, example }: Duplicates,
  rows: SplitCounts,
  isTable: boolean,
): DataFinding[] {
  if (acrossSplits === 0 || !example) return [];
  const held = rows.validation + rows.test;
  const problem =
    `${grouped(acrossSplits)} of ${grouped(held)} examples that are held out have the inputs of an example of another split: ` +
    `${example[0]} repeats ${example[1]}`;
  const remedy = isTable
    ? 'remove what comes twice, or keep its rows together with data.split.group: COLUMN'
    : 'remove what comes twice before it is split';
  return [{ about: 'duplicates', problem, remedy }];
}
