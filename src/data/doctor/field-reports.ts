/** Ranges and class balance of the fields of a data set. */

import { plural } from '../../ground/units.js';
import { eachOverlapping, eachRow } from '../each-row.js';
import { targetEncoding } from '../encoding.js';
import { type Column, type Dataset, splitNames } from '../examples.js';
import { strideOf, widthOf } from '../field.js';
import { unscaled } from '../standardize.js';
import type { ClassRows, DataFinding, FieldReport } from './diagnosis.js';

/** Classes that a report names. */
const mostClasses = 100;
/** The most frequent class has this many times the rows of the rarest, where that is worth a word. */
const unbalanced = 10;

export async function fieldReports(dataset: Dataset): Promise<FieldReport[]> {
  const reports: FieldReport[] = [];
  for (const column of dataset.examples.columns) {
    const { name, role, type, shape, categories } = column;
    const common = { name, role, type, shape, ...(categories !== undefined && { categories }) };
    const isClass = role === 'target' && categories !== undefined;
    reports.push({
      ...common,
      ...(isClass ? {} : await rangeOf(column, dataset)),
      ...(isClass && shape.length === 0 && { classes: await classCounts(column, dataset) }),
    });
  }
  return reports;
}

async function rangeOf(column: Column, dataset: Dataset): Promise<Partial<FieldReport>> {
  const width = widthOf(column);
  const scaling = column.role === 'target' ? targetEncoding(dataset.encoding, column).targetScaling : undefined;
  const scale = column.scale ?? 1;
  let [lowest, highest, sum, count, notFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  const see = (stored: number, place: number) => {
    const value = scaling ? unscaled(stored, scaling, place) : stored * scale;
    if (!Number.isFinite(value)) {
      notFinite++;
      return;
    }
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
    sum += value;
    count++;
  };
  // Rows that overlap are looked at once.
  if (strideOf(column) < width) {
    await eachOverlapping(column, (values) => {
      for (const value of values) see(value, 0);
    });
  } else {
    await eachRow(column, dataset.examples.count, (values, start) => {
      for (let i = 0; i < width; i++) see(values[start + i], i);
    });
  }
  const range = count > 0 ? { lowest, highest, mean: sum / count } : {};
  return { ...range, ...(notFinite > 0 && { notFinite }) };
}

async function classCounts(column: Column, { encoding, examples, splits }: Dataset): Promise<ClassRows[]> {
  const names = targetEncoding(encoding, column).classes;
  const counts = new Map<number, Record<(typeof splitNames)[number], number>>();
  for (let i = 0; i < (column.categories ?? 0); i++) counts.set(i, { training: 0, validation: 0, test: 0 });
  const splitOf = new Uint8Array(examples.count);
  splitNames.forEach((split, i) => {
    for (const row of splits[split]) splitOf[row] = i + 1;
  });
  await eachRow(column, examples.count, (values, start, row) => {
    // An index that the loss ignores is no class.
    const rows = counts.get(values[start]);
    if (rows && splitOf[row] > 0) rows[splitNames[splitOf[row] - 1]]++;
  });
  const total = (rows: ClassRows['rows']) => rows.training + rows.validation + rows.test;
  return [...counts]
    .map(([index, rows]) => ({ name: names?.[index] ?? String(index), rows }))
    .sort((a, b) => total(b.rows) - total(a.rows))
    .slice(0, mostClasses);
}

/** @param mixing what gives each split a share of each class of a target; undefined where nothing does */
export function fieldFindings(
  fields: readonly FieldReport[],
  { splits }: Dataset,
  mixing: (target: string) => string | undefined,
): DataFinding[] {
  const targets = fields.filter(({ role }) => role === 'target').length;
  return fields.flatMap((field) => {
    const { name, role, lowest, highest, notFinite, classes } = field;
    const found: DataFinding[] = [];
    if (notFinite) {
      const problem = `${role} ${name} has ${plural(notFinite, 'value')}, not finite`;
      found.push({ about: 'values', problem, remedy: 'correct them, or leave out their examples' });
    }
    if (role === 'target' && lowest !== undefined && lowest === highest && field.shape.join() === '1') {
      const problem = `target ${name} is ${lowest} in every example: there is nothing to learn`;
      found.push({ about: 'values', problem, remedy: 'predict another target' });
    }
    if (classes) {
      found.push(
        ...balanceFindings(name, classes, targets === 1),
        ...absenceFindings(name, classes, splits, mixing(name)),
      );
    }
    return found;
  });
}

function balanceFindings(name: string, classes: readonly ClassRows[], isOnly: boolean): DataFinding[] {
  const trained = classes.filter(({ rows }) => rows.training > 0);
  const [most, least] = [trained[0], trained.toSorted((a, b) => a.rows.training - b.rows.training)[0]];
  if (trained.length < 2 || most.rows.training < unbalanced * least.rows.training) return [];
  const [many, few] = [most, least].map((each) => `${JSON.stringify(each.name)} ${each.rows.training}`);
  const look = 'look at metrics that count classes alike';
  return [
    {
      about: 'balance',
      problem: `target ${name} is unbalanced: of the training examples, class ${many} and class ${few}`,
      remedy: `set training.classWeights: ${isOnly ? 'balanced' : `{ ${name}: balanced }`}, or ${look}`,
    },
  ];
}

function absenceFindings(
  name: string,
  classes: readonly ClassRows[],
  splits: Dataset['splits'],
  mixing: string | undefined,
): DataFinding[] {
  const found: DataFinding[] = [];
  for (const split of splitNames) {
    const absent = classes.filter(({ rows }) => rows[split] === 0);
    if (splits[split].length === 0 || absent.length === 0) continue;
    const shown = absent.slice(0, 5).map((each) => JSON.stringify(each.name));
    found.push({
      about: 'balance',
      problem: `${split} has no example of ${absent.length} of ${classes.length} classes of target ${name}: ${shown.join(', ')}${absent.length > 5 ? ', ...' : ''}`,
      remedy: mixing === undefined ? 'hold out more examples, or add some' : `set ${mixing}, or add examples`,
    });
  }
  return found;
}
