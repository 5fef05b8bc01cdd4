/** How a trained model's inputs and outputs are to be read: saved beside the model as encoding.json. */
import { z } from 'zod';
import { plainNames } from '../config/plain-names.js';
import { dateFormSchema, thousandsSchema } from '../config/table.js';
import { type Field, isPlain } from './field.js';
import { tokenizerSchema } from './text/tokenizer-json.js';

const finite = z.number();
const texts = z.array(z.string()).readonly();
const size = z.int().min(1);
const name = z.string();

const numericSchema = z.object({
  name: z.string(),
  /** Taken off before a value becomes a 32-bit number, and off `mean` then; absent where that loses nothing that matters. */
  offset: finite.optional(),
  fill: finite,
  mean: finite,
  scale: finite,
});

const categoricalSchema = z.object({
  name: z.string(),
  categories: texts,
  /** Whether a missing value is a category too, the last. */
  missing: z.boolean(),
});

/** One input of whole numbers, from 0: the place of its category in `codes`, and their number for any other. */
const indexSchema = z.object({ name: z.string(), codes: texts });

/** The only column of an input: texts, whose tokens are filled up with 0 to so many, with a mask of the input. */
const textColumnSchema = z.object({
  name: z.string(),
  tokenizer: tokenizerSchema,
  length: size,
  /** Whether what a text has beyond that is cut off. */
  truncate: z.boolean(),
});

const csvSchema = z.object({
  /** Whether the first line names the columns; else they are c1, c2, ... */
  header: z.boolean(),
  delimiter: z.string().min(1),
  /** What stands before the decimals of a number; by default a point. */
  decimal: z.enum(['.', ',']).optional(),
  /** What stands between groups of three digits; by default nothing does. */
  thousands: thousandsSchema.optional(),
  /** Texts that stand for a missing value. */
  missingValues: texts,
});

/** An input of numbers. */
const fieldKeys = {
  /** They are read as they are, times this (1/255 for bytes). */
  scale: finite,
  /** Where they are whole numbers from 0: how many there are. */
  categories: size.optional(),
  /**
   * Of sequences: places of the model's input, its first axis. Shorter ones are filled up with 0 at their ends, and a mask of
   * the input, 1 for each place that is there and 0 for the others, goes with them.
   */
  length: size.optional(),
  /** What its arrays were called in the .npz file that it was trained on. */
  members: z.object({ values: name, lengths: name, offsets: name }).partial().optional(),
};
const fieldSchema = z.object(fieldKeys);

const imageSchema = z.object({
  kind: z.literal('image'),
  height: size,
  width: size,
  channels: z.literal([1, 3]),
  /** How colours become one channel; absent where there are three, and in models that are older than the choice: linear. */
  greyscale: z.enum(['bt601', 'linear']).optional(),
  fit: z.enum(['cover', 'contain', 'fill']),
});

const tableSchema = z
  .object({
    kind: z.literal('table'),
    /** Columns that are read, in the order of the features. */
    columns: z.array(z.union([textColumnSchema, categoricalSchema, indexSchema, numericSchema])).readonly(),
    /** How many of the columns, in their order, make each input of the model; absent where all make the only one. */
    inputs: z
      .array(z.object({ name: z.string(), columns: size }))
      .readonly()
      .optional(),
    /** Inputs that are images, by their names: each with the column that names its files. */
    images: z.record(z.string(), imageSchema.extend({ column: z.string() })).optional(),
    /** How tables of text are written. */
    csv: csvSchema,
    missing: z.enum(['error', 'mean', 'drop']),
    /** Columns of dates: what each becomes before it is one of `columns`, or several called `column.part`. */
    dates: z.record(z.string(), dateFormSchema).optional(),
  })
  .refine(({ columns, images }) => columns.length > 0 || images !== undefined, { error: 'has no columns' });

/** What a reader of inputs must know besides the shape of the model's input. */
const inputSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('numbers'), ...fieldKeys }),
  /** Inputs of numbers, or of images, by the names of the model's inputs. */
  z.object({ kind: z.literal('fields'), fields: z.record(z.string(), z.union([imageSchema, fieldSchema])) }),
  tableSchema,
  imageSchema,
  z.object({
    kind: z.literal('text'),
    window: size,
    targets: z.enum(['last', 'all']),
    /** What each token is called: the characters themselves, or as the tokenizer writes its tokens. */
    vocabulary: texts,
    /** What makes tokens of a text, as tokenizer.json has it; absent where they are characters. */
    tokenizer: tokenizerSchema.optional(),
    /** The token behind each document that it was trained on. */
    endOfText: z.int().min(0).optional(),
  }),
]);

const outputSchema = z.object({
  /** The loss that the model was trained by, `custom` for a function of the user's. */
  loss: z.string(),
  /** What its outputs are; absent where nobody has to know. */
  kind: z.enum(['logits', 'softmax', 'sigmoid']).optional(),
  /** Which of the model's outputs belongs to the target, from 0; absent where the target has no name. */
  index: z.int().min(0).optional(),
});

const scalingSchema = z
  .object({ mean: z.array(finite).min(1).readonly(), deviation: z.array(z.number().positive()).min(1).readonly() })
  .refine(({ mean, deviation }) => mean.length === deviation.length, {
    error: 'has means and deviations of unlike number',
  });

