/** The `evaluation` section: what is said of a trained model beside its numbers. */
import { z } from 'zod';
import { column } from './data-parts.js';

/** Bins of a slice at most. */
export const mostBins = 100;

const bins = z.int().min(2).max(mostBins).describe('So many bins of as many examples each, or nearly so.');
const edges = z
  .array(z.number())
  .min(1)
  .refine((values) => values.every((value, i) => i === 0 || value > values[i - 1]), { error: 'edges must rise' })
  .describe('Where one bin ends and the next begins, which holds the edge.');

/** Values of a column, or bins of its numbers. */
const bySchema = z.union([
  column,
  z
    .record(column, z.union([z.strictObject({ bins }), z.strictObject({ edges })]))
    .refine((entry) => Object.keys(entry).length === 1, { error: 'names one column: { column: { bins: 4 } }' }),
]);
export type SliceBy = z.infer<typeof bySchema>;

/** The first of them that comes again. */
export const twiceIn = (names: readonly string[]): string | undefined =>
  names.find((name, i) => names.indexOf(name) < i);

const nameOf = (by: SliceBy): string => (typeof by === 'string' ? by : Object.keys(by)[0]);

const slices = z
  .array(z.union([bySchema, z.array(bySchema).min(2)]))
  .superRefine((all, context) => {
    const refuse = (path: number[], message: string) =>
      context.addIssue({ code: 'custom', path, message, params: { remedy: 'name it once' } });
    all.forEach((entry, i) => {
      const twice = twiceIn([entry].flat().map(nameOf));
      if (twice !== undefined) refuse([i], `names ${twice} twice`);
    });
    const texts = all.map((entry) => JSON.stringify(entry));
    const twice = twiceIn(texts);
    if (twice !== undefined) refuse([texts.lastIndexOf(twice)], `${twice} stands there twice`);
  })
  .default([])
  .describe(
    'Columns whose values tell examples apart: `evaluate` gives every metric for each value, or for bins of numbers, ' +
      '{ age: { bins: 4 } } or { age: { edges: [30, 60] } }; a list of several for their combinations. Any column of a table, key of a ' +
      "module's examples or array; `class` is the true class, `folder` that of image files.",
  );

const group = z
  .union([column, z.literal(false)])
  .optional()
  .describe(
    'Column whose values name what examples belong to, such as patients: intervals and standard errors draw whole groups. Default: ' +
      'data.split.group; false draws each example by itself.',
  );

const least = z.number().min(0).max(1);
const cost = z.number().positive();

/** What a threshold is chosen for. */
const thresholdSchema = z.union([
  z
    .strictObject({
      maximize: z
        .enum(['f1', 'accuracy', 'balancedAccuracy', 'youden', 'mcc'])
        .describe(
          'Of the second class f1, recall (at a precision) or precision (at a recall); of both accuracy, balancedAccuracy or mcc; youden is recall minus false alarms',
        ),
    })
    .describe('The threshold with the best value.'),
  z
    .strictObject({
      maximize: z.literal('recall'),
      precision: least.describe('Least part of what is predicted as the second class that must be of it'),
    })
    .describe('The highest recall of those thresholds that are as precise.'),
  z
    .strictObject({
      maximize: z.literal('precision'),
      recall: least.describe('Least part of the second class that must be found'),
    })
    .describe('The highest precision of those thresholds that find as much.'),
  z
    .strictObject({
      cost: z.strictObject({
        falsePositive: cost.describe('What it costs to take the first class for the second'),
        falseNegative: cost.describe('What it costs to take the second class for the first'),
      }),
    })
    .describe('The lowest cost.'),
]);

const calibrationSchema = z.enum(['temperature', 'isotonic']);

export type ThresholdRule = z.output<typeof thresholdSchema>;
export type CalibrationMethod = z.output<typeof calibrationSchema>;

/** What is fitted on the validation split. */
export interface DecisionRules {
  readonly threshold?: ThresholdRule;
  readonly calibration?: CalibrationMethod;
}

export const evaluationSchema = z
  .strictObject({
    confidence: z
      .number()
      .gt(0)
      .lt(1)
      .default(0.95)
      .describe('How often an interval is to hold the value that the model would have on all examples of the kind.'),
    resamples: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(2000)
      .describe('Draws of the bootstrap that gives the intervals; 0 leaves intervals out.'),
    gallery: z
      .int()
      .min(0)
      .max(1000)
      .default(0)
      .describe(
        'How many examples to show of those that the model is most confidently wrong about, and of labels in doubt.',
      ),
    seal: z
      .boolean()
      .default(false)
      .describe('Keep the test split closed: the run ends without it, and `evaluate --unseal` opens it.'),
    group,
    slices,
    threshold: thresholdSchema
      .optional()
      .describe(
        'Chooses on the validation split the probability above which the second of two classes is predicted, and saves it with ' +
          'the models. Default: 0.5.',
      ),
    calibration: calibrationSchema
      .optional()
      .describe(
        'Fits on the validation split what makes probabilities of outputs, and saves it with the models: temperature divides all ' +
          'logits by one number, isotonic gives each class a rising curve.',
      ),
  })
  .describe('What `evaluate` says beside the numbers.');
