/** A part of the benchmark: what it measures, and the rows that follow. Each is a subcommand, and all are the total. */
import type { Measured, Probe } from './rounds.js';
import type { Row } from './rows.js';
import type { TextModelName } from './text-workloads.js';
import type { Peer } from './torch.js';
import { type ModelName, modelNames } from './workloads.js';

export interface SectionOptions {
  /** Seconds of one measurement, without its start. */
  readonly seconds: number;
  /** Every PyTorch that there is. */
  readonly peers: readonly Peer[];
}

/** What is measured: a model, or the machine. */
export type Subject = ModelName | TextModelName | 'machine';

/** Whether it is one of the models that most sections measure; the others are of texts. */
export const isModel = (subject: Subject): subject is ModelName => modelNames.some((name) => name === subject);

export interface Section {
  /** Of the subcommand. */
  readonly name: string;
  readonly description: string;
  /** Rounds and seconds of its own. */
  readonly usual?: { readonly pairs: number; readonly seconds: number };
  /** Models that it measures unless told otherwise. */
  readonly models: readonly Subject[];
  /** In the order in which a round measures them: what is compared stands close together. */
  probes(subject: Subject, options: SectionOptions): Probe[];
  /** What the probes of the subject come to; without `section`. */
  rows(subject: Subject, options: SectionOptions, measured: Measured): Omit<Row, 'section'>[];
  /** Further tables. */
  details?(subjects: readonly Subject[], options: SectionOptions, measured: Measured): string;
}
