/** A measured run, simulated: what the model says that it should have taken. */
import type { CostModel, Costs } from './cost.js';
import type { Observation } from './observation.js';
import { type SimulatedStep, Simulation } from './simulate.js';
import { type StepShape, stepCourse } from './step-course.js';
import { typicalSlowness } from './stragglers.js';

/** Of one measured run against the model. */
export interface PredictedRun {
  readonly workers: number;
  readonly reduction: Observation['reduction'];
  /** Bytes a second, and seconds, where links were limited. */
  readonly bandwidth?: number;
  readonly latency?: number;
  /** Milliseconds of a step. */
  readonly measured: number;
  readonly predicted: number;
  /** |predicted - measured| / measured. */
  readonly error: number;
}

/** How well the model predicts runs, best of those that it was not calibrated on. */
export function predictedRuns(model: CostModel, observations: readonly Observation[]): PredictedRun[] {
  return observations.map((observation) => {
    const { workers, reduction, bandwidth, latency, step: measured } = observation;
    const predicted = 1000 * predictor(observation)(model.costs, model.spread).step;
    return { workers, reduction, bandwidth, latency, measured, predicted, error: Math.abs(predicted / measured - 1) };
  });
}

/** Simulates a run again and again with other costs. */
export function predictor(observation: Observation): (costs: Costs, spread: number) => SimulatedStep {
  const { cores, bandwidth, latency } = observation;
  const course = stepCourse(shapeOf(observation));
  const network = { bandwidth: bandwidth ?? Number.POSITIVE_INFINITY, latency: latency ?? 0 };
  return (costs, spread) => {
    const simulation = new Simulation(course, { network, costs, cores });
    const luck = typicalSlowness(spread, course.phases.compute.length);
    return simulation.run(simulation.computing.map((seconds, i) => seconds * luck[i]));
  };
}

function shapeOf(observation: Observation): StepShape {
  const { workers, reduction, coordinatorComputes, bytes, batchSize, shards, bandwidth, latency } = observation;
  const limited = bandwidth !== undefined || latency !== undefined;
  return {
    workers,
    reduction,
    coordinatorComputes,
    bytes,
    examples: batchSize,
    shards: shards ?? workers,
    hosts: limited ? 'one machine, links' : 'one machine',
  };
}
