/** Fields of a table by name: which columns make each input and each target, and what must not stand beside each other. */
import { z } from 'zod';
import { column, fieldName } from './data-parts.js';
import { plainNames } from './plain-names.js';
import { type Refuse, refusal } from './refusal.js';
import { tokenKinds } from './text.js';

export const plainFieldNames: readonly string[] = Object.values(plainNames);

/** What a field may be called where it has a name. */
export const ownFieldName = fieldName.refine((text) => !plainFieldNames.includes(text), {
  error: (issue) => `${JSON.stringify(issue.input)} is what fields are called that have no name`,
});
const columns = z.union([column, z.array(column).min(1)]);

const textSchema = z.strictObject({
  text: column.describe('A column of texts, which become their tokens, filled up at their ends, with a mask.'),
  tokens: z
    .union(tokenKinds)
    .default({ bpe: { vocabulary: 4096, minFrequency: 2 } })
    .describe('As data.tokens of source text; learned from all rows of data.file.'),
  length: z
    .union([z.literal('longest'), z.int().min(1)])
    .describe(
      'Tokens that texts are filled up to; longest: as many as the longest of the training split has, and others are cut there.',
    ),
  truncate: z.boolean().optional().describe('Cut off the tokens that a text has beyond length. Default: false.'),
});
export type TextInput = z.infer<typeof textSchema>;

/** An input: a column, several, a column of categories that are coded as whole numbers, or one of texts. */
export const inputSchema = z.union([
  columns,
  textSchema,
  z.strictObject({ index: column.describe('A column whose categories become whole numbers from 0.') }),
  z.strictObject({
    columns,
    standardize: z.boolean().optional().describe('As data.standardize, for this input.'),
  }),
]);
export type InputConfig = z.infer<typeof inputSchema>;

export const inputsSchema = z
  .record(ownFieldName, inputSchema)
  .describe(
    'Inputs of the model by name, in the place of features: a column or a list of columns each; { index: column } codes ' +
      'categories as whole numbers from 0, and one more for what training did not see.',
  );

const targetKeys = {
  type: z.enum(['class', 'number']).optional().describe('As data.targetType, for this target.'),
  standardize: z.boolean().optional().describe('As data.standardizeTargets, for this target.'),
};
export const targetSchema = z.union([
  columns,
  z.strictObject({ column: columns, ...targetKeys }),
  z.strictObject({ columns, ...targetKeys }),
]);
export type TargetConfig = z.infer<typeof targetSchema>;

export const targetsSchema = z
  .record(ownFieldName, targetSchema)
  .describe('Targets by name, in the place of target: a column or a list of columns of numbers each.');

/** Whether columns of a table make a field. */
export const isInputColumns = (input: unknown): input is InputConfig => isColumns(input, 'index', 'columns', 'text');
export const isTargetColumns = (target: unknown): target is TargetConfig => isColumns(target, 'column', 'columns');

const isColumns = (entry: unknown, ...keys: readonly string[]): boolean =>
  typeof entry === 'string' ||
  Array.isArray(entry) ||
  (typeof entry === 'object' && entry !== null && keys.some((key) => key in entry));

/** The columns of an input, in whatever form it is written. */
export function inputParts(input: InputConfig): {
  columns: string[];
  coded: boolean;
  standardize?: boolean;
  text?: TextInput;
} {
  if (typeof input === 'string' || Array.isArray(input)) return { columns: [input].flat(), coded: false };
  if ('text' in input) return { columns: [input.text], coded: false, text: input };
  if ('index' in input) return { columns: [input.index], coded: true };
  return { columns: [input.columns].flat(), coded: false, standardize: input.standardize };
}

/** The columns of a target, and what is said of them. */
export function targetParts(target: TargetConfig): {
  columns: string[];
  type?: 'class' | 'number';
  standardize: boolean;
} {
  if (typeof target === 'string' || Array.isArray(target)) return { columns: [target].flat(), standardize: false };
  const { type, standardize = false } = target;
  return { columns: ['column' in target ? target.column : target.columns].flat(), type, standardize };
}

export interface TargetKeys {
  readonly target?: unknown;
  readonly targets?: Readonly<Record<string, unknown>>;
  readonly targetType?: unknown;
  readonly standardizeTargets?: unknown;
  readonly features?: unknown;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/** Keys that stand for the same, or that say something of what is not there. */
const rivals: readonly (readonly [keyof TargetKeys, keyof TargetKeys, string])[] = [
  ['targets', 'target', 'name all columns to predict under data.targets, or the one under data.target'],
  ['targets', 'targetType', 'say it of the target: { column: NAME, type: class }'],
  ['targets', 'standardizeTargets', 'say it of the target: { column: NAME, standardize: true }'],
  ['inputs', 'features', 'name the columns under data.inputs, or all in one list under data.features'],
];

/** @see rivals */
function refuseRivals(fields: TargetKeys, refuse: Refuse): void {
  for (const [key, rival, remedy] of rivals) {
    if (fields[key] !== undefined && fields[rival] !== undefined) {
      refuse([rival], `stands beside data.${key}, which says the same`, remedy);
    }
  }
}

/** Each name is of one field, and each list names some. */
export function refuseNames(fields: Pick<TargetKeys, 'inputs' | 'targets'>, refuse: Refuse): void {
  for (const key of ['inputs', 'targets'] as const) {
    if (fields[key] && Object.keys(fields[key]).length === 0) refuse([key], 'names no field', 'name one, or remove it');
  }
  for (const name of Object.keys(fields.inputs ?? {})) {
    if (!Object.hasOwn(fields.targets ?? {}, name)) continue;
    refuse(['targets', name], 'is the name of an input too', 'give each field a name of its own');
  }
}

/** @see rivals; names are unique over inputs and targets, and there is a target */
export function tableRules(fields: TargetKeys, context: z.RefinementCtx): void {
  const refuse = refusal(context);
  refuseRivals(fields, refuse);
  if (fields.target === undefined && fields.targets === undefined) {
    refuse(['target'], 'is missing', 'name the column to predict, or several by name under data.targets');
  }
  refuseNames(fields, refuse);
}
