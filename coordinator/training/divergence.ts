/** Says when and why a run blew up. */
import { DivergedError } from '../../src/errors.js';
import { grouped, plural } from '../../src/ground/units.js';

interface FailedSteps {
  /** Mean loss of every step that this process saw; the last is that of the step that failed. */
  readonly losses: readonly number[];
  /** Steps of the run before those. */
  readonly stepsBefore: number;
  /** Of the step that failed. */
  readonly learningRate: number;
  /** Where the last finite parameters are; null where they could not be written. */
  readonly saved: string | null;
  /** An update made the parameters themselves not finite. */
  readonly overflowed: boolean;
  /** Steps that overflowed before and were skipped; undefined where products are float32. */
  readonly skippedSteps?: number;
}

/** The error of a run whose loss or gradient stopped being finite. */
export function divergence(failed: FailedSteps): DivergedError {
  const { losses, stepsBefore, saved, overflowed, skippedSteps } = failed;
  const step = stepsBefore + losses.length;
  const last = losses[losses.length - 1];
  const cause = overflowed ? 'the update overflowed' : 'the gradient is not finite';
  const what = Number.isFinite(last) ? cause : `the loss is ${last}`;
  const scaled = skippedSteps
    ? `, after ${plural(skippedSteps, 'step')} that overflowed in float16 and were skipped`
    : '';
  const why = overflowed && Number.isFinite(last) ? 'A single step was far too large' : history(failed);
  const problem = `the run diverged at step ${grouped(step)}: ${what}${scaled}. ${why}`;
  const kept = overflowed ? 'last finite parameters' : `parameters before step ${grouped(step)}`;
  return new DivergedError(
    problem,
    `${remedy(failed)}. The ${kept} ${saved === null ? 'could not be saved' : `are in ${saved}`}`,
  );
}

/** Whether no step was ever taken, so that no learning rate is to blame. */
const isFromStart = ({ losses, stepsBefore, overflowed, skippedSteps = 0 }: FailedSteps) =>
  !overflowed && stepsBefore === 0 && losses.length - 1 === skippedSteps;

function remedy(failed: FailedSteps): string {
  const { learningRate, skippedSteps } = failed;
  const float32 = skippedSteps === undefined ? [] : ['train in float32 (--set training.precision=float32)'];
  if (isFromStart(failed))
    return ['look at the ranges of the data (`npx lockstep doctor data CONFIG`)', ...float32].join(', or ');
  const rate = `try a learning rate of ${Number((learningRate / 10).toPrecision(2))} instead of ${Number(learningRate.toPrecision(3))}`;
  const warmUp = 'or warm up (`schedule: { constant: { warmupSteps: 100 } }`)';
  return [rate, 'clip the gradient (--set training.clipNorm=1)', ...float32, warmUp].join(', ');
}

/** How the loss came to it. Steps that were skipped may have none. */
function history(failed: FailedSteps): string {
  const { losses, stepsBefore, skippedSteps } = failed;
  if (isFromStart(failed)) {
    const range = skippedSteps === undefined ? '' : ' (float16 ends at 65504)';
    return `It was so from the start: look for values in the data that are not finite or far too large${range}`;
  }
  const finite = losses
    .slice(0, -1)
    .flatMap((loss, i) => (Number.isFinite(loss) ? { loss, step: stepsBefore + i + 1 } : []));
  const last = finite.at(-1);
  if (!last) return `It was so from the ${stepsBefore > 0 ? 'first step after the run was resumed' : 'start'}`;
  const lowest = finite.reduce((least, at) => (at.loss < least.loss ? at : least));
  const [low, high] = [lowest, last].map(({ loss }) => loss.toPrecision(4));
  if (last.step - lowest.step < 2 || last.loss < 10 * Math.abs(lowest.loss)) {
    const when = last.step === stepsBefore + losses.length - 1 ? 'one step earlier' : `at step ${grouped(last.step)}`;
    return `The loss was ${high} ${when}: a single step was too large, or its batch holds bad values`;
  }
  return (
    `The loss grew from ${low} at step ${grouped(lowest.step)} to ${high} at step ${grouped(last.step)}: each step overshoots the minimum ` +
    'by more than it gains, because the learning rate is too large for the curvature of the loss'
  );
}
