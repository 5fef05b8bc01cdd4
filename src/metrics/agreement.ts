/** How far predictions agree with the truth beyond what their frequencies explain. Rules are those of scikit-learn 1.9. */
import type { z } from 'zod';
import { type ClassCounts, classMetric } from './class-counts.js';
import { oneClassMisfit } from './class-targets.js';
import { confusionMetric, confusionMisfit } from './confusion.js';
import { type MetricFamily, shares, signedShares, type Zod } from './metric.js';

/** The mean recall of the classes that are the truth somewhere; a class that is only predicted is left out. */
export const balancedAccuracy = {
  name: 'balancedAccuracy',
  bare: {},
  better: 'higher',
  range: shares,
  comparesClasses: true,
  needsThreshold: true,
  misfit: oneClassMisfit,
  create: (_, spec) =>
    classMetric(spec, ({ classes }) => {
      const there = classes.filter(({ truth }) => truth > 0);
      return there.reduce((sum, { hits, truth }) => sum + hits / truth, 0) / there.length;
    }),
} as const satisfies MetricFamily;

/** Matthews' correlation coefficient, of several classes as Gorodkin (2004) has it; 0 where either side has one class alone. */
export const mcc = {
  name: 'mcc',
  bare: {},
  better: 'higher',
  range: signedShares,
  comparesClasses: true,
  needsThreshold: true,
  misfit: oneClassMisfit,
  create: (_, spec) => classMetric(spec, correlation),
} as const satisfies MetricFamily;

function correlation({ classes, total }: ClassCounts): number {
  if (total === 0) return Number.NaN;
  const sum = (of: (counts: (typeof classes)[number]) => number) => classes.reduce((all, each) => all + of(each), 0);
  const predicted = sum((each) => each.predicted);
  const between = sum(({ hits }) => hits) * predicted - sum(({ truth, predicted: p }) => truth * p);
  const spreadOfTruth = total ** 2 - sum(({ truth }) => truth ** 2);
  const spreadOfPredicted = predicted ** 2 - sum(({ predicted: p }) => p ** 2);
  const product = spreadOfTruth * spreadOfPredicted;
  return product === 0 ? 0 : between / Math.sqrt(product);
}

const kappaOptions = (z: Zod) =>
  z.strictObject({
    weights: z
      .enum(['linear', 'quadratic'])
      .describe('Classes are grades: what a confusion costs grows with the distance of the two, or with its square'),
  });

/** Cohen's kappa (1960); NaN where there is one class alone. */
export const cohenKappa = {
  name: 'cohenKappa',
  undefinedWhere: 'all examples are of one class and taken for it',
  schema: kappaOptions,
  bare: {},
  better: 'higher',
  range: signedShares,
  comparesClasses: true,
  needsThreshold: true,
  label: ({ weights }) =>
    weights === undefined ? 'cohenKappa' : `cohenKappa${weights === 'linear' ? 'Linear' : 'Quadratic'}`,
  misfit: confusionMisfit,
  create: ({ weights }, spec) => {
    const power = weights === undefined ? 0 : weights === 'linear' ? 1 : 2;
    return confusionMetric(spec, (matrix) => {
      const total = matrix.flat().reduce((a, b) => a + b, 0);
      const truth = matrix.map((row) => row.reduce((a, b) => a + b, 0));
      const predicted = matrix.map((_, i) => matrix.reduce((sum, row) => sum + row[i], 0));
      let [seen, expected] = [0, 0];
      matrix.forEach((row, i) => {
        row.forEach((count, j) => {
          const cost = power === 0 ? Number(i !== j) : Math.abs(i - j) ** power;
          seen += cost * count;
          expected += (cost * truth[i] * predicted[j]) / total;
        });
      });
      return 1 - seen / expected;
    });
  },
} as const satisfies MetricFamily<Partial<z.infer<ReturnType<typeof kappaOptions>>>>;
