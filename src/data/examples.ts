/** Examples in memory: what every data source produces and every engine thread reads. */

/**
 * All examples of a run, one row each, in SharedArrayBuffers so that threads read them without a copy.
 * The feature row of example `i` is `features[i * width .. (i + 1) * width)`, with width the product of `featureShape`;
 * targets likewise.
 */
export interface Examples {
  readonly count: number;
  /** Values as stored; bytes stand for `value * featureScale` (1/255 for images). */
  readonly features: Float32Array | Uint8Array;
  /** Factor that engines apply to the stored features; 1 for Float32Array. */
  readonly featureScale: number;
  /** Shape of one example, e.g. [28, 28, 1]. */
  readonly featureShape: readonly number[];
  /** Class indices (Int32Array, targetShape []) or regression targets (Float32Array, targetShape e.g. [1]). */
  readonly targets: Int32Array | Float32Array;
  readonly targetShape: readonly number[];
  /** Number of classes when targets are class indices. */
  readonly classes?: number;
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
}
