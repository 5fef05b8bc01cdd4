/** What the rows of a table say beyond the examples that they become: gaps, and groups that are in two splits. */

import type { DataConfig } from '../../config/data.js';
import type { TableConfig } from '../../config/table.js';
import { grouped, plural } from '../../ground/units.js';
import { type Splits, splitNames } from '../examples.js';
import type { Reading } from '../reading.js';
import { keepTogether } from '../splits/keep-together.js';
import { isComplete } from '../table/cell-values.js';
import { assignRoles, type FileColumn } from '../table/columns.js';
import { withDates } from '../table/dates.js';
import { isIdentifier } from '../table/finding.js';
import { openTable } from '../table/inputs.js';
import { filesOf } from '../table/source.js';
import { columnRoles } from '../table/survey.js';
import { type Table, textOf } from '../table/table.js';
import type { DataFinding, Gaps, GroupReport } from './diagnosis.js';

/** Names of what rows may belong to, besides those that end in `id`. */
const groupNames =
  /^(?:user|patient|subject|person|customer|client|group|session|speaker|writer|author|device|sensor|store|site|household|school)s?$/i;
const shown = 5;

/** A table of a config, and its columns of names of files. */
export interface DoctoredTable {
  readonly config: TableConfig;
  readonly files: readonly FileColumn[];
}

/** Calls `use` with each table in the order of the examples, its dates as numbers. */
async function eachTable(
  { config, files }: DoctoredTable,
  reading: Reading,
  use: (table: Table) => Promise<void>,
): Promise<void> {
  const open = await openerOf(config, files, reading);
  for (const file of filesOf(config)) {
    const table = await open(file);
    try {
      await use(withDates(table, config.dates));
    } finally {
      await table.close();
    }
  }
}

/** A table that names files may be of either kind, whatever its config is called. */
async function openerOf(config: TableConfig, files: readonly FileColumn[], reading: Reading) {
  if (config.source === 'parquet') return (await import('../table/parquet.js')).parquetOpener(reading);
  if (config.source === 'jsonl') return (await import('../table/jsonl.js')).jsonlOpener(reading);
  const { csvFormat, csvOpener } = await import('../table/csv.js');
  if (files.length === 0) return csvOpener(config, reading);
  return (path: string) => openTable(path, csvFormat(config), reading);
}

/** Columns that are used and have no value in some rows. */
export async function gapsOf(doctored: DoctoredTable, reading: Reading): Promise<Gaps[]> {
  const found = new Map<string, { rows: number; first: string }>();
  let names: string[] | undefined;
  const { config, files } = doctored;
  await eachTable(doctored, reading, async (table) => {
    names ??= columnRoles(assignRoles(config, table, files)).map(({ name }) => name);
    const columns = [...new Set(names)].filter((name) => table.columns.includes(name) || config.dates?.[name]);
    await table.read(columns, (cells, row) => {
      for (let i = 0; i < columns.length; i++) {
        if (cells[i] !== null) continue;
        const gap = found.get(columns[i]);
        if (gap) gap.rows++;
        else found.set(columns[i], { rows: 1, first: `${table.file}, ${table.unit} ${row}` });
      }
    });
  });
  return [...found].map(([column, gap]) => ({ column, ...gap }));
}

/** Columns that look like what rows belong to, or that the config splits by, and how many of their values are in two splits. */
export async function groupReports(doctored: DoctoredTable, splits: Splits, reading: Reading): Promise<GroupReport[]> {
  const { config, files } = doctored;
  const splitOf = new Map<number, number>();
  splitNames.forEach((split, i) => {
    for (const row of splits[split]) splitOf.set(row, i);
  });
  let groups: { column: string; rows: number; seen: Map<string, number> }[] | undefined;
  let roles: ReturnType<typeof columnRoles> | undefined;
  let example = 0;
  await eachTable(doctored, reading, async (table) => {
    roles ??= columnRoles(assignRoles(config, table, files));
    const targets = new Set(roles.filter(({ role }) => role === 'target').map(({ name }) => name));
    groups ??= table.columns
      .filter((name) => !targets.has(name))
      .filter((name) => isIdentifier(name) || groupNames.test(name) || config.split?.group === name)
      .map((column) => ({ column, rows: 0, seen: new Map() }));
    const found = groups.filter(({ column }) => table.columns.includes(column));
    const used = roles.map(({ name }) => name);
    await table.read([...used, ...found.map(({ column }) => column)], (cells, row) => {
      if (!isComplete(table, roles!, config.missing, cells.slice(0, used.length), row)) return;
      const split = 1 << splitOf.get(example++)!;
      found.forEach((group, i) => {
        const cell = cells[used.length + i];
        if (cell === null) return;
        group.rows++;
        const text = textOf(cell);
        group.seen.set(text, (group.seen.get(text) ?? 0) | split);
      });
    });
  });
  // What is another in every row names rows, not groups.
  return (groups ?? []).flatMap(({ column, rows, seen }) => {
    if (seen.size < 2 || seen.size === rows) return [];
    const shared = [...seen].filter(([, mask]) => (mask & (mask - 1)) !== 0).map(([text]) => text);
    return [{ column, values: seen.size, shared: shared.length, examples: shared.slice(0, shown) }];
  });
}

/** @param rows of all files */
export function gapFindings(gaps: readonly Gaps[], config: TableConfig): DataFinding[] {
  if (config.missing !== 'error') return [];
  return gaps.map(({ column, rows, first }) => ({
    about: 'missing',
    problem: `column ${column} has no value in ${plural(rows, 'row')}, the first being ${first}; a run refuses that`,
    remedy: 'fill them in, or set data.missing: drop (or, for features, mean); the report leaves out such rows',
  }));
}

export function groupFindings(groups: readonly GroupReport[], config: DataConfig): DataFinding[] {
  return groups.flatMap(({ column, values, shared, examples }) => {
    if (shared === 0) return [];
    const named = examples
      .map((text) => JSON.stringify(text.length > 40 ? `${text.slice(0, 37)}...` : text))
      .join(', ');
    return {
      about: 'groups' as const,
      problem: `${grouped(shared)} of ${grouped(values)} values of column ${column} are in two splits, such as ${named}`,
      remedy: `where rows of one ${column} are alike, keep them together: ${keepTogether(config, column) ?? 'in the files of one split'}`,
    };
  });
}
