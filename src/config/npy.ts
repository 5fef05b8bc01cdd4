/** `data.source: npy`: arrays of NumPy, one of each kind or several by the names of their fields. */
import { z } from 'zod';
import { copySchema, fieldName, fraction, memory, path, standardizeTargets, targetType } from './data-parts.js';
import { byKey, oneWay, splitKeys, withSplits } from './split.js';
import { plainFieldNames } from './table-fields.js';

const name = fieldName.refine((text) => !plainFieldNames.includes(text), {
  error: (issue) => `${JSON.stringify(issue.input)} is what fields are called that have no name`,
});

/** Keys that say where an array is. */
const place = {
  file: path.optional().describe('A .npy or .npz file. Default: data.file.'),
  member: path
    .optional()
    .describe('The array in a .npz file. Default: the only one that it has, else the one of the name of the field.'),
};

/** A file, or a member of data.file. */
const arraySchema = z.union([path, z.strictObject(place)]);
export type NpyArrayConfig = z.infer<typeof arraySchema>;

/** Keys of an input that is sequences of unequal length. */
const sequence = <T extends z.ZodType>(array: T) => ({
  lengths: array
    .optional()
    .describe(
      'NumPy array [n] of the places of each sequence. The input is then sequences of unequal length, one behind the other, [all places, ...], ' +
        'or a row each, [n, places, ...], whose further places are not looked at. They are filled up with 0, with a mask that leaves those places ' +
        'out of layers, losses and metrics.',
    ),
  offsets: array
    .optional()
    .describe(
      'In the place of lengths: NumPy array of where each sequence starts, from 0, with or without where the last one ends ([n] or [n + 1]).',
    ),
  length: z
    .union([z.literal('longest'), z.int().min(1)])
    .optional()
    .describe('Places that sequences are filled up to. Default: the longest, or as many as a row has.'),
  truncate: z.boolean().optional().describe('Cut off what sequences have beyond length. Default: false.'),
});
export interface SequenceKeys {
  readonly lengths?: NpyArrayConfig;
  readonly offsets?: NpyArrayConfig;
  readonly length?: number | 'longest';
  readonly truncate?: boolean;
}

const placesOf = z
  .string()
  .min(1)
  .optional()
  .describe(
    'The input of sequences that it has a class, or numbers, for each place of; it has their mask then, and weights may be of places.',
  );

const inputSchema = z.union([
  path,
  z.strictObject({
    ...place,
    scale: z.number().positive().optional().describe('As data.scale, for this input.'),
    categories: z
      .int()
      .min(1)
      .optional()
      .describe('Makes it whole numbers from 0 to categories - 1, for which embeddings write inputDim: categories.'),
    ...sequence(arraySchema),
  }),
]);

const targetSchema = z.union([
  path,
  copySchema,
  z.strictObject({
    ...place,
    type: z.enum(['class', 'number']).optional().describe('As data.targetType, for this target.'),
    standardize: z.boolean().optional().describe('As data.standardizeTargets, for this target.'),
    weights: arraySchema.optional().describe('As data.weights, for this target.'),
    placesOf,
  }),
]);
type NpyTargetConfig = z.infer<typeof targetSchema>;

const part = (purpose: string) =>
  z
    .union([fraction, path, z.record(z.string(), path)])
    .describe(
      'Fraction of the examples, or a .npz file of its own with arrays of the same names, or a file for each array by the name of its ' +
        `field ({ features: x.npy, targets: y.npy }), that ${purpose}`,
    );

