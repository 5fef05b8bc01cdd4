/** Which examples a model gets right. */
import { EvaluatedRows } from '../metrics/evaluated-rows.js';
import { AskedMetric } from '../metrics/families.js';
import type { KeptExamples } from './kept-examples.js';
import type { HeadNumber } from './run-metrics.js';
import { trialsOf } from './uncertainty.js';

/**
 * @param number accuracy, or another share of examples
 * @returns 1 or 0 of each example; undefined where the metric is no such share, or an example is right in part
 */
export function rightExamples(kept: KeptExamples, number: HeadNumber): Uint8Array | undefined {
  const { config, head } = number;
  if (trialsOf(number, kept) === undefined || config === undefined || head === undefined) return undefined;
  const spec = kept.heads[head];
  const { outputs, targets } = kept.outputs[head];
  const metric = new AskedMetric(config).create(spec);
  const [wide, wideTarget] = [outputs, targets].map(({ length }) => length / kept.examples);
  const right = new Uint8Array(kept.examples);
  for (let i = 0; i < kept.examples; i++) {
    const one = {
      examples: 1,
      outputs: outputs.subarray(i * wide, (i + 1) * wide),
      targets: targets.subarray(i * wideTarget, (i + 1) * wideTarget),
      metrics: [],
    };
    const [sums, counts] = [new Float64Array(metric.width), new Float64Array(metric.counts)];
    metric.add(new EvaluatedRows(spec, one, []), sums, counts);
    const value = metric.result({ sums, weight: 1 }, counts);
    // Of outputs that are equal, ranking metrics give each its share.
    if (value !== 0 && value !== 1) return undefined;
    right[i] = value;
  }
  return right;
}
