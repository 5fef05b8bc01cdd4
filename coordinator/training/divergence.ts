/** Says when and why a run blew up. */
import { DivergedError } from '../../src/errors.js';

/**
 * The error of a run whose loss or gradient stopped being finite.
 *
 * @param losses mean loss of every step that this process saw; the last is that of the step that failed
 * @param stepsBefore steps of the run before those
 * @param learningRate of that step
 * @param saved where the last finite parameters are; null where they could not be written
 * @param overflowed an update made the parameters themselves not finite
 */
export function divergence(
  losses: readonly number[],
  stepsBefore: number,
  learningRate: number,
  saved: string | null,
  overflowed: boolean,
): DivergedError {
  const step = stepsBefore + losses.length;
  const last = losses[losses.length - 1];
  const cause = overflowed ? 'the update overflowed' : 'the gradient is not finite';
  const what = Number.isFinite(last) ? cause : `the loss is ${last}`;
  const why = overflowed && Number.isFinite(last) ? 'A single step was far too large' : history(losses, stepsBefore);
  const problem = `the run diverged at step ${step}: ${what}. ${why}`;
  const remedy = [
    `try a learning rate of ${Number((learningRate / 10).toPrecision(2))} instead of ${Number(learningRate.toPrecision(3))}`,
    'clip the gradient (--set training.clipNorm=1)',
    'or warm up (`schedule: { constant: { warmupSteps: 100 } }`).',
    `The ${overflowed ? 'last finite parameters' : `parameters before step ${step}`} ${saved === null ? 'could not be saved' : `are in ${saved}`}`,
  ];
  return new DivergedError(problem, remedy.join(', ').replace('., ', '. '));
}

function history(losses: readonly number[], stepsBefore: number): string {
  const before = losses.slice(0, -1);
  if (before.length === 0) {
    if (stepsBefore > 0) return 'It was the first step after the run was resumed';
    return 'It was so from the start: look for values in the data that are not finite or far too large';
  }
  let lowest = 0;
  before.forEach((loss, i) => {
    if (loss < before[lowest]) lowest = i;
  });
  const grown = before.length - 1 - lowest;
  const [low, high] = [before[lowest], before[before.length - 1]].map((loss) => loss.toPrecision(4));
  if (grown < 2 || before[before.length - 1] < 10 * Math.abs(before[lowest])) {
    return `The loss was ${high} one step earlier: a single step was too large, or its batch holds bad values`;
  }
  return (
    `The loss grew from ${low} at step ${stepsBefore + lowest + 1} to ${high} at step ${stepsBefore + before.length}: each step overshoots the minimum ` +
    'by more than it gains, because the learning rate is too large for the curvature of the loss'
  );
}
