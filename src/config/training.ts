/** The `training` section: how long, in what batches, and how often to write a line. */
import { z } from 'zod';

/** Checks against the size of the training split live with the loop; here is what the config alone can tell. */
export const trainingSchema = z
  .strictObject({
    epochs: z.int().min(1).describe('How many times to go through the training split.'),
    batchSize: z
      .union([z.int().min(1), z.literal('all')])
      .describe('Examples of one optimizer step, over all workers; "all" is the whole training split.'),
    shards: z
      .union([z.int().min(1), z.literal('auto')])
      .default('auto')
      .describe('Fixed slices of each batch, whatever the number of threads: the result depends on it.'),
    clipNorm: z.number().positive().optional().describe('Largest global norm of the gradient; longer ones are scaled.'),
    logEvery: z.int().min(1).default(50).describe('Steps between two step lines in metrics.jsonl.'),
  })
  .superRefine(({ batchSize, shards }, context) => {
    if (batchSize === 'all' || shards === 'auto' || batchSize % shards === 0) return;
    const below = Math.floor(batchSize / shards) * shards;
    const above = below + shards;
    context.addIssue({
      code: 'custom',
      path: ['batchSize'],
      message: `${batchSize} is not a multiple of shards ${shards}`,
      params: { remedy: below > 0 ? `use ${below} or ${above}` : `use ${above}` },
    });
  })
  .describe('How long to train, and in what batches.');

export type TrainingConfig = z.output<typeof trainingSchema>;