export const npySchema = z
  .strictObject({
    source: z.literal('npy'),
    file: path
      .optional()
      .describe(
        'A .npz file (numpy.savez, numpy.savez_compressed): features, targets and weights, or the texts under inputs and targets, are ' +
          'then names of its arrays in the place of files.',
      ),
    features: path
      .optional()
      .describe('NumPy array whose first axis counts the examples; bytes stay bytes, else float32.'),
    inputs: z
      .record(name, inputSchema)
      .optional()
      .describe(
        'Inputs of the model by name, in the place of features: a file each, or an array of data.file, or { file, member, scale, categories, lengths, ... }.',
      ),
    targets: z
      .union([path, z.record(name, targetSchema)])
      .describe(
        'NumPy array of as many classes or numbers; or several by name: a file each, or an array of data.file, or { file, member, type, ' +
          'standardize, weights }, or { of: input } for what an input holds.',
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
    ...sequence(path),
    placesOf,
    ...splitKeys(part, byKey('NumPy array of one number an example')),
    memory,
  })
  .superRefine(npyRules)
  .superRefine(oneWay)
  .transform(withSplits())
  .describe('NumPy .npy and .npz files.');

type NpyFields = {
  readonly [K in
    | 'file'
    | 'features'
    | 'inputs'
    | 'targets'
    | 'weights'
    | 'targetType'
    | 'standardizeTargets'
    | 'placesOf'
    | 'lengths'
    | 'offsets'
    | 'length'
    | 'truncate'
    | 'scale']?: unknown;
};

/** One of `features` and `inputs`; what is said of a field that has a name is said beside its file; each name is of one field. */
function npyRules(fields: NpyFields, context: z.RefinementCtx): void {
  const refuse = (path: readonly string[], message: string, remedy: string) =>
    context.addIssue({ code: 'custom', path: [...path], message, params: { remedy } });
  const { file, features, inputs, targets, scale } = fields;
  for (const [key, array] of Object.entries(arraysIn({ inputs, targets }))) {
    if (file !== undefined || array.file !== undefined) continue;
    refuse(key.split('/'), 'names no file', `write file: FILE there, or data.file: FILE for all`);
  }
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
  for (const key of ['lengths', 'offsets', 'length', 'truncate'] as const) {
    if (inputs === undefined || fields[key] === undefined) continue;
    refuse([key], 'stands beside data.inputs', `say it of the input: { file: FILE, lengths: FILE }`);
  }
  const sequences = [
    [[], fields] as const,
    ...Object.entries(inputs ?? {}).map(([name, own]) => [['inputs', name], own] as const),
  ];
  for (const [at, own] of sequences) {
    const { lengths, offsets, length, truncate } = typeof own === 'string' ? {} : (own as SequenceKeys);
    if (lengths !== undefined && offsets !== undefined) {
      refuse([...at, 'offsets'], 'stands beside lengths', 'leave one of them out');
    }
    const key = length !== undefined ? 'length' : truncate !== undefined ? 'truncate' : undefined;
    if (key === undefined || lengths !== undefined || offsets !== undefined) continue;
    refuse([...at, key], 'is of sequences, and nothing says how long each is', 'add lengths or offsets, or remove it');
  }
  if (typeof targets !== 'object') return;
  for (const [key, own] of [
    ['targetType', 'type: class'],
    ['standardizeTargets', 'standardize: true'],
    ['weights', 'weights: FILE'],
    ['placesOf', 'placesOf: INPUT'],
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

/** All that is said of arrays under these keys as a mapping, by where it stands. */
function arraysIn(value: unknown, at: readonly string[] = []): Record<string, { readonly file?: unknown }> {
  if (typeof value !== 'object' || value === null || 'of' in value) return {};
  const inner = Object.entries(value).map(([key, own]) => arraysIn(own, [...at, key]));
  return Object.assign(at.length > 1 ? { [at.join('/')]: value } : {}, ...inner);
}

/** A target with what its loss makes of it, where that leaves no choice. @param type as the loss has it */
export function typedTarget(
  target: NpyTargetConfig,
  type: 'class' | 'number' | undefined,
  isMember: boolean,
): NpyTargetConfig {
  if (type === undefined || (typeof target === 'object' && ('of' in target || target.type !== undefined)))
    return target;
  return typeof target === 'string' ? { [isMember ? 'member' : 'file']: target, type } : { ...target, type };
}
