/**
 * One measurement of Lockstep, in a process of its own: `node measure-pool.js JSON` with a PoolCase. Trains as a run does,
 * with the coordinator's geometry and the threads' real pool, on random examples or a text: gather, copy, compute, reduce, update.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chooseEngine } from '../../coordinator/prepare/choose-engine.js';
import type { LayerConfig } from '../../src/config/model.js';
import { optimizerSchema } from '../../src/config/optimizer.js';
import { scheduleSchema } from '../../src/config/schedule.js';
import { type Geometry, planGeometry, shardSizes } from '../../src/data/geometry.js';
import { metaOf } from '../../src/data/packed.js';
import { epochOrder } from '../../src/data/sampler.js';
import type { BackendName } from '../../src/engine/backends.js';
import { createStepModel, initialParameters, type StepSpec } from '../../src/engine/step.js';
import { ThreadPool } from '../../src/pool/pool.js';
import { type Phase, phaseNames, type TrainingOptions } from '../../src/pool/pool-options.js';
import { type Measurement, measure, peakMegabytes } from './measurement.js';
import { type RandomShape, randomExamples, textExamples } from './pool-examples.js';
import { sameWeights } from './same-start.js';
import type { TextShape } from './text-workloads.js';

export interface PoolCase {
  readonly name: string;
  readonly layers: LayerConfig[];
  /** Of random examples, or of a text in its order, on which the first steps have the same losses as PyTorch's. */
  readonly examples: RandomShape | TextShape;
  /** Of all threads together. */
  readonly batchSize: number;
  readonly shards: number;
  readonly threads: number;
  readonly seconds: number;
  /** Of engine tfjs; engine onnx without it. */
  readonly backend?: BackendName;
  /** `training.recompute` of a run. */
  readonly recompute?: StepSpec['recompute'];
  /** An empty folder where so many processes meet before they measure, all at the same time. */
  readonly together?: { readonly folder: string; readonly processes: number };
}

/** Milliseconds of a step: the mean over the threads of each phase, and what is left of the time that passed. */
export type StepSplit = Readonly<Record<Phase | 'dispatch', number>>;
export const splitNames = [...phaseNames, 'dispatch'] as const;

export interface PoolMeasurement extends Measurement {
  readonly split: StepSplit;
  /** Of the first steps. */
  readonly losses: readonly number[];
}

const program = fileURLToPath(import.meta.url);

/** Measures a case in a child process. */
export function measurePool(poolCase: PoolCase): Promise<PoolMeasurement> {
  return measure(process.execPath, [program, JSON.stringify(poolCase)], poolCase.seconds);
}

/** What V8 runs often it compiles, in threads of its own, which in the first half second take the cores from ours. */
const warmUpMilliseconds = 500;
const warmUpSteps = 5;
/** Some of those that are measured take seconds. */
const fewestSteps = 3;

/** A pool that trains, and what it is given to train on. */
interface Bench {
  readonly pool: ThreadPool<TrainingOptions>;
  readonly geometry: Geometry;
  /** Example indices of an epoch. */
  orderOf(epoch: number): Int32Array;
}

async function startBench(poolCase: PoolCase): Promise<Bench> {
  const { layers, batchSize, shards, threads, backend, recompute } = poolCase;
  const text = 'places' in poolCase.examples ? poolCase.examples : undefined;
  const examples = text ? textExamples(text) : randomExamples(poolCase.examples as RandomShape);
  const training = Int32Array.from({ length: examples.count }, (_, i) => i);
  const config = { epochs: 1, batchSize, shards, accumulate: 1 };
  const geometry = planGeometry(config, { training });
  const { fields } = metaOf(examples);
  const head = { target: 'targets', loss: 'sparseCategoricalCrossentropy', weight: 1 } as const;
  const spec: StepSpec = { model: { layers }, heads: [head], seed: 0, fields, recompute };
  const step = await createStepModel(spec);
  const sizes = { gradients: shardSizes(geometry), evaluations: [] };
  const choice = { engine: backend ? ('tfjs' as const) : ('onnx' as const), backend };
  const engine = await chooseEngine(choice, { step, spec }, [{ sizes }], () => {});
  const metrics = [
    {
      target: 'targets',
      factor: 1,
      metrics: [],
      outputs: step.heads[0].target.categories!,
      places: step.heads[0].places,
      classes: true,
      threshold: 0,
      binary: false,
      weighted: false,
    },
  ];
  const options: TrainingOptions = {
    use: 'training',
    engine,
    layout: step.layout,
    examples,
    geometry,
    metrics,
    threads,
    seed: 0,
    largestEvaluation: 0,
    optimizer: optimizerSchema.parse('adam'),
    schedule: scheduleSchema.parse('constant'),
  };
  const parameters = text ? sameWeights(step.layout, text.spread) : initialParameters(step);
  const orderOf = (epoch: number) => (text ? training : epochOrder(training, 0, epoch));
  return { pool: await ThreadPool.start(options, parameters), geometry, orderOf };
}

/** Runs `steps` steps, epoch by epoch; returns the milliseconds that a step took. */
async function runSteps({ pool, geometry, orderOf }: Bench, steps: number): Promise<number> {
  const { stepsPerEpoch } = geometry;
  const started = performance.now();
  for (let epoch = 0; epoch * stepsPerEpoch < steps; epoch++) {
    const { diverged } = await pool.train(
      epoch,
      orderOf(epoch),
      0,
      Math.min(stepsPerEpoch, steps - epoch * stepsPerEpoch),
    );
    if (diverged) throw new Error('the loss is not finite');
  }
  return (performance.now() - started) / steps;
}

/** @returns the milliseconds that a step takes at the end of it, and the losses at its beginning */
async function warmUp(bench: Bench): Promise<{ milliseconds: number; losses: number[] }> {
  const until = performance.now() + warmUpMilliseconds;
  let milliseconds = await runSteps(bench, warmUpSteps);
  const losses = [...bench.pool.stepLosses.subarray(0, warmUpSteps)];
  while (performance.now() < until) milliseconds = await runSteps(bench, warmUpSteps);
  return { milliseconds, losses };
}

/** Waits for the others. */
async function meet({ folder, processes }: NonNullable<PoolCase['together']>): Promise<void> {
  writeFileSync(join(folder, String(process.pid)), '');
  while (readdirSync(folder).length < processes) await sleep(1);
}

async function main(poolCase: PoolCase): Promise<void> {
  const { name, batchSize, threads, seconds, together } = poolCase;
  const bench = await startBench(poolCase);
  const { milliseconds, losses } = await warmUp(bench);
  const steps = Math.max(fewestSteps, Math.floor((seconds * 1000) / milliseconds));
  if (together) await meet(together);
  const before = bench.pool.phases();
  const millisecondsPerStep = await runSteps(bench, steps);
  const after = bench.pool.phases();
  const split = phaseNames.map((phase) => [phase, (after[phase] - before[phase]) / steps] as const);
  const dispatch = split.reduce((left, [, milliseconds]) => left - milliseconds, millisecondsPerStep);
  const measurement: PoolMeasurement = {
    model: name,
    workers: threads,
    batch: batchSize / threads,
    examplesPerSecond: (batchSize / millisecondsPerStep) * 1000,
    millisecondsPerStep,
    peakMegabytes: peakMegabytes(),
    software: 'Lockstep',
    split: { ...(Object.fromEntries(split) as Record<Phase, number>), dispatch },
    losses,
  };
  process.stdout.write(`${JSON.stringify(measurement)}\n`);
  await bench.pool.close();
}

if (process.argv[1] === program) await main(JSON.parse(process.argv[2]) as PoolCase);
