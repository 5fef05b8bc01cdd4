/** `data`: where the examples come from and how they are split. */
import { z } from 'zod';

const fraction = z.number().min(0).lt(1);
const prefix = z.string().min(1);

const stratify = z
  .boolean()
  .default(false)
  .describe('Give every split the same share of each class. Needs targets that are classes.');

const VALIDATION = 'is held out and evaluated after every epoch.';
const TEST = 'is held out and evaluated once, at the end.';

function fractions(preset: number) {
  return {
    validation: fraction.default(preset).describe(`Fraction of the examples that ${VALIDATION}`),
    test: fraction.default(preset).describe(`Fraction of the examples that ${TEST}`),
    stratify,
  };
}

/** A fraction of the training files, or the prefix of files of its own. */
function fractionOrFiles(purpose: string) {
  return z
    .union([fraction, prefix])
    .default(0.1)
    .describe(`Fraction of the training files, or prefix of the files, that ${purpose}`);
}

const digitsSchema = z
  .strictObject({
    source: z.literal('digits'),
    examples: z.int().min(20).default(12_000).describe('How many digits to make, all splits together.'),
    seed: z
      .int()
      .min(0)
      .default(0)
      .describe('Names the set of digits. Apart from the seed of the run, so that all seeds train on the same set.'),
    ...fractions(0.1),
  })
  .describe('Synthetic handwritten digits, 28 x 28 x 1, ten classes, made when the run starts.');

const idxSchema = z
  .strictObject({
    source: z.literal('idx'),
    dir: z
      .string()
      .min(1)
      .describe(
        'Folder of <prefix>-images-idx3-ubyte and <prefix>-labels-idx1-ubyte files, with or without .gz; ' +
          'a relative path starts at the current folder.',
      ),
    training: prefix
      .optional()
      .describe(
        "Prefix of the training files. Default: train where there is such a pair, else the folder's only pair.",
      ),
    validation: fractionOrFiles(VALIDATION),
    test: fractionOrFiles(TEST),
    stratify,
  })
  .describe('Images of the MNIST family (MNIST, Fashion-MNIST, EMNIST, KMNIST) in IDX files.');

const rows = z.array(z.union([z.number(), z.array(z.number()).min(1)])).min(1);

const valuesSchema = z
  .strictObject({
    source: z.literal('values'),
    features: rows.describe('One row of numbers for each example; a plain number is a row of one.'),
    targets: rows.describe('One row of numbers for each example, or one class index each if classes is given.'),
    classes: z.int().min(2).optional().describe('Makes the targets class indices, 0 to classes - 1.'),
    ...fractions(0),
  })
  .describe('Numbers written in the config.');

export const dataSchema = z.discriminatedUnion('source', [digitsSchema, idxSchema, valuesSchema]);

export type DataConfig = z.infer<typeof dataSchema>;
export type IdxConfig = z.infer<typeof idxSchema>;
export type ValuesConfig = z.infer<typeof valuesSchema>;
