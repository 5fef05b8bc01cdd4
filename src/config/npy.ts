/** `data.source: npy`: arrays of NumPy, one of each kind or several by the names of their fields. */
import { z } from 'zod';
import { copySchema, fieldName, fractions, path, standardizeTargets, targetType } from './data-parts.js';
import { plainFieldNames } from './table-fields.js';

const name = fieldName.refine((text) => !plainFieldNames.includes(text), {
  error: (issue) => `${JSON.stringify(issue.input)} is what fields are called that have no name`,
});

const inputSchema = z.union([
  path,
  z.strictObject({
    file: path,
    scale: z.number().positive().optional().describe('As data.scale, for this input.'),
    categories: z
      .int()
      .min(1)
      .optional()
      .describe('Makes it whole numbers from 0 to categories - 1, for which embeddings write inputDim: categories.'),
  }),
]);

const targetSchema = z.union([
  path,
  copySchema,
  z.strictObject({
    file: path,
    type: z.enum(['class', 'number']).optional().describe('As data.targetType, for this target.'),
    standardize: z.boolean().optional().describe('As data.standardizeTargets, for this target.'),
    weights: path.optional().describe('As data.weights, for this target.'),
  }),
]);
type NpyTargetConfig = z.infer<typeof targetSchema>;

export const npySchema = z
  .strictObject({
    source: z.literal('npy'),
    features: path
      .optional()
      .describe('NumPy array whose first axis counts the examples; bytes stay bytes, else float32.'),
    inputs: z
      .record(name, inputSchema)
      .optional()
      .describe('Inputs of the model by name, in the place of features: a file each, or { file, scale, categories }.'),
    targets: z
      .union([path, z.record(name, targetSchema)])
      .describe(
        'NumPy array of as many classes or numbers; or several by name: a file each, or { file, type, standardize, weights }, or ' +
          '{ of: input } for what an input holds.',
      ),
    weights: path
      .optional()
      .describe(
        "NumPy array of the examples' weights in the training loss, [n]; or of weights of places, [n, places], which evaluation counts too: " +
          '0 leaves a place out of metrics.',
      ),
    targetType: targetType.describe(
      'Whether targets are classes or numbers. Default: what the loss takes; where it takes both, classes if each example ' +
        'has one integer from 0, else numbers.',
    ),
    standardizeTargets,
    scale: z.number().positive().default(1).describe('Factor of the features, such as 0.00392156862745098 for bytes.'),
    ...fractions(0.1),
  })
  .superRefine(npyRules)
  .describe('NumPy .npy files.');

type Fields = {
  readonly [K in
    | 'features'
    | 'inputs'
    | 'targets'
    | 'weights'
    | 'targetType'
    | 'standardizeTargets'
    | 'scale']?: unknown;
};

/** One of `features` and `inputs`; what is said of a field that has a name is said beside its file; each name is of one field. */
function npyRules(fields: Fields, context: z.RefinementCtx): void {
  const refuse = (path: readonly string[], message: string, remedy: string) =>
    context.addIssue({ code: 'custom', path: [...path], message, params: { remedy } });
  const { features, inputs, targets, scale } = fields;
  if (features === undefined && inputs === undefined) {
    refuse(['features'], 'is missing', 'name a file, or several by name under data.inputs');
  }
  if (features !== undefined && inputs !== undefined) {
    refuse(
      ['features'],
      'stands beside data.inputs',
      'name all files under data.inputs, or the one under data.features',
    );
  }
  if (inputs !== undefined && scale !== 1) {
    refuse(['scale'], 'stands beside data.inputs', 'say it of the input: { file: FILE, scale: NUMBER }');
  }
  if (typeof targets !== 'object') return;
  for (const [key, own] of [
    ['targetType', 'type: class'],
    ['standardizeTargets', 'standardize: true'],
    ['weights', 'weights: FILE'],
  ] as const) {
    if (fields[key] === undefined) continue;
    refuse([key], 'stands beside targets that have names', `say it of the target: { file: FILE, ${own} }`);
  }
  for (const [key, given] of Object.entries({ inputs, targets })) {
    if (given && Object.keys(given).length === 0) refuse([key], 'names no field', 'name one, or remove it');
  }
  for (const name of Object.keys(inputs ?? {})) {
    if (!Object.hasOwn(targets as object, name)) continue;
    refuse(['targets', name], 'is the name of an input too', 'give each field a name of its own');
  }
}

/** A target with what its loss makes of it, where that leaves no choice. @param type as the loss has it */
export function typedArray(target: NpyTargetConfig, type: 'class' | 'number' | undefined): NpyTargetConfig {
  if (type === undefined || (typeof target === 'object' && ('of' in target || target.type !== undefined)))
    return target;
  return typeof target === 'string' ? { file: target, type } : { ...target, type };
}
