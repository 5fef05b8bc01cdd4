/** What each column of a table is for, as the config says. */

import type { TableConfig } from '../../config/table.js';
import { inputParts, type TextInput, targetParts } from '../../config/table-fields.js';
import { DataError } from '../../errors.js';
import { plural } from '../../ground/units.js';
import { deciderOf } from '../splits/split-plan.js';
import { dateColumns, readableColumns } from './dates.js';
import { requireColumns, type Table } from './table.js';

/** The columns of an input of the model. */
export interface InputRole {
  readonly name: string;
  readonly columns: readonly string[];
  /** Whether the categories of its only column are coded as whole numbers. */
  readonly coded: boolean;
  /** Whether its numbers are given mean 0 and deviation 1. */
  readonly standardize: boolean;
  /** How the texts of its only column become tokens, where they do. */
  readonly text?: TextInput;
}

/** The columns that are predicted together. */
export interface TargetRole {
  readonly name: string;
  readonly columns: readonly string[];
  readonly type?: 'class' | 'number';
  /** Whether the numbers keep their digits until they are standardized. */
  readonly standardize: boolean;
}

export interface Roles {
  readonly inputs: readonly InputRole[];
  readonly targets: readonly TargetRole[];
  readonly weight?: string;
  /** Decides which rows are held out. */
  readonly split?: string;
  /** Columns that name a file for each row. */
  readonly files?: readonly string[];
}

/** A column that names a file for each row, and where the config says so. */
export interface FileColumn {
  readonly key: string;
  readonly column: string;
}

/** A column that is not used, and why. */
export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

/**
 * Columns that number or name the rows are features only where the config names them.
 * @param table with its dates as numbers
 * @param files columns of names of files, beside which there need be no features
 * @throws DataError if the config names a column that is not there, or gives one two roles, or leaves no feature
 */
export function assignRoles(
  config: TableConfig,
  table: Table,
  files: readonly FileColumn[] = [],
): Roles & { readonly leftOut: readonly LeftOut[] } {
  const { weight, exclude = [], categorical = [], dates = {} } = config;
  const decider = deciderOf(config);
  const named = namedInputs(config);
  const targets = targetsOf(config);
  const columns = new Columns(table);
  for (const { key, columns: names } of targets) columns.take(key, names);
  if (weight !== undefined) columns.take('data.weight', [weight]);
  columns.take('data.exclude', exclude);
  for (const { key, columns: names } of named ?? []) columns.take(key, names);
  for (const { key, column } of files) columns.take(key, [column]);
  requireColumns(table, categorical, 'data.categorical');
  // A date that becomes parts is still to be ordered by.
  const readable = { ...table, columns: readableColumns(table, dates) };
  if (decider) requireColumns(readable, [decider.name], `data.split.${decider.kind}`);

  const kept = new Set(categorical);
  const decides = (name: string) => decider?.name === name && decider.kind !== 'stratify';
  const isRowName = (name: string) => table.rowNames.has(name) && !kept.has(name) && !decides(name);
  const others = columns.free.filter((name) => !isRowName(name) && !decides(name));
  const standardize = config.standardize ?? true;
  const inputs = named ?? [{ name: 'features', columns: others, coded: false, standardize }];
  if (files.length === 0 && inputs.every(({ columns }) => columns.length === 0)) {
    throw new DataError(`${table.file} has no column left to predict from`, 'leave out data.exclude, or add columns');
  }
  for (const target of targets) checkTarget(config, target);
  const leftOut = [
    ...columns.free.filter(isRowName).map((name) => ({ name, why: table.rowNames.get(name)! })),
    ...columns.free.filter(decides).map((name) => ({ name, why: `data.split.${decider!.kind}` })),
    ...exclude.map((name) => ({ name, why: 'data.exclude' })),
    ...(named
      ? others.map((name) => ({ name, why: `not in ${config.inputs ? 'data.inputs' : 'data.features'}` }))
      : []),
  ];
  return { inputs, targets, weight, split: decider?.name, files: files.map(({ column }) => column), leftOut };
}

/** Gives each column one role. */
class Columns {
  readonly #table: Table;
  readonly #taken = new Map<string, string>();

  constructor(table: Table) {
    this.#table = table;
  }

  /** @throws DataError if a column is not there, or has a role */
  take(key: string, names: readonly string[]): void {
    requireColumns(this.#table, names, key, this.#taken.keys());
    for (const name of names) {
      const other = this.#taken.get(name);
      if (other !== undefined) {
        const problem =
          other === key ? `${key} names the column ${name} twice` : `${other} and ${key} both name ${name}`;
        throw new DataError(problem, 'give each column one role');
      }
      this.#taken.set(name, key);
    }
  }

  get free(): string[] {
    return this.#table.columns.filter((name) => !this.#taken.has(name));
  }
}

/** What the config names to predict from; undefined where that is all that is left. */
function namedInputs(config: TableConfig): (InputRole & { readonly key: string })[] | undefined {
  const { features, inputs, dates = {}, standardize = true } = config;
  const numbered = (names: readonly string[]) =>
    names.flatMap((name) => dateColumns(name, Object.hasOwn(dates, name) ? dates[name] : undefined));
  if (features) {
    return [{ name: 'features', key: 'data.features', columns: numbered(features), coded: false, standardize }];
  }
  if (!inputs) return undefined;
  return Object.entries(inputs).map(([name, input]) => {
    const key = `data.inputs.${name}`;
    const { columns, coded, standardize: own, text } = inputParts(input);
    const names = coded || text ? columns : numbered(columns);
    return { name, key, columns: names, coded, standardize: own ?? standardize, text };
  });
}

/** What is predicted, and where the config says so. */
export function targetsOf(config: TableConfig): (TargetRole & { readonly key: string })[] {
  const { target = [], targets, targetType: type, standardizeTargets = false } = config;
  if (!targets) {
    const columns = [target].flat();
    return [{ name: 'targets', key: 'data.target', columns, type, standardize: standardizeTargets }];
  }
  return Object.entries(targets).map(([name, target]) => ({
    name,
    key: `data.targets.${name}`,
    ...targetParts(target),
  }));
}

function checkTarget(
  { categorical, targets }: TableConfig,
  { key, columns, type }: TargetRole & { key: string },
): void {
  const asClass = targets ? 'type: class' : 'data.targetType: class';
  if (type === 'class' && columns.length > 1) {
    throw new DataError(
      `${asClass} takes one target, ${key} names ${plural(columns.length, 'column')}`,
      'name one column, or predict numbers',
    );
  }
  const categories = new Set(categorical);
  const listed = columns.find((name) => categories.has(name));
  if (listed !== undefined) {
    throw new DataError(
      `data.categorical names the target ${listed}`,
      targets
        ? `for classes, take it out and set ${key}: { column: ${listed}, type: class }`
        : 'for classes, take it out and set data.targetType: class',
    );
  }
}
