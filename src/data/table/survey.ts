/** The first pass over a table: which columns are numbers, which categories there are, and every mistake in it. */
import type { TableConfig } from '../../config/table.js';
import { DataError } from '../../errors.js';
import type { ColumnReport } from '../column-report.js';
import { isPlain } from '../field.js';
import type { Reading } from '../reading.js';
import { inOrder } from '../splits/stratify.js';
import { type ColumnRole, chooseOther, type FeatureColumn, type FieldColumn, isComplete } from './cell-values.js';
import type { LeftOut, Roles, TargetRole } from './columns.js';
import { ColumnFinding } from './finding.js';
import { LeakWatch } from './leak.js';
import { Notes } from './notes.js';
import type { Table } from './table.js';
import { TextFinding } from './text-column.js';

export interface InputSchema {
  readonly name: string;
  readonly columns: readonly FeatureColumn[];
}

export interface TargetSchema {
  readonly name: string;
  readonly columns: readonly string[];
  /** Names of the classes, where the target is one. */
  readonly classes?: readonly string[];
}

/** What the training file says about all files. */
export interface TableSchema {
  readonly inputs: readonly InputSchema[];
  readonly targets: readonly TargetSchema[];
  readonly weight?: string;
  readonly split?: string;
  readonly files?: readonly string[];
  readonly missing: 'error' | 'mean' | 'drop';
}

type SurveyedInput = Pick<Roles['inputs'][number], 'name' | 'columns'> & Partial<Roles['inputs'][number]>;
type SurveyedTarget = Pick<TargetRole, 'name' | 'columns'> & Partial<TargetRole>;

/** Columns that a report shows; of a table of thousands, nobody reads more. */
const mostShown = 100;

/** The columns that are read, in the order in which cells come. */
export function columnRoles(roles: {
  readonly inputs: readonly SurveyedInput[];
  readonly targets: readonly SurveyedTarget[];
  readonly weight?: string;
  readonly split?: string;
  readonly files?: readonly string[];
}): ColumnRole[] {
  const { inputs, targets, weight, split, files = [] } = roles;
  const fieldOf = (name: string, role: 'input' | 'target') => (isPlain({ name, role }) ? undefined : name);
  return [
    ...inputs.flatMap(({ name: field, columns, coded, standardize, text }) =>
      columns.map(
        (name) => ({ name, role: 'feature', field: fieldOf(field, 'input'), coded, standardize, text }) as const,
      ),
    ),
    ...targets.flatMap(({ name: field, columns, type }) =>
      columns.map((name) => ({ name, role: 'target', field: fieldOf(field, 'target'), type }) as const),
    ),
    ...(weight === undefined ? [] : [{ name: weight, role: 'weight' as const }]),
    ...(split === undefined ? [] : [{ name: split, role: 'split' as const }]),
    ...files.map((name) => ({ name, role: 'file' as const })),
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
  const found = columns.filter((column): column is FieldColumn => column.role !== 'split' && column.role !== 'file');
  const asked = new Set(config.categorical);
  const findings = found.map((column) =>
    column.text ? new TextFinding(table, column, column.text) : new ColumnFinding(table, column, config, asked),
  );
  const features = found.filter(({ role }) => role === 'feature').length;
  const places = startsOf(roles.targets, features);
  const hasTexts = found.some(({ text }) => text);
  const watches = places.map((place) => new LeakWatch(features, place));
  let count = 0;
  await table.read(
    columns.map(({ name }) => name),
    (cells, row) => {
      if (!isComplete(table, columns, config.missing, cells, row)) return;
      count++;
      for (let i = 0; i < findings.length; i++) findings[i].see(cells[i], row);
      // Nobody looks for a target in texts.
      const watched = hasTexts ? cells.map((cell, i) => (columns[i].text ? null : cell)) : cells;
      for (const watch of watches) watch.see(watched);
    },
  );
  requireRows(table, count, config.missing);
  const notes = new Notes(leaveOutOf(config));
  for (const finding of findings) finding.judge(notes);
  for (const finding of findings) if (finding instanceof TextFinding) await finding.learn(reading);
  await measureTexts(table, findings);
  const starts = startsOf(roles.inputs, 0);
  const inputs = roles.inputs.map(({ name, columns }, i) => ({
    name,
    columns: findings.slice(starts[i], starts[i] + columns.length).map((finding) => finding.feature()),
  }));
  const targets = roles.targets.map(({ name, columns }, i) => {
    const range = [places[i], places[i] + columns.length] as const;
    return { name, columns, classes: classesOf(table, found.slice(...range), findings.slice(...range)) };
  });
  const leaks = new Set(watches.flatMap((watch, i) => watch.leaks(targets[i].classes !== undefined)));
  for (const place of leaks) notes.add('leak', columns[place].name);
  notes.tell(table.file, reading.warn);
  const { leftOut, weight, split, files } = roles;
  const schema = { inputs, targets, weight, split, files, missing: config.missing };
  return { schema, count, columns: reportOf(table, findings, features, leftOut) };
}

/** How long the texts are of columns that are as long as the longest. */
async function measureTexts(table: Table, findings: readonly (ColumnFinding | TextFinding)[]): Promise<void> {
  const open = findings.filter((finding): finding is TextFinding => finding instanceof TextFinding && finding.isOpen);
  if (open.length === 0) return;
  await table.read(
    open.map(({ name }) => name),
    (cells) => {
      for (let i = 0; i < open.length; i++) open[i].measure(cells[i]);
    },
  );
}

/** Where the columns of each field start. */
function startsOf(fields: readonly { readonly columns: readonly string[] }[], first: number): number[] {
  let next = first;
  return fields.map(({ columns }) => {
    next += columns.length;
    return next - columns.length;
  });
}

/** Columns that are named cannot be left out by data.exclude. */
function leaveOutOf({ features, inputs }: TableConfig): string | undefined {
  if (inputs) return 'take them out of data.inputs';
  return features && 'take them out of data.features';
}

function reportOf(
  table: Table,
  findings: readonly (ColumnFinding | TextFinding)[],
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

function classesOf(
  { file }: Table,
  columns: readonly FieldColumn[],
  findings: readonly (ColumnFinding | TextFinding)[],
): readonly string[] | undefined {
  const text = findings.find(({ categories }) => categories);
  if (!text?.categories) return undefined;
  const [{ field }] = columns;
  const key = field === undefined ? 'data.target' : `data.targets.${field}`;
  if (findings.length > 1) {
    throw new DataError(
      `${key}: column ${text.name} is text, and several targets must be numbers`,
      field === undefined ? 'name one column to predict classes' : 'give each class a target of its own name',
    );
  }
  const classes = inOrder(text.categories.keys());
  if (classes.length > 1) return classes;
  throw new DataError(
    `${file}: all rows have one class in column ${text.name}, ${JSON.stringify(classes[0])}`,
    `use a file with two classes or more, or ${field === undefined ? 'another data.target' : chooseOther(columns[0])}`,
  );
}
