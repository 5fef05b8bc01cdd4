/** How a trained model's inputs and outputs are to be read: saved beside the model as encoding.json. */

/** A numeric column; a missing value becomes `mean`, and every value `(value - mean) * scale`. */
export interface NumericColumn {
  readonly name: string;
  readonly mean: number;
  readonly scale: number;
}

/** A column of categories: one 0/1 feature each, in this order. */
export interface CategoricalColumn {
  readonly name: string;
  readonly categories: readonly string[];
}

/** What a reader of inputs must know besides the shape of the model's input. */
export type InputEncoding =
  /** Numbers as they are, times `scale` (1/255 for bytes). */
  | { readonly kind: 'numbers'; readonly scale: number }
  | {
      readonly kind: 'table';
      /** In the order of the features. */
      readonly columns: readonly (NumericColumn | CategoricalColumn)[];
      /** Texts that stand for a missing value in CSV. */
      readonly missingValues: readonly string[];
      readonly missing: 'error' | 'mean' | 'drop';
    }
  | {
      readonly kind: 'image';
      readonly height: number;
      readonly width: number;
      readonly channels: 1 | 3;
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
