/** What Piscina runs in each thread: it makes one engine and serves the pool's tasks with it. */
import { workerData } from 'node:worker_threads';
import type { GradientEngine } from '../engine/engine.js';
import { OnnxEngine } from '../engine/onnx/onnx-engine.js';
import { chosenProvider } from '../engine/onnx/providers.js';
import { loadUpdateKernels } from '../kernels/load-kernels.js';
import { Control } from './control.js';
import type { DeviceRank } from './device-rank.js';
import { Evaluator } from './evaluator.js';
import { Gatherer } from './gather.js';
import { LocalRank } from './local-rank.js';
import { PhaseClock, StepTimes } from './phase-clock.js';
import type { ComputingOptions } from './pool-options.js';
import { RoundRank } from './round-rank.js';
import { ShardGradients } from './shard-gradients.js';
import type { PoolSpec } from './shared-state.js';
import { Slice } from './slice.js';
import type { Task } from './task.js';
import { TrainingRank } from './training-rank.js';

const spec = workerData as PoolSpec;

interface Engines {
  /** One for each bucket; none where the pool only updates. */
  readonly gradients: readonly GradientEngine[];
  /** The same, unless an average of the weights is evaluated, or replicas take steps of their own. */
  readonly evaluations: readonly GradientEngine[];
  /** Where the steps stay on a device. */
  readonly DeviceRank?: typeof DeviceRank;
}

async function createEngines(): Promise<Engines> {
  if (spec.use === 'updates') return { gradients: [], evaluations: [] };
  const { offsets } = spec.shared;
  const trained = offsets.local?.parameters ?? offsets.parameters;
  const gradients = await enginesOn(spec, trained);
  const isSame = offsets.evaluated === trained;
  const evaluations = isSame ? gradients : await enginesOn(spec, offsets.evaluated);
  if (chosenProvider().memory === undefined || spec.use !== 'training') return { gradients, evaluations };
  // It loads what encodes graphs, without which processors do.
  const { DeviceRank } = await import('./device-rank.js');
  return { gradients, evaluations, ...(DeviceRank.serves(spec) && { DeviceRank }) };
}

/** @param offset of the slab that they compute with */
async function enginesOn(
  { engine, layout, shared }: PoolSpec<ComputingOptions>,
  offset: number,
): Promise<GradientEngine[]> {
  const parameters = new Float32Array(shared.memory.buffer, offset, layout.length);
  if (engine.kind === 'onnx') return engine.models.map((model) => new OnnxEngine(model, parameters));
  // Only this engine needs tfjs, which takes longer to load than everything else.
  const { createTfjsEngine } = await import('../engine/tfjs-engine.js');
  const engines: GradientEngine[] = [];
  for (const step of engine.steps) engines.push(await createTfjsEngine(step, engine.backend, parameters));
  return engines;
}

/** What a rank is asked for; the pool asks for nothing else than what its use needs. */
interface Rank {
  readonly training?: TrainingRank | DeviceRank;
  readonly rounds?: RoundRank;
  readonly local?: LocalRank;
  readonly evaluator?: Evaluator;
}

function createRank(rank: number, engines: Engines): Rank {
  const { phases, stepTimes, memory, control: words } = spec.shared;
  const control = new Control(words);
  const kernels = loadUpdateKernels(memory);
  const clock = new PhaseClock(phases, rank, stepTimes && new StepTimes(stepTimes, spec.threads));
  const slice = new Slice(spec, rank, kernels);
  if (spec.use === 'updates') return { rounds: new RoundRank(spec, rank, control, clock, kernels, slice, undefined) };
  const gatherer = new Gatherer(spec);
  const evaluator = new Evaluator(spec, rank, control, engines.evaluations, gatherer);
  if (spec.use === 'evaluation') return { evaluator };
  if (spec.use === 'training' && engines.DeviceRank) {
    const onnx = engines.gradients as readonly OnnxEngine[];
    return { evaluator, training: new engines.DeviceRank(spec, onnx, control, clock, gatherer) };
  }
  const gradients = new ShardGradients(spec, engines.gradients, kernels, gatherer, clock);
  if (spec.use === 'training')
    return { evaluator, training: new TrainingRank(spec, rank, control, clock, slice, gradients) };
  const rounds = new RoundRank(spec, rank, control, clock, kernels, slice, gradients);
  return { evaluator, rounds, local: spec.local && new LocalRank(spec, rank, control, clock, kernels, gradients) };
}

let engines: Promise<Engines> | undefined;
/** Any thread can take any rank's task: threads differ in nothing. */
const ranks = new Map<number, Rank>();

export default async function run({ rank: number, task }: { rank: number; task: Task }): Promise<void> {
  engines ??= createEngines();
  const ready = await engines;
  if (task.kind === 'start') return;
  if (task.kind === 'stop') {
    for (const engine of new Set([...ready.gradients, ...ready.evaluations])) await engine.dispose();
    // Its memory is tied to the sessions of engines.
    for (const { training } of ranks.values()) if (training && 'release' in training) training.release();
    return;
  }
  let rank = ranks.get(number);
  if (!rank) {
    rank = createRank(number, ready);
    ranks.set(number, rank);
  }
  switch (task.kind) {
    case 'train':
      return rank.training!.train(task);
    case 'nodes':
      return rank.rounds!.computeNodes(task);
    case 'local':
      return rank.local!.computeReplicas(task);
    case 'apply':
      return rank.rounds!.apply(task);
    case 'evaluate':
      return rank.evaluator!.evaluate(task);
  }
}
