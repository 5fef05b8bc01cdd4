/** The model as a list of tfjs layers, and its loss. */
import { z } from 'zod';
import { customFunction } from '../metrics/custom.js';

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

const path = z.string().min(1);

/** What every model may say: which output is compared with which target, where weights come from, and which stay as they are. */
const common = {
  outputs: z
    .record(z.string(), z.string().min(1))
    .optional()
    .describe(
      'Which layer gives the output that is compared with each target, by the names under data.targets. Needed where there are ' +
        'several targets; default: the last layer, or the outputs of the same names.',
    ),
  weights: path
    .optional()
    .describe(
      'Start from the weights of a saved model: its folder, model.json or .safetensors file, or a run (its best model); matched by name. ' +
        'A relative path starts at the current folder.',
    ),
  reinitialize: z
    .array(z.string())
    .optional()
    .describe(
      'Layers that keep their fresh weights although `weights` is given, such as a new head; * stands for any letters.',
    ),
  freeze: z
    .array(z.string())
    .optional()
    .describe(
      'Layers whose weights stay as they are; * stands for any letters. Default: those that the model has frozen.',
    ),
};

const layersSchema = z
  .strictObject({
    layers: z
      .array(layerSchema)
      .min(1)
      .describe('Layers from the input to the output; the input shape comes from the data'),
    ...common,
  })
  .describe('A list of layers');

const fileSchema = z
  .strictObject({
    file: path.describe(
      "A tfjs LayersModel's model.json, a Keras model's JSON, or a run (its best model); starts from its weights if it has any.",
    ),
    ...common,
  })
  .describe('A saved model');

const moduleSchema = z
  .strictObject({
    module: path.describe(
      'JavaScript or TypeScript file whose default export is a function of `tf` and { inputShape, classes, options } ' +
        'that returns a tf.LayersModel.',
    ),
    options: z.record(z.string(), z.unknown()).optional().describe('Given to the function.'),
    ...common,
  })
  .describe('A function of yours');

export const modelSchema = z.union([layersSchema, fileSchema, moduleSchema]).describe('The model');
export type ModelConfig = z.infer<typeof modelSchema>;
export type LayerConfig = z.infer<typeof layerMapping>;
export type LayersConfig = z.infer<typeof layersSchema>;

const fromLogits = z
  .boolean()
  .optional()
  .describe(
    'Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.',
  );

const ignoreClass = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1)
  .optional()
  .describe(
    'Class index whose places count neither in the loss nor in metrics, such as that of padding; it may be none of the ' +
      'classes, such as -1 or 255.',
  );

/** Losses and the options of each. */
const lossOptions = {
  meanSquaredError: z.strictObject({}),
  meanAbsoluteError: z.strictObject({}),
  huber: z.strictObject({
    delta: z.number().positive().optional().describe('Where the square turns into a straight line; default: 1'),
  }),
  binaryCrossentropy: z.strictObject({ fromLogits }),
  categoricalCrossentropy: z.strictObject({ fromLogits, ignoreClass }),
  sparseCategoricalCrossentropy: z.strictObject({ fromLogits, ignoreClass }),
  hinge: z.strictObject({}),
};
type LossOptions = typeof lossOptions;
type LossName = keyof LossOptions;
const lossNames = Object.keys(lossOptions) as LossName[];

/** Each loss as a mapping of its name to its options. */
type LossWithOptions = {
  [Name in LossName]: z.ZodObject<{ [key in Name]: LossOptions[Name] }, z.core.$strict>;
}[LossName];
const withOptions = lossNames.map((name) =>
  z.strictObject({ [name]: lossOptions[name] }),
) as unknown as LossWithOptions[];

/** What a function of yours makes of the outputs decides how accuracy and predictions read them. */
const customLoss = z.strictObject({ custom: customFunction(z).extend({ fromLogits }) });

const lossSchema = z.union([z.enum(lossNames), ...withOptions, customLoss]);
export type LossConfig = z.infer<typeof lossSchema>;

const isLossName = (name: string): boolean => name === 'custom' || (lossNames as string[]).includes(name);

/** The loss of one of several outputs. */
const weight = z.number().positive().optional().describe('Factor of this loss in the sum of all; default: 1');
const weighted = [
  ...lossNames.map((name) => z.strictObject({ [name]: lossOptions[name].extend({ weight }) })),
  z.strictObject({ custom: customFunction(z).extend({ fromLogits, weight }) }),
];
type ByTarget = Record<string, LossConfig>;

/** A loss for each target by its name, where the data name them. */
const lossesByTarget = z
  .record(
    z.string().refine((name) => !isLossName(name)),
    z.union([z.enum(lossNames), ...weighted]),
  )
  .describe('The loss of each target by its name under data.targets; their sum is trained') as unknown as z.ZodType<
  ByTarget,
  ByTarget
>;

export const lossesSchema = z
  .union([...lossSchema.options, lossesByTarget])
  .describe(
    'Loss, alone or with its options; cross-entropies read logits where the last layers do not end in probabilities. ' +
      'Where data.targets has names: a loss for each.',
  );
export type LossesConfig = z.infer<typeof lossesSchema>;

/** Whether a config gives each target a loss by its name. */
export const byTarget = (config: LossesConfig): config is ByTarget =>
  typeof config === 'object' && !Object.keys(config).some(isLossName);

/** A loss's name, `custom` for a function of the user's, and what options it has. */
export interface LossSettings {
  readonly name: LossName | 'custom';
  readonly fromLogits?: boolean;
  readonly delta?: number;
  /** Class index that does not count. */
  readonly ignoreClass?: number;
  /** Factor in the sum of the losses of several outputs. */
  readonly weight?: number;
}

/** A loss in either of its forms as one. */
export function lossSettings(config: LossConfig): LossSettings {
  if (typeof config === 'string') return { name: config };
  const [[name, options]] = Object.entries(config) as [[LossName | 'custom', object]];
  return { ...options, name };
}
