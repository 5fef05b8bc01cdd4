/** What the loss says of a model: on examples that it was trained on, on others, and beside what the best constant costs. */
import { metricText, percent } from '../ground/units.js';
import type { Finding } from '../report/evaluation-report.js';
import { costOf, type Estimate, excessOf, isSure, lossOf } from './estimate.js';
import type { RunFacts } from './facts.js';
import { priorOf } from './prior.js';
import {
  capacity,
  earlierEnd,
  holdOut,
  largerSteps,
  moreEpochs,
  regularization,
  restOfRun,
  smallerSteps,
} from './remedies.js';

/** Share of what was learned of training examples that may fail to hold for others. */
const mostLost = 0.2;
/** Share of the loss of the best constant that a model has to do away with. */
const leastLearned = 0.2;
/** A loss of so many times that of the best constant comes of steps that are too large. */
const mostWild = 2;

export interface Losses {
  readonly training: Estimate;
  readonly validation?: Estimate;
  /** What the best constant costs on either, and how much more the model does. */
  readonly prior?: {
    readonly training: number;
    readonly validation?: number;
    readonly excess: Estimate;
    readonly excessInValidation?: Estimate;
  };
}

export function splitLosses({ training, validation, losses }: RunFacts): Losses {
  const own = { training: lossOf(training), ...(validation && { validation: lossOf(validation) }) };
  const prior = priorOf(training, losses);
  if (!prior) return own;
  const [trained, held] = [prior(training), validation && prior(validation)];
  return {
    ...own,
    prior: {
      training: costOf(training, trained),
      excess: excessOf(training, trained),
      ...(validation &&
        held && { validation: costOf(validation, held), excessInValidation: excessOf(validation, held) }),
    },
  };
}

/** Whether it knows more of its training examples than a constant does, as far as that can be told. */
export const hasLearned = ({ prior }: Losses): boolean =>
  !prior || isSure({ mean: -prior.excess.mean, error: prior.excess.error }, 2);

/** How the training went. */
export interface LossCourse {
  /** Whether the loss was still falling at the end, and whether it went up or to and fro. */
  readonly isImproving: boolean;
  readonly isSwinging: boolean;
}

export function lossFindings(facts: RunFacts, losses: Losses, course: LossCourse): Finding[] {
  const { training, validation } = losses;
  const broken = [training, validation].find((each) => each && !Number.isFinite(each.mean));
  if (broken) {
    const text =
      `Its loss on the ${broken === training ? 'training' : 'validation'} examples is ${metricText(broken.mean)}: ` +
      'weights that are not finite, or outputs that grow beyond all numbers, come of steps that are too large.';
    return [{ title: 'The model gives no numbers', text, remedies: smallerSteps(facts) }];
  }
  if (!validation) {
    const text =
      'Nothing was held out to choose by, so that nobody can say whether the model knows its examples by heart.';
    return [...nothingLearned(facts, losses, course), { title: 'No validation split', text, remedies: holdOut(facts) }];
  }
  const worse = worseThanPrior(facts, losses, course);
  if (worse.length > 0) return worse;
  const over = overfitting(facts, losses);
  return over.length > 0 || course.isImproving ? over : underfitting(facts, losses);
}

const constant = ({ losses }: RunFacts): string =>
  losses.every(({ name }) => name.endsWith('rossentropy'))
    ? "the classes' shares"
    : losses.some(({ name }) => name.endsWith('rossentropy'))
      ? 'the same'
      : 'the mean';

function nothingLearned(facts: RunFacts, losses: Losses, course: LossCourse): Finding[] {
  const { training, prior } = losses;
  if (!prior || hasLearned(losses)) return [];
  const text =
    `Its loss on the training examples is ${metricText(training.mean)}; predicting ${constant(facts)} for all of them costs ` +
    `${metricText(prior.training)}.`;
  const isTooFast = course.isSwinging || training.mean > mostWild * prior.training;
  const isSlow = course.isImproving ? [...largerSteps(facts), ...moreEpochs(facts)] : moreOf(facts);
  return [{ title: 'The model has learned nothing', text, remedies: isTooFast ? smallerSteps(facts) : isSlow }];
}

/** What a model needs that knows too little: the rest of its training first, where that was stopped. */
const moreOf = (facts: RunFacts): string[] => (facts.log.end?.interrupted ? restOfRun(facts) : capacity(facts));

function worseThanPrior(facts: RunFacts, losses: Losses, course: LossCourse): Finding[] {
  const nothing = nothingLearned(facts, losses, course);
  const { validation, training, prior } = losses;
  if (nothing.length > 0 || !prior?.excessInValidation || !isSure(prior.excessInValidation, 2)) return nothing;
  const text =
    `Its loss on validation is ${metricText(validation!.mean)}; predicting ${constant(facts)} for all examples costs ` +
    `${metricText(prior.validation!)}. On training examples it is ${metricText(training.mean)}: the model is sure of what does not ` +
    'hold for new examples.';
  const remedies = [...earlierEnd(facts), ...regularization(facts)];
  return [{ title: `Worse than predicting ${constant(facts)}`, text, remedies }];
}

function overfitting(facts: RunFacts, { training, validation, prior }: Losses): Finding[] {
  const gap = { mean: validation!.mean - training.mean, error: Math.hypot(validation!.error, training.error) };
  // Where no constant is known: what the first epoch had come to.
  const nothing = prior?.validation ?? facts.log.epochs[0]?.validation?.loss ?? Number.NaN;
  const lost = gap.mean / (nothing - training.mean);
  if (!(nothing > training.mean) || !(lost > mostLost) || !isSure(gap)) return [];
  const text =
    `The loss is ${metricText(training.mean)} on training examples and ${metricText(validation!.mean)} on validation: ` +
    `${percent(Math.min(1, lost))} of what the model has learned of the former does not hold for new examples.`;
  return [{ title: 'Overfitting', text, remedies: [...regularization(facts), ...earlierEnd(facts)] }];
}

function underfitting(facts: RunFacts, { training, prior }: Losses): Finding[] {
  if (!prior) return [];
  const learned = 1 - training.mean / prior.training;
  if (learned >= leastLearned) return [];
  const text =
    `Even on its training examples the loss is ${metricText(training.mean)}, and predicting ${constant(facts)} for all of them costs ` +
    `${metricText(prior.training)}: the model explains ${percent(Math.max(0, learned))} of that. It is too simple or held back, or the inputs say no more.`;
  return [{ title: 'Underfitting', text, remedies: moreOf(facts) }];
}
