/** What a look at the data of a config finds: for people and, as JSON, for programs. */
import type { ColumnReport } from '../column-report.js';
import type { SplitName } from '../examples.js';
import type { Role } from '../field.js';
import type { Repeats } from '../repeats.js';

export type SplitCounts = Readonly<Record<SplitName, number>>;

/** What is odd, and what can be done about it. */
export interface DataFinding {
  /** What it is about: `missing`, `balance`, `duplicates`, `conflicts` (of targets), `groups`, `values`, or `reading` for what a run warns of too. */
  readonly about: 'missing' | 'balance' | 'duplicates' | 'conflicts' | 'groups' | 'values' | 'reading';
  readonly problem: string;
  readonly remedy: string;
}

export interface ClassRows {
  readonly name: string;
  readonly rows: SplitCounts;
}

/** A field of the examples, over all splits. */
export interface FieldReport {
  readonly name: string;
  readonly role: Role;
  readonly type: string;
  /** Shape of one example. */
  readonly shape: readonly number[];
  readonly categories?: number;
  /** Of the finite values, as the model gets them; of targets in their own units. */
  readonly lowest?: number;
  readonly highest?: number;
  readonly mean?: number;
  /** Values that are not finite. */
  readonly notFinite?: number;
  /** Of a target that is one class an example: rows of each, at most the 100 most frequent. */
  readonly classes?: readonly ClassRows[];
}

export interface Gaps {
  readonly column: string;
  readonly rows: number;
  /** `t.csv, line 7`: the first of them. */
  readonly first: string;
}

/** `conflicts` is 0 of a text. */
export interface Duplicates extends Pick<Repeats, 'rows' | 'acrossSplits' | 'conflicts'> {
  /** The first across splits, with the one that it repeats. */
  readonly example?: readonly [string, string];
  /** The first conflict, with the one whose inputs it has. */
  readonly conflict?: readonly [string, string];
}

/** Values that name groups. */
export interface GroupReport {
  /** What has them: a column of a table, a file, a key of the examples of a module. */
  readonly column: string;
  readonly values: number;
  /** Values that are in two splits or more. */
  readonly shared: number;
  /** The first few of them. */
  readonly examples: readonly string[];
}

/** How examples were divided by a value of each. */
export interface SplitReport {
  readonly kind: 'order' | 'group' | 'stratify';
  /** `column when` */
  readonly of: string;
  /** Of an order: the lowest and the highest value of each split that has examples; dates in seconds since 1970. */
  readonly ranges?: Readonly<Partial<Record<SplitName, readonly [number, number]>>>;
}

export interface DataDiagnosis {
  readonly source: string;
  readonly description: string;
  readonly rows: SplitCounts & { readonly total: number };
  readonly fields: readonly FieldReport[];
  /** Of a table: its columns, in the order of the file. */
  readonly columns?: ColumnReport;
  /** Of a table: its columns with missing values. */
  readonly missing?: readonly Gaps[];
  readonly duplicates: Duplicates;
  /** What decided about the splits, and its ranges in each where it is an order. */
  readonly splitBy?: SplitReport;
  /** Groups in two splits: columns of a table that name groups, and what `data.split.group` names. */
  readonly groups?: readonly GroupReport[];
  readonly findings: readonly DataFinding[];
}
