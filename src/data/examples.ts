/** Examples: what every data source produces and every engine thread reads. */
import type { ColumnReport } from './column-report.js';
import type { Encoding } from './encoding.js';

/** The feature rows that exceed the memory budget, on disk; the file has no name any more, or loses it at the end. */
export interface RowFile {
  /** The first row that is here and not in memory. */
  readonly first: number;
  /** Byte of the file where row `first` is; 0 by default. */
  readonly start?: number;
  /** Open for reading in every thread of the process. */
  readonly fd: number;
  /** To be removed with the rows; a file that is somebody else's has none here. */
  readonly path?: string;
}

/**
 * All examples of a run, one row each, in SharedArrayBuffers so that threads read them without a copy.
 * The feature row of example `i` is `features[i * stride .. i * stride + width)`, with width the product of `featureShape`
 * and stride `featureStride ?? width`; targets likewise.
 */
export interface Examples {
  readonly count: number;
  /** Values as stored; bytes stand for `value * featureScale` (1/255 for images). */
  readonly features: Float32Array | Uint8Array;
  /** Holds the rows from `file.first` on, where there are too many for memory; never with `featureStride`. */
  readonly file?: RowFile;
  /** Factor that engines apply to the stored features; 1 for Float32Array. */
  readonly featureScale: number;
  /** Shape of one example, e.g. [28, 28, 1]. */
  readonly featureShape: readonly number[];
  /** Elements from one row to the next where rows overlap, as windows of a text do. */
  readonly featureStride?: number;
  /** Class indices (Int32Array, targetShape [], or one for each place: [places]) or regression targets (Float32Array, targetShape e.g. [1]). */
  readonly targets: Int32Array | Float32Array;
  readonly targetShape: readonly number[];
  readonly targetStride?: number;
  /** Number of classes when targets are class indices. */
  readonly classes?: number;
  /** Factor of each example's loss in training; all 1 where there is none. Or of each place, in metrics too. */
  readonly weights?: Float32Array;
  /** Shape of an example's weights where each place has its own: of its class indices, or of its target but the last axis. */
  readonly weightShape?: readonly number[];
}

/** Example indices of each split, ascending, disjoint. */
export interface Splits {
  readonly training: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

export interface Dataset {
  readonly examples: Examples;
  readonly splits: Splits;
  /** One line for people: what was loaded, and from where. */
  readonly description: string;
  /** How inputs of the trained model are read; saved with it. */
  readonly encoding: Encoding;
  /** What the columns of a table are for. */
  readonly columns?: ColumnReport;
  /** Where a feature or a target of an example is, for messages: `flowers.csv, line 7`. */
  readonly where?: (example: number, part: 'features' | 'targets') => string;
}

/** Elements of a shape. */
export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