const numbers = z.array(finite).min(1).readonly();

/** See metrics/class-probabilities.ts. */
const decisionSchema = z.object({
  calibration: z
    .discriminatedUnion('method', [
      z.object({ method: z.literal('temperature'), temperature: z.number().positive() }),
      z.object({
        method: z.literal('isotonic'),
        curves: z
          .array(
            z
              .object({ scores: numbers, probabilities: numbers })
              .refine(({ scores, probabilities }) => scores.length === probabilities.length, {
                error: 'has scores and probabilities of unlike number',
              }),
          )
          .readonly(),
      }),
    ])
    .optional(),
  threshold: finite.optional(),
});

/** What is kept of a target. */
const targetKeys = {
  /** Names of the classes, by index; absent where targets are numbers. */
  classes: texts.optional(),
  /** Names of the numbers that are predicted, where they have names. */
  targets: texts.optional(),
  /**
   * Where targets were standardized: what the model gives, times `deviation`, plus `mean`, is in their units. One each for
   * the numbers along the last axis of a target.
   */
  targetScaling: scalingSchema.optional(),
  /** Absent in models that were saved before this was kept. */
  outputs: outputSchema.optional(),
  /** How classes are read, where that was fitted on the validation split; others read the outputs by themselves. */
  decision: decisionSchema.optional(),
  /** The input of sequences whose places it has; `features` is one without a name. */
  placesOf: z.string().optional(),
};

/** What encoding.json must be. Keys that this version does not know are left out. */
export const encodingSchema = z.object({
  input: inputSchema,
  // The target of a config without names.
  ...targetKeys,
  /** Targets by their names, where the config names them. */
  named: z.record(z.string(), z.object(targetKeys)).optional(),
});

/** From three channels to one: the luma of stored bytes (ITU-R BT.601), or the luminance of the light that they stand for. */
export type Greyscale = 'bt601' | 'linear';

type Fixed<T> = { readonly [K in keyof T]: T[K] };

export type FieldEncoding = Fixed<z.output<typeof fieldSchema>>;
export type ImageEncoding = Fixed<z.output<typeof imageSchema>>;
/** A numeric column; a missing value becomes `fill`, and then every value `(value - mean) * scale`. */
export type NumericColumn = Fixed<z.output<typeof numericSchema>>;
/** A column of categories: one 0/1 feature each, in this order; all are 0 for a category that training did not see. */
export type CategoricalColumn = Fixed<z.output<typeof categoricalSchema>>;
/** A column of categories whose places are an input of the model. */
export type IndexColumn = Fixed<z.output<typeof indexSchema>>;
export type TextColumn = Fixed<z.output<typeof textColumnSchema>>;
/** How a CSV file is written. */
export type CsvFormat = Fixed<z.output<typeof csvSchema>>;
export type TableEncoding = Fixed<z.output<typeof tableSchema>>;
export type InputEncoding = Fixed<z.output<typeof inputSchema>>;
/** What a trained model's outputs are. */
export type OutputEncoding = Fixed<z.output<typeof outputSchema>>;
/** Mean and deviation of the targets in the training split. */
export type TargetScaling = Fixed<z.output<typeof scalingSchema>>;
export type Encoding = Fixed<z.output<typeof encodingSchema>>;
export type TargetEncoding = Pick<Encoding, keyof typeof targetKeys>;

/** Names of the inputs, where the config names them. */
export function inputNames({ input }: Encoding): string[] | undefined {
  if (input.kind === 'fields') return Object.keys(input.fields);
  if (input.kind !== 'table') return undefined;
  return input.inputs && [...input.inputs.map(({ name }) => name), ...Object.keys(input.images ?? {})];
}

/** Inputs that are images, by their names. */
export function encodedImages({ input }: Encoding): Readonly<Record<string, ImageEncoding>> {
  if (input.kind === 'image') return { [plainNames.input]: input };
  if (input.kind === 'table') return input.images ?? {};
  if (input.kind !== 'fields') return {};
  const images = Object.entries(input.fields).filter((field): field is [string, ImageEncoding] => 'height' in field[1]);
  return Object.fromEntries(images);
}

/** What is kept of a target. */
export const targetEncoding = (encoding: Encoding, target: Pick<Field, 'name' | 'role'>): TargetEncoding =>
  isPlain(target) ? encoding : (encoding.named?.[target.name] ?? {});

/** The encoding with more about a target. */
export function withTarget(encoding: Encoding, target: Pick<Field, 'name' | 'role'>, more: TargetEncoding): Encoding {
  if (isPlain(target)) return { ...encoding, ...more };
  return { ...encoding, named: { ...encoding.named, [target.name]: { ...encoding.named?.[target.name], ...more } } };
}

/** The columns of each input of a table; of the only one, all. */
export function fieldsOfTable({
  columns,
  inputs,
}: TableEncoding): { name: string; columns: TableEncoding['columns'] }[] {
  if (!inputs) return [{ name: plainNames.input, columns }];
  let next = 0;
  return inputs.map(({ name, columns: count }) => {
    next += count;
    return { name, columns: columns.slice(next - count, next) };
  });
}
