/** What every data source gives: rows, how to split them, and what is left to do once the splits are known. */
import type { ColumnReport } from './column-report.js';
import type { Encoding } from './encoding.js';
import type { ExampleColumns } from './example-columns.js';
import type { SourceExamples, Splits } from './examples.js';
import type { SplitPlan } from './splits/split-plan.js';

export interface Source {
  readonly examples: SourceExamples;
  /** How to split, or the splits where the source alone can tell (windows of a text must not overlap between splits). */
  readonly split: SplitPlan | Splits;
  /** Where the examples come from, for people. */
  readonly origin: string;
  /** Where the value of a field of an example is, for messages: `flowers.csv, line 7`. */
  readonly where?: (example: number, field: string) => string;
  /** Places of sequences, by the names of their inputs, where those of the training split decide: what is beyond is left out. */
  readonly places?: (splits: Splits) => ReadonlyMap<string, number>;
  /**
   * Fits what depends on the training split, such as means, and applies it to the inputs in place.
   * Absent where inputs are plain numbers or pictures.
   */
  readonly encode?: (splits: Splits) => Encoding | Promise<Encoding>;
  /** Targets that the config asks to standardize, by their names; absent where `data.standardizeTargets` says it of all. */
  readonly standardize?: readonly string[];
  /** What the columns of a table are for. */
  readonly columns?: ColumnReport;
  /** What the columns hold that its reading asks for, those that there are. */
  readonly shown?: ExampleColumns;
}
