/** Part of the places whose class is among the k highest outputs. */
import { classMisfit } from './class-targets.js';
import { countingMetric } from './counting.js';
import { type MetricFamily, shares, type Zod } from './metric.js';

export const topKAccuracy = {
  name: 'topKAccuracy',
  isProportion: () => true,
  schema: (z: Zod) =>
    z.strictObject({
      k: z.int().min(1).describe('The target counts as found among the k highest outputs'),
    }),
  bare: { k: 5 },
  once: 'keep one k',
  better: 'higher',
  range: shares,
  misfit(spec, loss, facts) {
    if (!spec.binary && spec.outputs > 1) return classMisfit(spec, loss, facts);
    return { problem: 'ranks classes, and each output tells two apart by itself', remedy: 'use accuracy' };
  },
  warning({ k }, { outputs }) {
    if (k < outputs) return undefined;
    return `topKAccuracy is always 1: k is ${k}, and there are ${outputs} classes`;
  },
  create: ({ k }, spec) =>
    countingMetric(
      spec,
      1,
      ({ ranks }) =>
        (row) =>
          Number(ranks[row] < k),
    ),
} as const satisfies MetricFamily<{ k: number }>;
