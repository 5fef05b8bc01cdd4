/** The `evaluation` section: what is said of a trained model beside its numbers. */
import { z } from 'zod';

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
    seal: z
      .boolean()
      .default(false)
      .describe('Keep the test split closed: the run ends without it, and `evaluate --unseal` opens it.'),
  })
  .describe('What `evaluate` says beside the numbers.');
