/** The `track` section: which tools of others are told about a run while it goes on. */
import { z } from 'zod';

const mlflowSchema = z
  .strictObject({
    uri: z
      .url({
        protocol: /^https?$/,
        error: ({ input }) => `${JSON.stringify(input)} is no address of a server (http:// or https://)`,
      })
      .refine((uri) => !/^https?:\/\/[^/]*@/i.test(uri), {
        error: 'holds a password, which would be kept in the run',
        params: { remedy: 'set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN' },
      })
      .describe('Address of the tracking server, such as `http://127.0.0.1:5000`.'),
    experiment: z
      .string()
      .min(1)
      .max(500)
      .default('lockstep')
      .describe('The experiment that the run belongs to; made where there is none.'),
    registeredModel: z
      .string()
      .max(256)
      .regex(/^[^/:]+$/, 'is no name of a registered model, which has no / and no :')
      .optional()
      .describe("The registered model that the run's becomes a version of; made where there is none."),
  })
  .describe(
    'The run in MLflow, by the REST interface of a tracking server: config, metrics, models. What a server that is not there misses is sent later.',
  );

const hook = (when: string) =>
  z.string().min(1).optional().describe(`${when}: a command for the system's shell, or a URL, which gets a POST.`);

const hooksSchema = z
  .strictObject({
    end: hook('At the end of the run, also where it was stopped'),
    divergence: hook('When the loss stops being finite'),
    workerLost: hook('When a worker is lost'),
    best: hook('After an epoch whose model is the best so far, of several in 5 s the last'),
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
        "Event files for TensorBoard in the run's folder, `tensorboard/`: loss, metrics, rate and gradient norm, weights and the last step's gradient as histograms after epochs (the first, the last, and one each 5 s), config and layers.",
      ),
    mlflow: mlflowSchema.optional(),
    hooks: hooksSchema.optional(),
  })
  .describe('Tools of others that are told about the run. None of them changes a bit of it.');
