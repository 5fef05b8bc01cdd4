/** Keys that several data sources have in common. */
import { z } from 'zod';

export const fraction = z.number().min(0).lt(1);
export const path = z.string().min(1);
export const column = z.string().min(1);

/** What a field may be called. */
export const FIELD_NAME = /^[A-Za-z_]\w{0,47}$/;
export const fieldName = z.string().regex(FIELD_NAME, {
  error: (issue) =>
    `${JSON.stringify(issue.input)} is no name of a field: at most 48 letters, digits and _, the first no digit`,
});

/** One for the only field, or one each by their names. */
export const byField = <T extends z.ZodType>(value: T) => z.union([value, z.record(fieldName, value)]);

/** `512MB`, `1.5 GiB`: 1 MB is 2^20 bytes here, with or without the i. */
export const MEMORY_SIZE = /^(\d+(?:\.\d+)?)\s*([KMGT])i?B$/i;

export const memory = z
  .string()
  .regex(MEMORY_SIZE, { error: (issue) => `${JSON.stringify(issue.input)} is not a size such as 512MB or 2GB` })
  .optional()
  .describe(
    'Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.',
  );

export const VALIDATION = 'is held out and evaluated after every epoch.';
export const TEST = 'is held out and evaluated once, at the end.';

export const targetType = z
  .enum(['class', 'number'])
  .optional()
  .describe(
    'Whether targets are classes or numbers. Default: what the loss takes; where it takes both, classes if they are text, else numbers.',
  );

export const standardizeTargets = z
  .boolean()
  .optional()
  .describe(
    'Give targets that are numbers mean 0 and deviation 1, column by column, as measured on the training split in 64 bits. ' +
      'The loss is that of the standardized targets; mae, mse, r2 and predictions are in their own units. Default: false.',
  );

/** A target that is an input. */
export const copySchema = z.strictObject({ of: fieldName.describe('The input; `features` is one without a name.') });

export const copies = z
  .record(fieldName, copySchema)
  .optional()
  .describe(
    'Targets that are inputs, by names: { copy: { of: features } }, as autoencoders have them; they take no memory.',
  );
