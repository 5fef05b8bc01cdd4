/** The `schedule` section: `cosine`, or `{ cosine: { warmupSteps: 100 } }`. */
import { z } from 'zod';

const warmupSteps = z
  .int()
  .min(0)
  .default(0)
  .describe('Steps over which the learning rate first rises, in equal increments, to its full value.');

const end = z
  .number()
  .min(0)
  .max(1)
  .default(0)
  .describe('What remains at the end of the run, as a fraction of the learning rate.');

const factor = (standard: number) =>
  z.number().positive().max(1).default(standard).describe('What each interval multiplies the learning rate by.');

const interval = (standard: number) => ({
  every: z.int().min(1).default(standard).describe('Length of an interval, in `unit`.'),
  unit: z.enum(['epochs', 'steps']).default('epochs').describe('What `every` counts, from the start of the run.'),
});

const mappingSchema = z.union([
  z.strictObject({
    constant: z.strictObject({ warmupSteps }).describe('The same learning rate throughout.'),
  }),
  z.strictObject({
    linear: z.strictObject({ end, warmupSteps }).describe('Falls in a straight line from warm-up to the end.'),
  }),
  z.strictObject({
    cosine: z.strictObject({ end, warmupSteps }).describe('Falls along half a cosine from warm-up to the end.'),
  }),
  z.strictObject({
    step: z
      .strictObject({ ...interval(10), factor: factor(0.1), warmupSteps })
      .describe('Drops at once at the end of each interval.'),
  }),
  z.strictObject({
    exponential: z
      .strictObject({ ...interval(1), factor: factor(0.95), warmupSteps })
      .describe('Falls a little at each step, by the factor over an interval.'),
  }),
  z.strictObject({
    plateau: z
      .strictObject({
        factor: z.number().positive().lt(1).default(0.5).describe('What each drop multiplies the learning rate by.'),
        patience: z
          .int()
          .min(1)
          .default(3)
          .describe('Epochs in which `training.monitor` does not get better before a drop.'),
        minDelta: z.number().min(0).default(0.0001).describe('How much better counts as better.'),
        cooldown: z.int().min(0).default(0).describe('Epochs after a drop that do not count.'),
        end,
        warmupSteps,
      })
      .describe('Drops when the epochs stop getting better.'),
  }),
  z.strictObject({
    wsd: z
      .strictObject({
        warmupSteps,
        decay: z.number().min(0).max(1).default(0.1).describe('Part of the run, at its end, in which the rate falls.'),
        shape: z
          .enum(['linear', 'cosine', 'squareRoot'])
          .default('linear')
          .describe(
            'How it falls: in a straight line, along half a cosine, or as 1 less the square root of what has passed.',
          ),
        end,
      })
      .describe('Warm-up, stable, decay: rises, stays at its full value, and falls at the end.'),
  }),
  z.strictObject({
    oneCycle: z
      .strictObject({
        rise: z.number().gt(0).lt(1).default(0.3).describe('Part of the run in which the rate rises.'),
        shape: z.enum(['cosine', 'linear']).default('cosine').describe('How it rises and falls.'),
        divisor: z.number().min(1).default(25).describe('The run begins at the learning rate divided by this.'),
        finalDivisor: z.number().min(1).default(10_000).describe('And ends at what it began with, divided by this.'),
        threePhases: z
          .boolean()
          .default(false)
          .describe('Fall back to the beginning in as many steps as it rose in, and only then to the end.'),
      })
      .refine(({ rise, threePhases }) => !threePhases || rise < 0.5, {
        path: ['rise'],
        error: 'leaves no part of the run for the third phase',
        params: { remedy: 'make it less than 0.5, or leave threePhases out' },
      })
      .describe("One cycle: rises to the learning rate, then falls far below where it began, as PyTorch's OneCycleLR."),
  }),
]);

export const scheduleSchema = z
  .union([
    z
      .enum(['constant', 'linear', 'cosine', 'step', 'exponential', 'plateau', 'wsd', 'oneCycle'])
      .transform((name) => mappingSchema.parse({ [name]: {} })),
    mappingSchema,
  ])
  .describe('How the learning rate changes over the run; a bare name takes its defaults.');

/** Whether the learning rate of a step depends on how many steps are to come. */
export const isPlanned = (schedule: ScheduleConfig): boolean =>
  ['linear', 'cosine', 'wsd', 'oneCycle'].some((name) => name in schedule);

export type ScheduleConfig = z.output<typeof scheduleSchema>;
