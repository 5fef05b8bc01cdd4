/** The first pass over a table: which columns are numbers, which categories there are, and every mistake in it. */
import { DataError } from '../../errors.js';
import type { ColumnReport } from '../column-report.js';
import type { Reading } from '../reading.js';
import { inOrder } from '../stratify.js';
import type { LeftOut, Roles, TableConfig } from './columns.js';
import { Finding } from './finding.js';
import { LeakWatch } from './leak.js';
import { Notes } from './notes.js';
import type { Table } from './table.js';
import { type ColumnRole, type FeatureColumn, type FieldColumn, isComplete } from './values.js';

/** What the training file says about all files. */
export interface TableSchema {
  readonly features: readonly FeatureColumn[];
  readonly targets: readonly string[];
  /** Names of the classes, where the target is one. */
  readonly classes?: readonly string[];
  readonly weight?: string;
  readonly split?: string;
  readonly missing: 'error' | 'mean' | 'drop';
}

/** Columns that a report shows; of a table of thousands, nobody reads more. */
const mostShown = 100;

/** The columns that are read, in the order in which cells come. */
export function columnRoles({ features, targets, weight, split }: Roles): ColumnRole[] {
  return [
    ...features.map((name) => ({ name, role: 'feature' as const })),
    ...targets.map((name) => ({ name, role: 'target' as const })),
    ...(weight === undefined ? [] : [{ name: weight, role: 'weight' as const }]),
    ...(split === undefined ? [] : [{ name: split, role: 'split' as const }]),
  ];
}

/**
 * @param reading is warned of columns that are odd
 * @throws DataError if there is no row, naming the line or row of a value that does not fit its column, or naming a column
 *   of text that is hardly categories
 */
export async function surveyTable(
  table: Table,
  roles: Roles & { readonly leftOut: readonly LeftOut[] },
  config: TableConfig,
  reading: Reading,
): Promise<{ schema: TableSchema; count: number; columns: ColumnReport }> {
  const columns = columnRoles(roles);
  const asked = new Set(config.categorical);
  const found = columns.filter((column): column is FieldColumn => column.role !== 'split');
  const findings = found.map((column) => new Finding(table, column, config, asked));
  const target = roles.features.length;
  const leak = new LeakWatch(target, target);
  let count = 0;
  await table.read(
    columns.map(({ name }) => name),
    (cells, row) => {
      if (!isComplete(table, columns, config.missing, cells, row)) return;
      count++;
      for (let i = 0; i < findings.length; i++) findings[i].see(cells[i], row);
      leak.see(cells);
    },
  );
  requireRows(table, count, config.missing);
  const notes = new Notes();
  for (const finding of findings) finding.judge(notes);
  const features = findings.slice(0, target).map((finding) => finding.feature(config.standardize ?? true));
  const classes = classesOf(table, findings.slice(target, target + roles.targets.length));
  for (const place of leak.leaks(classes !== undefined)) notes.add('leak', columns[place].name);
  notes.tell(table.file, reading.warn);
  const { leftOut, targets, weight, split } = roles;
  const schema = { features, targets, weight, split, classes, missing: config.missing };
  return { schema, count, columns: reportOf(table, findings, target, leftOut) };
}

function reportOf(
  table: Table,
  findings: readonly Finding[],
  features: number,
  leftOut: readonly LeftOut[],
): ColumnReport {
  const unused = leftOut.slice(0, mostShown).map(({ name, why }) => ({ name, role: 'left out' as const, why }));
  const used = [...findings.slice(features), ...findings.slice(0, mostShown)].slice(0, mostShown);
  const shown = [...new Set(used)].map((finding) => finding.info());
  return { total: table.columns.length, features, shown: [...unused, ...shown] };
}

/** @throws DataError if a table has no row to use */
export function requireRows({ file }: Table, count: number, missing: TableSchema['missing']): void {
  if (count > 0) return;
  throw missing === 'drop'
    ? new DataError(`${file} has no complete row`, 'set data.missing: mean, or leave columns out by data.exclude')
    : new DataError(`${file} has no rows`, 'use a file with a row for each example');
}

function classesOf({ file }: Table, targets: readonly Finding[]): readonly string[] | undefined {
  const text = targets.find(({ categories }) => categories);
  if (!text?.categories) return undefined;
  if (targets.length > 1) {
    throw new DataError(
      `data.target: column ${text.name} is text, and several targets must be numbers`,
      'name one column to predict classes',
    );
  }
  const classes = inOrder(text.categories.keys());
  if (classes.length > 1) return classes;
  throw new DataError(
    `${file}: all rows have one class in column ${text.name}, ${JSON.stringify(classes[0])}`,
    'use a file with two classes or more, or another data.target',
  );
}
