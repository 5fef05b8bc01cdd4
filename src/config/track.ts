/** The `track` section: which tools of others are told about a run while it goes on. */
import { z } from 'zod';

export const trackSchema = z
  .strictObject({
    tensorboard: z
      .boolean()
      .default(false)
      .describe(
        "Event files for TensorBoard in the run's folder, `tensorboard/`: loss, metrics, rate and gradient norm, weights as histograms at each epoch, config and layers.",
      ),
  })
  .describe('Tools of others that are told about the run. None of them changes a bit of it.');
