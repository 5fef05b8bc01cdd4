/** The `checkpoint` section: how often a run writes down where it is. */
import { z } from 'zod';

export const checkpointSchema = z
  .strictObject({
    everySteps: z.int().min(1).optional().describe('After every so many steps of the run.'),
    everyEpochs: z.int().min(1).optional().describe('After every so many epochs.'),
    everyMinutes: z
      .number()
      .positive()
      .optional()
      .describe('After the step during which so many minutes have passed. Default: 1 where nothing else is given.'),
    keep: z.int().min(1).default(3).describe('How many to keep; older ones are deleted.'),
  })
  .transform((config) =>
    config.everySteps === undefined && config.everyEpochs === undefined && config.everyMinutes === undefined
      ? { ...config, everyMinutes: 1 }
      : config,
  )
  .describe('When to write a checkpoint. One is always written on Ctrl-C and at the end.');
