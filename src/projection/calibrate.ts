/** From measured runs to what a step costs: the costs with which the simulation comes closest to what was measured. */
import type { CostModel, CostName, Costs } from './cost.js';
import { leastSquares } from './least-squares.js';
import type { Observation } from './observation.js';
import { predictor } from './predicted.js';
import { typicalSlowness } from './stragglers.js';

/** What is taken to be so as long as nothing tells otherwise: figures of one core of a server of 2021. */
const usual: Omit<Costs, 'shard' | 'example'> = {
  contention: 0.05,
  update: 2.5e-10,
  memory: 5e-11,
  barrier: 5e-5,
  message: 3e-5,
  wake: 1e-4,
  byte: 6e-10,
};
const usualSpread = 0.05;
/** Part of the computing time of a shard that does not depend on its examples. */
const usualFixedPart = 0.1;
/** How sure that is, as standard deviation of the logarithm: within a factor of 4.5, or 2 of what hardly differs, two times of three. */
const doubtOf = (name: CostName): number => (name === 'contention' ? 0.7 : 1.5);
/** A cost of which the observations leave more than this part of the doubt is assumed. */
const unknownAbove = 0.5;

/** Of computing, beside which it does not matter that workers over sockets do not begin together. */
const fewestMilliseconds = 10;

/** Standard deviations of what is measured, as parts of the step: of the step itself, and of each phase. */
const [stepDeviation, phaseDeviation] = [0.02, 0.05];

/**
 * Fits the costs to all observations at once, by least squares over the logarithms of the costs, so that none is
 * negative. Each cost is drawn weakly to a usual value, so that one observation is enough; `assumed` tells which costs
 * have that value for want of better.
 *
 * @param observations at least one, all of the same model on the same machine
 */
export function calibrateCosts(observations: readonly Observation[]): CostModel {
  const { spread, measured } = spreadOf(observations);
  const expected = expectedCosts(observations);
  const names = Object.keys(expected) as CostName[];
  const costsOf = (unknowns: readonly number[]) =>
    Object.fromEntries(names.map((name, i) => [name, expected[name] * Math.exp(unknowns[i])])) as unknown as Costs;
  const predictors = observations.map(predictor);
  const fit = leastSquares(
    (unknowns) => {
      const costs = costsOf(unknowns);
      const misfits = observations.flatMap((observation, i) => {
        const times = predictors[i](costs, spread);
        const off = (phase: 'step' | 'compute' | 'exchange' | 'update') =>
          (1000 * times[phase] - observation[phase]) / observation.step;
        const phases = [off('compute'), off('exchange'), off('update')];
        return [off('step') / stepDeviation, ...phases.map((misfit) => misfit / phaseDeviation)];
      });
      return [...misfits, ...unknowns.map((unknown, i) => unknown / doubtOf(names[i]))];
    },
    names.map(() => 0),
  );
  const smallest = observations.reduce((least, each) => (each.workers < least.workers ? each : least));
  return {
    costs: costsOf(fit.unknowns),
    spread,
    spreadMeasured: measured,
    assumed: names.filter((name, i) => fit.deviations[i] > unknownAbove * doubtOf(name)),
    cores: smallest.cores,
    bytes: smallest.bytes,
    batch: { worker: smallest.batchSize / smallest.workers, step: smallest.batchSize },
    observations: observations.length,
  };
}

/** Costs to begin with: computing as the smallest run tells, everything else as usual. */
function expectedCosts(observations: readonly Observation[]): Costs {
  const {
    compute,
    batchSize,
    workers,
    shards = workers,
  } = observations.reduce((least, each) => (each.workers < least.workers ? each : least));
  const seconds = compute / 1000;
  return {
    shard: (usualFixedPart * seconds * workers) / shards,
    example: ((1 - usualFixedPart) * seconds * workers) / batchSize,
    ...usual,
  };
}

/**
 * From how long workers wait for each other. Threads tell better than sockets, over which they do not begin together
 * either, and workers with a core each better than others.
 */
function spreadOf(observations: readonly Observation[]): { readonly spread: number; readonly measured: boolean } {
  const several = observations.filter(({ workers }) => workers > 1);
  const threads = several.filter(({ reduction }) => reduction === 'threads');
  const kind = threads.length > 0 ? threads : several.filter(({ compute }) => compute > fewestMilliseconds);
  const roomy = kind.filter(({ workers, cores }) => workers <= cores);
  const telling = (roomy.length > 0 ? roomy : kind).filter(({ compute }) => compute > 0);
  if (telling.length === 0) return { spread: usualSpread, measured: false };
  // What the slowest is behind the mean, were the spread 1 %, is about proportional to it.
  const behind = (workers: number) => Math.max(...typicalSlowness(0.01, workers)) - 1;
  const spreads = telling.map(({ wait, compute, workers }) => (0.01 * wait) / compute / behind(workers));
  const middle = spreads.toSorted((a, b) => a - b)[spreads.length >> 1];
  return { spread: Math.min(1, Math.max(0, middle)), measured: true };
}
