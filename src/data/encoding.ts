/** How a trained model's inputs and outputs are to be read: saved beside the model as encoding.json. */

/** A numeric column; a missing value becomes `fill`, and then every value `(value - mean) * scale`. */
export interface NumericColumn {
  readonly name: string;
  /** Taken off before a value becomes a 32-bit number, and off `mean` then; absent where that loses nothing that matters. */
  readonly offset?: number;
  readonly fill: number;
  readonly mean: number;
  readonly scale: number;
}

/** A column of categories: one 0/1 feature each, in this order; all are 0 for a category that training did not see. */
export interface CategoricalColumn {
  readonly name: string;
  readonly categories: readonly string[];
  /** Whether a missing value is a category too, the last. */
  readonly missing: boolean;
}

/** How a CSV file is written. */
export interface CsvFormat {
  /** Whether the first line names the columns; else they are c1, c2, ... */
  readonly header: boolean;
  readonly delimiter: string;
  /** Texts that stand for a missing value. */
  readonly missingValues: readonly string[];
}

export interface TableEncoding {
  readonly kind: 'table';
  /** In the order of the features. */
  readonly columns: readonly (NumericColumn | CategoricalColumn)[];
  /** How tables of text are written. */
  readonly csv: CsvFormat;
  readonly missing: 'error' | 'mean' | 'drop';
}

/** From three channels to one: the luma of stored bytes (ITU-R BT.601), or the luminance of the light that they stand for. */
export type Greyscale = 'bt601' | 'linear';

/** What a reader of inputs must know besides the shape of the model's input. */
export type InputEncoding =
  /** Numbers as they are, times `scale` (1/255 for bytes). */
  | { readonly kind: 'numbers'; readonly scale: number }
  | TableEncoding
  | {
      readonly kind: 'image';
      readonly height: number;
      readonly width: number;
      readonly channels: 1 | 3;
      /** How colours become one channel; absent where there are three, and in models that are older than the choice: linear. */
      readonly greyscale?: Greyscale;
      readonly fit: 'cover' | 'contain' | 'fill';
    }
  | {
      readonly kind: 'text';
      readonly window: number;
      readonly targets: 'last' | 'all';
      readonly vocabulary: readonly string[];
    };

export interface Encoding {
  readonly input: InputEncoding;
  /** Names of the classes, by index; absent where targets are numbers. */
  readonly classes?: readonly string[];
  /** Names of the numbers that are predicted, where they have names. */
  readonly targets?: readonly string[];
}
