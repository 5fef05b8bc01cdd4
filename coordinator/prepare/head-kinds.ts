/** What the outputs of a run are, as far as targets and losses tell. */
import type { HeadMetrics } from '../../src/evaluate/run-metrics.js';
import { classMisfit, numberMisfit } from '../../src/metrics/class-targets.js';
import { AskedMetric } from '../../src/metrics/families.js';
import { probabilityMisfit } from '../../src/metrics/probabilities.js';
import { lossName, targetRange } from '../../src/model/target-range.js';
import type { AskedTarget } from './specs.js';

/** Which outputs say how likely the one class of an example is. @returns an index for each */
export const probableHeads = (targets: readonly AskedTarget[], heads: readonly HeadMetrics[]): number[] =>
  [...targets.keys()].filter((i) => {
    const { places, kind } = heads[i];
    const isTold = places === 1 && kind !== undefined && kind !== 'classes';
    return isTold && !probabilityMisfit(heads[i], lossName(targets[i].loss), targets[i].survey);
  });

/**
 * Which outputs are numbers that the targets are compared with. A loss of the user's may be of anything: there a metric of numbers
 * says so. @returns an index for each
 */
export const numericHeads = (targets: readonly AskedTarget[], heads: readonly HeadMetrics[]): number[] =>
  [...targets.keys()].filter((i) => {
    const { loss, survey } = targets[i];
    const range = targetRange(loss);
    const isOfNumbers = range
      ? range.classes === 'never'
      : heads[i].metrics.some((config) => new AskedMetric(config).family.misfit === numberMisfit);
    return isOfNumbers && !heads[i].classes && classMisfit(heads[i], lossName(loss), survey) !== undefined;
  });
