/** Which examples are held out, and what decides it: `data.split`, and the keys beside it that say the simplest of it. */
import { z } from 'zod';
import { fraction, TEST, VALIDATION } from './data-parts.js';

/** A part that is held out, as a fraction of the examples. */
export const partOfExamples = (purpose: string) => fraction.describe(`Fraction of the examples that ${purpose}`);

/** A fraction, or something that a split has of its own. @param what `a file of its own` */
export const partOrOwn = (what: string, of = 'examples') => {
  const own = z.string().min(1);
  return (purpose: string) => z.union([fraction, own]).describe(`Fraction of the ${of}, or ${what}, that ${purpose}`);
};

const key = z.string().min(1);
const eachClass = 'Give every split the same share of each class';

/** The key that decides in sources that have classes and nothing else to divide by. */
export const byClass = { stratify: z.boolean().optional().describe(`${eachClass}. Needs targets that are classes.`) };

/** What decides in sources that have more. @param what begins sentences: `Column` */
export const byKey = (what: string) => ({
  order: key
    .optional()
    .describe(
      `${what} of numbers or dates: the examples with the highest are for test, those before them for validation.`,
    ),
  group: key.optional().describe(`${what} whose values stay together: no two splits have examples of one value.`),
  stratify: z
    .union([z.boolean(), key])
    .optional()
    .describe(`${eachClass}, or of each class of a target by its name, or of each value: ${what.toLowerCase()}.`),
});

/** What holds where nothing is said; without `stratify` where there is no such key. */
interface Presets {
  readonly validation: number;
  readonly test: number;
  readonly stratify?: false;
}
const usual: Presets = { validation: 0.1, test: 0.1, stratify: false };

/**
 * The keys by which a source's examples are divided. Its schema ends in `.superRefine(oneWay).transform(withSplits(presets))`.
 * @param part made for each part that is held out
 * @param decides the keys of `split` beside these
 */
export function splitKeys<Part extends z.ZodType, Decides extends z.ZodRawShape>(
  part: (purpose: string) => Part,
  decides: Decides,
  { validation, test }: Presets = usual,
) {
  const split = z
    .strictObject({
      validation: part(VALIDATION).default(validation as never),
      test: part(TEST).default(test as never),
      ...decides,
    })
    .superRefine(oneDecides);
  return {
    split: split
      .optional()
      .describe('Which examples are held out, and what decides it; in the place of validation, test and stratify.'),
    trainingFraction: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .meta({ default: 1 })
      .describe('Train on such a part of the training split, by the seed; smaller parts lie within larger ones.'),
    validation: part(VALIDATION).optional().meta({ default: validation }),
    test: part(TEST).optional().meta({ default: test }),
    stratify: z
      .boolean()
      .optional()
      .meta({ default: false, description: `${eachClass}. Needs targets that are classes.` }),
  };
}

function oneDecides(split: object, context: z.RefinementCtx): void {
  const { order, group, stratify } = split as Readonly<Record<string, unknown>>;
  const given = Object.entries({ order, group, stratify }).filter(([, value]) => value);
  if (given.length < 2) return;
  const names = given.map(([name]) => name).join(' and ');
  context.addIssue({
    code: 'custom',
    message: `${names} cannot decide together`,
    params: { remedy: 'keep one of them' },
  });
}

const besides = ['validation', 'test', 'stratify'] as const;

/** The keys, in whichever of the two ways they are said. */
interface SaidSplits {
  readonly split?: unknown;
  readonly validation?: unknown;
  readonly test?: unknown;
  readonly stratify?: boolean;
}

/** Refuses keys that stand both in `split` and beside it. */
export function oneWay(said: SaidSplits, context: z.RefinementCtx): void {
  if (said.split === undefined) return;
  for (const name of besides) {
    if (said[name] === undefined) continue;
    const params = { remedy: `write it as data.split.${name}` };
    const message = 'stands beside data.split, which says the same';
    context.addIssue({ code: 'custom', path: [name], message, params });
  }
}

/** The config with its defaults, in the way in which it says them. */
export const withSplits =
  (presets: Presets = usual) =>
  <T extends SaidSplits>(config: T): T => {
    if (config.split !== undefined) return config;
    const said = Object.entries(presets).map(([name, preset]) => [name, config[name as keyof SaidSplits] ?? preset]);
    return { ...config, ...Object.fromEntries(said) };
  };
