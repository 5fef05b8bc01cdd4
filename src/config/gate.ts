/** A gate: what a model has to fulfil before anybody uses it. A YAML file of its own, that `lockstep check` reads. */
import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { explainIssues } from './explain.js';
import type { JsonSchema } from './json-schema.js';
import { refuseReservedKey } from './reserved-key.js';
import { mistakesIn, readYamlFile } from './yaml-file.js';

const limitSchema = z
  .strictObject({
    min: z.number().optional(),
    max: z.number().optional(),
    /** Which end of the interval has to keep the limit, and not the value alone: `low` that of `min`, `high` that of `max`. */
    bound: z.enum(['low', 'high']).optional(),
  })
  .superRefine(({ min, max, bound }, context) => {
    const refuse = (message: string, remedy: string) =>
      context.addIssue({ code: 'custom', message, params: { remedy } });
    if (min === undefined && max === undefined) refuse('says no limit', 'add min or max');
    else if (min !== undefined && max !== undefined && min > max)
      refuse(`nothing is at least ${min} and at most ${max}`, 'correct one of them');
    else if (bound === 'low' && min === undefined)
      refuse('bound: low is of min, and there is none', 'write bound: high, or add min');
    else if (bound === 'high' && max === undefined)
      refuse('bound: high is of max, and there is none', 'write bound: low, or add max');
  })
  .meta({ examples: [{ min: 0.9 }] });

const sliceSchema = z
  .strictObject({
    min: z.number().optional(),
    max: z.number().optional(),
    /** How far the best and the worst slice may be apart. */
    gap: z.number().min(0).optional(),
  })
  .superRefine((limits, context) => {
    if (Object.values(limits).some((limit) => limit !== undefined)) return;
    context.addIssue({ code: 'custom', message: 'says no limit', params: { remedy: 'add min, max or gap' } });
  })
  .meta({ examples: [{ min: 0.9 }] });

const worseSchema = z
  .strictObject({
    /** How much worse than the baseline a metric may be, in its own units; or `significantly`: worse by more than chance. */
    worse: z.union([z.number().min(0), z.literal('significantly')]).meta({ examples: [0.01] }),
  })
  .meta({ examples: [{ worse: 0.01 }] });

const name = z.string().min(1);

const worse = { accuracy: { worse: 0.01 } };
const sliced = { accuracy: { min: 0.9 } };

// Examples are shown where something is missing.
const gateSchema = z.strictObject({
  split: z.enum(['training', 'validation', 'test']).optional(),
  metrics: z
    .record(name, limitSchema)
    .default({})
    .meta({ examples: [{ accuracy: { min: 0.9 } }] }),
  /** By columns, as `--by` takes them. */
  slices: z
    .record(name, z.record(name, sliceSchema).meta({ examples: [sliced] }))
    .default({})
    .meta({ examples: [{ sex: sliced }] }),
  baseline: z
    .strictObject({
      run: name.meta({ examples: ['runs/old'] }),
      metrics: z.record(name, worseSchema).meta({ examples: [worse] }),
    })
    .optional()
    .meta({ examples: [{ run: 'runs/old', metrics: worse }] }),
});

/** Limits of a metric. */
export type MetricLimit = z.output<typeof limitSchema>;
/** Limits of a metric in every slice. */
export type SliceLimit = z.output<typeof sliceSchema>;
/** How a metric stands to that of another run. */
export type BaselineLimit = z.output<typeof worseSchema>;
/** What a gate file says, checked. */
export type Gate = z.output<typeof gateSchema> & {
  /** Where it was read, for messages. */
  readonly file?: string;
};

const kind = { called: 'gate', example: 'gate.yaml', keys: 'write keys such as metrics: { accuracy: { min: 0.9 } }' };

/** @throws ConfigError naming every mistake of the file with its line; or when it has nothing to check */
export function loadGate(file: string): Gate {
  const source = readYamlFile(file, kind);
  // An empty message marks zod's own issues: explain() words those.
  const result = gateSchema.safeParse(source.value, { error: () => '' });
  if (!result.success) {
    const root = z.toJSONSchema(gateSchema, { io: 'input', target: 'draft-7' }) as JsonSchema;
    throw mistakesIn(source, explainIssues(source.value, result.error.issues, root, remaining));
  }
  refuseReservedKey(source.value);
  if (!isEmpty(result.data)) return { ...result.data, file };
  throw new ConfigError(`${file}: has nothing to check`, kind.keys);
}

const isEmpty = ({ metrics, slices, baseline }: Gate): boolean =>
  [metrics, ...Object.values(slices), baseline?.metrics ?? {}].every((section) => Object.keys(section).length === 0);

/** Nothing to check is a mistake of the whole. */
function remaining(value: unknown) {
  const { data, error } = gateSchema.safeParse(value);
  return error?.issues ?? (isEmpty(data!) ? [{ path: [] }] : []);
}
