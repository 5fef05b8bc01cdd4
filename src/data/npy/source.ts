/** `source: npy`: arrays of NumPy as examples. */
import type { NpyConfig } from '../../config/data.js';
import { elements } from '../../ground/elements.js';
import type { SourceColumn } from '../examples.js';
import { inRoleOrder } from '../field.js';
import { numbersEncoding } from '../numbers-encoding.js';
import type { Reading } from '../reading.js';
import { budgetBytes, closeExamples, sharesOf } from '../row-writer.js';
import type { Source } from '../source.js';
import { planOf } from '../splits/split-plan.js';
import { inputArrays, knownOf, targetArrays } from './fields.js';
import { ArrayFiles } from './files.js';
import { readInput } from './inputs.js';
import { readKey, readShown } from './keys.js';
import { inputRows } from './lengths.js';
import type { Npy } from './npy.js';
import { refuseRepeated } from './repeated.js';
import type { ArrayRows } from './rows.js';
import { readTarget, requireCount } from './targets.js';

/** Apart, so that what messages need keeps no arrays. */
const rowsIn =
  (called: ReadonlyMap<string, string>): Source['where'] =>
  (row, field) =>
    `${called.get(field)}: row ${row}`;

/** @throws DataError naming the file that cannot be read, or does not fit the others, and the row of a wrong number */
export async function npySource(config: NpyConfig, reading: Reading): Promise<Source> {
  const inputs = inputArrays(config, reading.arrays);
  const targets = targetArrays(config, reading.arrays);
  const files = new ArrayFiles(reading, config.file);
  const opened: Npy[] = [];
  const columns: SourceColumn[] = [];
  /** What messages call the arrays of fields. */
  const called = new Map<string, string>();
  try {
    const arrays = new Map<string, ArrayRows>();
    for (const input of inputs) {
      const npy = await files.open(input.place, [input.name]);
      opened.push(npy);
      called.set(input.name, npy.file);
      arrays.set(input.name, await inputRows(input, npy, files, reading));
    }
    const [[, first]] = arrays;
    for (const array of arrays.values()) requireCount(array, arrays, 'inputs');
    // Before inputs, which may take a while.
    const compared: SourceColumn[] = [];
    for (const target of targets) {
      const { columns: own, file } = await readTarget(target, { files, inputs: arrays }, reading);
      compared.push(...own);
      called.set(target.name, file);
    }
    refuseRepeated(inputs, targets, files);
    const bytes = [...arrays.values()].map(({ shape, npy }) => elements(shape) * (npy.bytes ? 1 : 4));
    const budgets = sharesOf(budgetBytes(config.memory), bytes);
    for (const [i, input] of inputs.entries()) {
      columns.push(...(await readInput(input, arrays.get(input.name)!, budgets[i], reading)));
    }
    columns.push(...compared);
    const shown = await readShown(config, files, arrays, reading);
    return {
      shown,
      examples: { count: first.count, columns: inRoleOrder(columns) },
      split: planOf(config, { by: await readKey(config, files, arrays, reading) }),
      origin: [...new Set([...inputs, ...targets].map(({ place }) => place.file))].join(', '),
      encode: () => numbersEncoding(columns, Object.fromEntries(inputs.map((input) => [input.name, knownOf(input)]))),
      where: rowsIn(called),
      standardize: targets.filter(({ standardize }) => standardize).map(({ name }) => name),
    };
  } catch (error) {
    closeExamples({ columns });
    throw error;
  } finally {
    for (const { data } of opened) await data.close();
    await files.close();
  }
}
