/** The model as a list of tfjs layers, its loss and its metrics. */
import { z } from 'zod';

const layerMapping = z
  .record(z.string(), z.union([z.record(z.string(), z.unknown()), z.null()]))
  .refine((layer) => Object.keys(layer).length === 1, {
    message: 'is not one layer with its options',
    params: { remedy: 'write a single name, such as `dense: { units: 10 }`' },
  });

const layerSchema = z
  .union([z.string().transform((name): z.infer<typeof layerMapping> => ({ [name]: {} })), layerMapping])
  .describe(
    'One tfjs layer by its tf.layers name with its options; `from` names the layers it reads (default: the one before)',
  );

export const modelSchema = z
  .strictObject({
    layers: z
      .array(layerSchema)
      .min(1)
      .describe('Layers from the input to the output; the input shape comes from the data'),
  })
  .describe('The model');
export type ModelConfig = z.infer<typeof modelSchema>;
export type LayerConfig = z.infer<typeof layerMapping>;

const lossNames = [
  'meanSquaredError',
  'meanAbsoluteError',
  'huber',
  'binaryCrossentropy',
  'categoricalCrossentropy',
  'sparseCategoricalCrossentropy',
  'hinge',
] as const;

export const lossSchema = z
  .union([
    z.enum(lossNames),
    z.strictObject({
      huber: z.strictObject({ delta: z.number().positive().describe('Where the square turns into a straight line') }),
    }),
  ])
  .describe('Loss; cross-entropies read logits unless the last activation is a softmax or sigmoid');
export type LossConfig = z.infer<typeof lossSchema>;

const metricNames = ['accuracy', 'topKAccuracy', 'mae', 'mse', 'r2'] as const;

const metricSchema = z.union([
  z.enum(metricNames),
  z.strictObject({
    topKAccuracy: z.strictObject({
      k: z.int().min(1).describe('The target counts as found among the k highest outputs'),
    }),
  }),
]);
export const metricsSchema = z
  .array(metricSchema)
  .refine(
    (metrics) => metrics.filter((metric) => typeof metric !== 'string' || metric === 'topKAccuracy').length <= 1,
    {
      message: 'name topKAccuracy more than once',
      params: { remedy: 'keep one k' },
    },
  )
  .describe('Metrics of validation and test, besides the loss');
export type MetricConfig = z.infer<typeof metricSchema>;
