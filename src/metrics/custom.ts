/** The mean of a function of the user's: examples count once each, places as those of other metrics do. */
import type { z } from 'zod';
import { addSums, type MetricFamily, type Zod } from './metric.js';

/** A function that a module of the user's exports. */
export const customFunction = (z: Zod) =>
  z
    .strictObject({
      name: z
        .string()
        .min(1)
        .describe("The module's export: a function of tf, targets and outputs; one number an example"),
      module: z.string().min(1).optional().describe("The module; default: the model's"),
    })
    .describe('A function of yours');
export type CustomFunction = z.infer<ReturnType<typeof customFunction>>;

export const custom = {
  name: 'custom',
  schema: customFunction,
  label: ({ name }) => name,
  better: 'lower',
  create: ({ name }) => ({
    width: 2,
    counts: 0,
    merge: addSums,
    add(rows, sums) {
      const values = rows.custom(name);
      const weights = values.length === rows.count ? rows.weights : undefined;
      for (let row = 0; row < values.length; row++) {
        const weight = weights ? weights[row] : 1;
        if (weight === 0) continue;
        sums[0] += weight * values[row];
        sums[1] += weight;
      }
    },
    result: ({ sums }) => sums[0] / sums[1],
  }),
} as const satisfies MetricFamily<CustomFunction>;
