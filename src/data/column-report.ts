/** What each column of a table is used for, for people and for programs. */

export interface ColumnInfo {
  readonly name: string;
  /** The input or target that it belongs to, where the config names such. */
  readonly field?: string;
  readonly role: 'feature' | 'target' | 'weight' | 'left out';
  /** What its values are; absent where it is left out or names files. A date is seconds since 1970. */
  readonly type?: 'number' | 'date' | 'category' | 'text';
  /** Lowest and highest of numbers and dates in the training file. */
  readonly lowest?: number;
  readonly highest?: number;
  /** How many distinct values categories have, and the first few, in the order of their features or classes. */
  readonly categories?: number;
  readonly examples?: readonly string[];
  /** Whether its categories become whole numbers from 0. */
  readonly coded?: boolean;
  /** Rows of the training file without a value, of those that are used. */
  readonly missing?: number;
  /** Numbers that the model is given for it. */
  readonly features?: number;
  /** Why it is left out, or what its names are of. */
  readonly why?: string;
}

export interface ColumnReport {
  /** Of the table, and how many of them are features. */
  readonly total: number;
  readonly features: number;
  /** The first ones: what is left out, targets and weight before features. */
  readonly shown: readonly ColumnInfo[];
}
