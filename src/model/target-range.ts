/** The numbers that each loss takes for targets. Class indices are their own matter: sources count them from 0. */
import { type LossConfig, lossSettings } from '../config/model.js';
import type { TargetSurvey } from '../data/target-survey.js';

interface TargetRange {
  /** The rule, in words. */
  readonly takes: string;
  /** Place of the first number that breaks it; absent where any number will do. */
  readonly broken?: (survey: TargetSurvey) => number | undefined;
  /** Class indices are what it takes, or may be. */
  readonly classes: 'only' | 'too' | 'never';
}

const anyNumber: TargetRange = { takes: 'numbers', classes: 'never' };

const ranges: Readonly<Record<string, TargetRange>> = {
  meanSquaredError: anyNumber,
  meanAbsoluteError: anyNumber,
  huber: anyNumber,
  /** What is between is a label that is not sure. */
  binaryCrossentropy: { takes: 'numbers from 0 to 1', broken: ({ broken }) => broken.unit, classes: 'too' },
  categoricalCrossentropy: {
    takes: 'rows of numbers of at least 0 that add up to 1',
    broken: ({ broken }) => broken.rows,
    classes: 'too',
  },
  sparseCategoricalCrossentropy: { takes: 'class indices', classes: 'only' },
  hinge: { takes: 'the numbers -1 and 1, or 0 and 1', broken: neitherCoding, classes: 'too' },
};

/** The first number after which targets are neither all -1 and 1 nor all 0 and 1. */
function neitherCoding({ broken: { binary, signs } }: TargetSurvey): number | undefined {
  return binary === undefined || signs === undefined ? undefined : Math.max(binary, signs);
}

/** A loss's name in its config; `custom` for a function of the user's. */
export const lossName = (config: LossConfig): string => lossSettings(config).name;

/** The targets that a loss takes; undefined for a function of the user's, which takes what it likes. */
export const targetRange = (config: LossConfig): TargetRange | undefined => ranges[lossName(config)];

/** Whether hinge is to read 0 as -1, as Keras does: the targets of the whole data set are 0 and 1. */
export function isZeroOneHinge(config: LossConfig, survey: TargetSurvey | undefined): boolean {
  return lossName(config) === 'hinge' && survey !== undefined && survey.broken.binary === undefined;
}
