/** The whole config of a run, composed from the schemas of its components. */
import { z } from 'zod';
import { metricsSchema } from '../metrics/schema.js';
import { augmentSchema } from './augment.js';
import { checkpointSchema } from './checkpoint.js';
import { clusterConflict, clusterSchema } from './cluster.js';
import { dataSchema } from './data.js';
import { evaluationSchema } from './evaluation.js';
import { byTarget, lossesSchema, modelSchema } from './model.js';
import { optimizerSchema } from './optimizer.js';
import { scheduleSchema } from './schedule.js';
import { namedNotStandardizable, notStandardizable, withTargetType } from './target-type.js';
import { trackSchema } from './track.js';
import { trainingSchema } from './training.js';

export const runSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, {
        error: (issue) => `${JSON.stringify(issue.input)} holds more than letters, digits, ".", "_" and "-"`,
      })
      .default('run')
      .describe("Name of the run's folder. By default the name of the config file."),
    seed: z
      .int()
      .min(0)
      .max(0xffff_ffff)
      .default(0)
      .describe('Fixes every random choice: initial weights, splits, order, noise.'),
    data: dataSchema.describe('Where the examples come from, and how they are split.'),
    augment: augmentSchema.optional(),
    model: modelSchema,
    loss: lossesSchema,
    metrics: metricsSchema.default([]),
    optimizer: optimizerSchema.prefault('adam'),
    schedule: scheduleSchema.prefault('constant'),
    training: trainingSchema,
    evaluation: evaluationSchema.prefault({}),
    checkpoint: checkpointSchema.prefault({}),
    cluster: clusterSchema.prefault({}),
    track: trackSchema.prefault({}),
    engine: z
      .enum(['auto', 'onnx', 'tfjs'])
      .default('auto')
      .describe('onnx compiles the model; tfjs runs it eagerly; auto takes onnx where it can.'),
    backend: z
      .enum(['tensorflow', 'wasm', 'cpu'])
      .optional()
      .describe('The TensorFlow.js backend of engine tfjs. By default the fastest that loads.'),
  })
  .superRefine(({ engine, backend }, context) => {
    if (backend === undefined || engine !== 'onnx') return;
    context.addIssue({
      code: 'custom',
      path: ['backend'],
      message: `"${backend}" is a backend of engine tfjs, and engine is onnx`,
      params: { remedy: 'remove backend, or set engine to tfjs' },
    });
  })
  .superRefine(({ cluster }, context) => {
    const [path, message, remedy] = clusterConflict(cluster) ?? [];
    if (path === undefined) return;
    context.addIssue({ code: 'custom', path: ['cluster', path], message, params: { remedy } });
  })
  .superRefine(({ data, loss }, context) => {
    if (!('standardizeTargets' in data) || !data.standardizeTargets || byTarget(loss)) return;
    const found = notStandardizable(data, loss);
    if (!found) return;
    const path = ['data', 'standardizeTargets'];
    context.addIssue({ code: 'custom', path, message: found.problem, params: { remedy: found.remedy } });
  })
  .superRefine(({ data, loss }, context) => {
    for (const { name, problem, remedy } of namedNotStandardizable(data, loss)) {
      context.addIssue({ code: 'custom', path: ['data', 'targets', name], message: problem, params: { remedy } });
    }
  })
  .transform((config) => ({
    ...config,
    data: withTargetType(config.data, config.loss),
  }));

/** A validated config with every default filled in. `loadRunConfig` freezes it. */
export type RunConfig = z.output<typeof runSchema>;
