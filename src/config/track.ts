/** The `track` section: which tools of others are told about a run while it goes on. */
import { z } from 'zod';

const hook = (when: string) =>
  z.string().min(1).optional().describe(`${when}: a command for the system's shell, or a URL, which gets a POST.`);

const hooksSchema = z
  .strictObject({
    end: hook('At the end of the run, also where it was stopped'),
    divergence: hook('When the loss stops being finite'),
    workerLost: hook('When a worker is lost'),
    best: hook('After an epoch whose model is the best so far'),
    timeout: z.number().positive().max(3600).default(30).describe('Seconds that each may take; then it is ended.'),
  })
  .describe(
    'Programs and URLs that are told what happens, as a line of JSON: by standard input (with LOCKSTEP_HOOK and LOCKSTEP_RUN in the environment), or as the body. The run neither waits for them, but at its end, nor fails by them.',
  );

export const trackSchema = z
  .strictObject({
    tensorboard: z
      .boolean()
      .default(false)
      .describe(
        "Event files for TensorBoard in the run's folder, `tensorboard/`: loss, metrics, rate and gradient norm, weights as histograms at each epoch, config and layers.",
      ),
    hooks: hooksSchema.optional(),
  })
  .describe('Tools of others that are told about the run. None of them changes a bit of it.');
