/** One number of workers with one way of reducing, simulated step by step. */
import { clusterSchema } from '../config/cluster.js';
import { randomStream, uniform } from '../ground/random.js';
import type { CostModel } from './cost.js';
import type { Reduction, Scenario } from './scenario.js';
import { type SimulatedStep, Simulation } from './simulate.js';
import { stepCourse } from './step-course.js';
import { slowness } from './stragglers.js';

/** Simulated steps of a trial: as many as a number of messages allows, within limits. */
const messagesOfTrial = 150_000;
const [fewestSteps, mostSteps, stepsThatFail] = [8, 64, 4];

const { silence, stragglerFactor } = clusterSchema.parse({});
/** Seconds until a worker that is silent counts as lost. */
export const detection = silence;
/** Slowness at which another worker computes the same, from then on. */
export const doubledAt = stragglerFactor;

export interface Trial {
  readonly workers: number;
  readonly reduction: Reduction;
  /** Seconds of a step. */
  readonly p50: number;
  readonly p90: number;
  readonly mean: number;
  readonly examples: number;
  readonly busiestLinkBytes: number;
  readonly waiting: number;
}

interface SampledStep {
  readonly step: number;
  /** Part of all steps that it stands for. */
  readonly weight: number;
}

/**
 * Simulates steps with random stragglers, and some in which a worker is lost: those stand for as many as there are.
 * The same seed draws the same luck, whatever else differs.
 */
export function simulateTrial(
  model: CostModel,
  scenario: Scenario,
  workers: number,
  reduction: Reduction,
  seed: number,
): Trial {
  const { bandwidth, latency, failures, stragglers: spread = model.spread } = scenario;
  const perHost = scenario.perHost ?? model.cores;
  const examples = examplesOf(model, scenario, workers);
  const shards = Math.min(workers, examples);
  const course = stepCourse({
    workers,
    reduction,
    examples,
    shards,
    coordinatorComputes: false,
    bytes: model.bytes,
    hosts: { workers: perHost },
  });
  const simulation = new Simulation(course, {
    network: { bandwidth, latency },
    costs: model.costs,
    cores: Math.max(model.cores, perHost),
  });
  const usual = simulation.computing;
  const luckOf = (step: number) => {
    const random = randomStream('stragglers', seed, step);
    return usual.map((seconds) => {
      const factor = slowness(spread, uniform(random, 0, 1));
      // Late work is given to somebody else too, who begins then.
      return seconds * Math.min(factor, doubledAt + 1);
    });
  };
  const affordable = Math.floor(messagesOfTrial / course.from.length);
  const steps = spread === 0 ? 1 : Math.min(mostSteps, Math.max(fewestSteps, affordable));
  const times = Array.from({ length: steps }, (_, step) => simulation.run(luckOf(step)));
  const well = times.reduce((sum, { step }) => sum + step, 0) / steps;
  const risk = 1 - Math.exp((-failures * workers * well) / 3600);
  const samples: SampledStep[] = times.map(({ step }) => ({ step, weight: (1 - risk) / steps }));
  for (let step = 0; risk > 0 && step < stepsThatFail; step++) {
    const random = randomStream('failures', seed, step);
    const computing = luckOf(step);
    const lost = Math.floor(uniform(random, 0, workers));
    // At any moment of the step; its share is computed anew once that is noticed, and then the all-reduce begins.
    computing[lost] += uniform(random, 0, well) + detection;
    samples.push({ step: simulation.run(computing).step, weight: risk / stepsThatFail });
  }
  return { workers, reduction, examples, ...summary(samples, times) };
}

/** Examples of a step. */
function examplesOf(model: CostModel, { mode, batch }: Scenario, workers: number): number {
  return mode === 'weak' ? workers * (batch ?? model.batch.worker) : (batch ?? model.batch.step);
}

/** Examples a second of one worker alone, with nobody to add up with and a core for itself. */
export function aloneExamplesPerSecond(model: CostModel, scenario: Scenario): number {
  const examples = examplesOf(model, scenario, 1);
  const course = stepCourse({
    workers: 1,
    reduction: 'threads',
    coordinatorComputes: true,
    bytes: model.bytes,
    examples,
    shards: 1,
    hosts: 'one machine',
  });
  const network = { bandwidth: scenario.bandwidth, latency: scenario.latency };
  return examples / new Simulation(course, { network, costs: model.costs, cores: model.cores }).run().step;
}

function summary(samples: readonly SampledStep[], times: readonly SimulatedStep[]) {
  const mean = samples.reduce((sum, { step, weight }) => sum + step * weight, 0);
  const busy = times.reduce((sum, each) => sum + each.busy, 0) / times.length;
  return {
    p50: quantile(samples, 0.5),
    p90: quantile(samples, 0.9),
    mean,
    busiestLinkBytes: times[0].busiestLinkBytes,
    waiting: Math.max(0, 1 - busy / mean),
  };
}

function quantile(samples: readonly SampledStep[], part: number): number {
  const sorted = samples.toSorted((a, b) => a.step - b.step);
  let weight = 0;
  for (const sample of sorted) {
    weight += sample.weight;
    // Sums of weights are rounded.
    if (weight >= part - 1e-9) return sample.step;
  }
  return sorted.at(-1)!.step;
}
