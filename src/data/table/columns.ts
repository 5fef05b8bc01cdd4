/** What each column of a table is for, as the config says. */

import { suggest } from '../../config/suggest.js';
import type { CsvConfig, ParquetConfig } from '../../config/table.js';
import { DataError } from '../../errors.js';
import { dateColumns } from './dates.js';
import { deciderOf } from './split-key.js';
import type { Table } from './table.js';

export type TableConfig = CsvConfig | ParquetConfig;

export interface Roles {
  readonly features: readonly string[];
  readonly targets: readonly string[];
  readonly weight?: string;
  /** Decides which rows are held out. */
  readonly split?: string;
}

/** A column that is not used, and why. */
export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

/**
 * Columns that number or name the rows are features only where the config names them.
 * @param table with its dates as numbers
 * @throws DataError if the config names a column that is not there, or gives one two roles, or leaves no feature
 */
export function assignRoles(config: TableConfig, table: Table): Roles & { readonly leftOut: readonly LeftOut[] } {
  const targets = [config.target].flat();
  const { weight, exclude = [], categorical = [], dates = {} } = config;
  const decider = deciderOf(config);
  const named = config.features?.flatMap((name) =>
    dateColumns(name, Object.hasOwn(dates, name) ? dates[name] : undefined),
  );
  requireColumns(table, targets, 'data.target');
  requireColumns(table, named ?? [], 'data.features');
  requireColumns(table, exclude, 'data.exclude');
  requireColumns(table, categorical, 'data.categorical');
  if (weight !== undefined) requireColumns(table, [weight], 'data.weight');
  // A date that becomes parts is still to be ordered by.
  const readable = { ...table, columns: [...new Set([...table.columns, ...Object.keys(dates)])] };
  if (decider) requireColumns(readable, [decider.column], `data.split.${decider.kind}`);

  const taken = new Map<string, string>();
  const take = (key: string, names: readonly string[]) => {
    for (const name of names) {
      const other = taken.get(name);
      if (other !== undefined) {
        const problem =
          other === key ? `${key} names the column ${name} twice` : `${other} and ${key} both name ${name}`;
        throw new DataError(problem, 'give each column one role');
      }
      taken.set(name, key);
    }
  };
  take('data.target', targets);
  if (weight !== undefined) take('data.weight', [weight]);
  take('data.exclude', exclude);
  if (named) take('data.features', named);
  const kept = new Set(categorical);
  const isRowName = (name: string) => table.rowNames.has(name) && !kept.has(name);
  const free = table.columns.filter((name) => !taken.has(name));
  const decides = (name: string) => decider?.column === name && decider.kind !== 'stratify';
  const features = named ?? free.filter((name) => !isRowName(name) && !decides(name));
  if (features.length === 0) {
    throw new DataError(`${table.file} has no column left to predict from`, 'leave out data.exclude, or add columns');
  }
  checkTargets(config, targets);
  const leftOut = [
    ...free
      .filter((name) => isRowName(name) && !decides(name))
      .map((name) => ({ name, why: table.rowNames.get(name)! })),
    ...free.filter(decides).map((name) => ({ name, why: `data.split.${decider!.kind}` })),
    ...exclude.map((name) => ({ name, why: 'data.exclude' })),
    ...(named
      ? free.filter((name) => !isRowName(name) && !decides(name)).map((name) => ({ name, why: 'not in data.features' }))
      : []),
  ];
  return { features, targets, weight, split: decider?.column, leftOut };
}

function checkTargets({ targetType, categorical }: TableConfig, targets: readonly string[]): void {
  if (targetType === 'class' && targets.length > 1) {
    throw new DataError(
      `data.targetType: class takes one target, data.target names ${targets.length} columns`,
      'name one column, or predict numbers',
    );
  }
  const categories = new Set(categorical);
  const listed = targets.find((name) => categories.has(name));
  if (listed !== undefined) {
    throw new DataError(
      `data.categorical names the target ${listed}`,
      'for classes, take it out and set data.targetType: class',
    );
  }
}

/**
 * @param origin where the names come from, for people
 * @throws DataError if the table lacks one of them
 */
export function requireColumns(table: Table, names: readonly string[], origin: string): void {
  const known = new Set(table.columns);
  const absent = names.find((name) => !known.has(name));
  if (absent === undefined) return;
  const near = suggest(absent, table.columns);
  const shown = table.columns.slice(0, 20).join(', ');
  throw new DataError(
    `${origin}: ${table.file} has no column ${JSON.stringify(absent)}`,
    near ? `did you mean ${near}?` : `it has ${shown}${table.columns.length > 20 ? ', ...' : ''}`,
  );
}
