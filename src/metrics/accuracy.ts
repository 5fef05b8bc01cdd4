/** Part of the places whose class is the highest output, or of the outputs that tell their two classes apart. */
import { isMultiLabel } from './class-counts.js';
import { classMisfit } from './class-targets.js';
import { countingMetric } from './counting.js';
import { tellsApart } from './evaluated-rows.js';
import { type MetricFamily, shares } from './metric.js';

export const accuracy = {
  name: 'accuracy',
  isProportion: () => true,
  bare: {},
  better: 'higher',
  range: shares,
  needsThreshold: true,
  misfit: classMisfit,
  create(_, spec) {
    const { outputs: width, threshold } = spec;
    if (!isMultiLabel(spec))
      return countingMetric(
        spec,
        1,
        ({ ranks }) =>
          (row) =>
            Number(ranks[row] === 0),
      );
    return countingMetric(spec, width, ({ outputs, values }) => (row) => {
      let right = 0;
      for (let at = row * width; at < (row + 1) * width; at++) {
        if (tellsApart(outputs[at], values[at], threshold)) right++;
      }
      return right;
    });
  },
} as const satisfies MetricFamily;
