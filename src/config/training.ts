/** The `training` section: how long, in what batches, and how often to write a line. */
import { z } from 'zod';

const weight = z.number().min(0);

/** A number is of a class, all else of a target. */
function oneKindOfNames(given: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  const [name] = Object.entries(given).find(([, value]) => typeof value === 'number') ?? [];
  const [target] = Object.entries(given).find(([, value]) => typeof value !== 'number') ?? [];
  if (name === undefined || target === undefined) return;
  context.addIssue({
    code: 'custom',
    message: `${name} has a number, as classes have, and ${target} has none, as targets`,
    params: { remedy: 'write { CLASS: weight } for one target, or { TARGET: { CLASS: weight } } for several' },
  });
}

/** Checks against the size of the training split are in data/geometry.ts; here is what the config alone can tell. */
export const trainingSchema = z
  .strictObject({
    epochs: z.int().min(1).describe('How many times to go through the training split.'),
    batchSize: z
      .union([z.int().min(1), z.literal('all')])
      .describe('Examples of one optimizer step, over all workers; "all" is the whole training split.'),
    shards: z
      .union([z.int().min(1), z.literal('auto')])
      .default('auto')
      .describe(
        'Fixed slices of each batch, whatever the number of threads: the result depends on it. `auto` goes by examples, and of windows of a text by tokens.',
      ),
    accumulate: z
      .int()
      .min(1)
      .default(1)
      .describe(
        'Compute each batch in so many parts, one after the other: the memory of a smaller batch, the step of this one.',
      ),
    buckets: z
      .union([
        z.literal('auto'),
        z
          .array(z.int().min(1))
          .min(1)
          .max(16)
          .refine((places) => places.every((each, i) => i === 0 || each > places[i - 1]), {
            error: 'is not ascending',
            params: { remedy: 'write each length once, from the shortest to the longest' },
          }),
      ])
      .optional()
      .describe(
        'Lengths for batches of sequences that were filled up (data.length): each batch is computed at the first that holds its ' +
          'longest sequence, in training and in evaluation, or else at the full length. For each a graph is compiled. `auto` takes ' +
          '8, 16, 32, ... places. Default: all batches have the full length.',
      ),
    groupByLength: z
      .boolean()
      .optional()
      .describe(
        'Make batches of examples of one of the `buckets`, as far as there are enough: shuffled, then sorted by bucket within 50 batches, ' +
          'and these shuffled. Fewer places are computed for nothing, and batches are less mixed. Default: false.',
      ),
    recompute: z
      .enum(['none', 'blocks'])
      .default('none')
      .describe(
        'What is computed again for the gradient instead of being kept. `blocks`: of each block of layers only what it passes on is kept; ' +
          'a step takes less memory and about a third more time, and comes to the same bits. It may change when a run is resumed. ' +
          'Of engine onnx.',
      ),
    precision: z
      .enum(['float32', 'float16'])
      .default('float32')
      .describe(
        'Of matrix products and convolutions of training steps. `float16` is for graphics cards that have it: losses, softmax, ' +
          'normalizations and sums, parameters, the optimizer and evaluations stay in float32. The loss is scaled as by ' +
          "PyTorch's GradScaler, and a step whose gradient overflows is skipped. Of engine onnx.",
      ),
    clipNorm: z.number().positive().optional().describe('Largest global norm of the gradient; longer ones are scaled.'),
    l1: z.number().min(0).default(0).describe("Adds the kernels' absolute values, times this, to the loss."),
    l2: z.number().min(0).default(0).describe("Adds the kernels' squares, times this, to the loss."),
    classWeights: z
      .union([
        z.literal('balanced'),
        z
          .record(z.string(), z.union([weight, z.literal('balanced'), z.record(z.string(), weight)]))
          .superRefine(oneKindOfNames),
      ])
      .optional()
      .describe(
        'Weight of each class in the training loss, by name or index (others 1); "balanced" evens out their frequency. Of several ' +
          'targets: by their names, { TARGET: balanced } or { TARGET: { CLASS: weight } }. The mean still divides by the number of ' +
          'examples, as in Keras; PyTorch divides by the sum of their weights.',
      ),
    monitor: z
      .union([
        z.string().min(1),
        z.strictObject({
          metric: z.string().min(1).describe('Name of a metric of validation'),
          mode: z.enum(['min', 'max']).describe('Whether lower or higher is better'),
        }),
      ])
      .default('loss')
      .describe('Metric of validation that decides which epoch is best. Without validation: the training loss.'),
    earlyStopping: z
      .strictObject({
        patience: z.int().min(1).default(5).describe('Epochs without a better one before the run ends'),
        minDelta: z.number().min(0).default(0).describe('How much better counts as better'),
      })
      .optional()
      .describe('Ends the run when `monitor` stops getting better.'),
    restoreBest: z.boolean().default(false).describe('End with the parameters of the best epoch instead of the last.'),
    logEvery: z.int().min(1).default(50).describe('Steps between two step lines in metrics.jsonl.'),
  })
  .superRefine(({ batchSize, shards, accumulate, buckets, groupByLength }, context) => {
    const issue = (path: string, message: string, remedy: string) =>
      context.addIssue({ code: 'custom', path: [path], message, params: { remedy } });
    if (groupByLength && buckets === undefined) {
      issue('groupByLength', 'true needs lengths to group by', 'add training.buckets: auto, or leave it out');
    }
    if (batchSize !== 'all' && batchSize % accumulate !== 0) {
      issue('accumulate', `${accumulate} does not divide batchSize ${batchSize}`, 'use a divisor of the batch size');
    }
    if (shards !== 'auto' && shards % accumulate !== 0) {
      issue(
        'shards',
        `${shards} is not a multiple of accumulate ${accumulate}`,
        `use ${Math.ceil(shards / accumulate) * accumulate}, or auto`,
      );
    }
    if (batchSize === 'all' || shards === 'auto' || batchSize % shards === 0) return;
    const below = Math.floor(batchSize / shards) * shards;
    const above = below + shards;
    const remedy = below > 0 ? `use ${below} or ${above}` : `use ${above}`;
    issue('batchSize', `${batchSize} is not a multiple of shards ${shards}`, remedy);
  })
  .describe('How long to train, and in what batches.');

export type TrainingConfig = z.output<typeof trainingSchema>;
export type Precision = TrainingConfig['precision'];
