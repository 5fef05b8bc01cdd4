/** Builds both engines for a small model and compares what they compute. */

import type { LayerConfig, LossConfig } from '../../src/config/model.js';
import type { BackendName } from '../../src/engine/backends.js';
import type { Evaluation, GradientEngine, NoiseKey, ShardLoss } from '../../src/engine/engine.js';
import type { HeadSpec } from '../../src/engine/heads.js';
import { compileEvaluation, compileGradients } from '../../src/engine/onnx/compile.js';
import { inspectModel } from '../../src/engine/onnx/inspect.js';
import { OnnxEngine } from '../../src/engine/onnx/onnx-engine.js';
import { PrivateMemory } from '../../src/engine/private-memory.js';
import { createStepModel, initialParameters, type StepSpec } from '../../src/engine/step.js';
import { createTfjsEngine } from '../../src/engine/tfjs-engine.js';
import type { SlabLayout } from '../../src/model/slab.js';
import { batchParts, fieldsOf } from './parts.js';

export interface Case {
  readonly layers: LayerConfig[];
  /** Takes the place of what the other fields say. */
  readonly spec?: Partial<StepSpec>;
  /** The same of the only output. */
  readonly head?: Partial<HeadSpec>;
  /** Shape of one example. */
  readonly input: readonly number[];
  readonly loss?: LossConfig;
  /** Class indices when given, else float targets of shape `target`. */
  readonly classes?: number;
  readonly target?: readonly number[];
  /** Class indices of one example where there is a sequence of them. */
  readonly places?: number;
  readonly count?: number;
  /** Range of the float targets: -1..1 by default. */
  readonly targets?: (random: () => number) => number;
  readonly features?: (random: () => number) => number;
  /** Features are stored as bytes. */
  readonly bytes?: boolean;
}

/** A small linear congruential generator: uniform numbers in [0, 1). */
export function lcg(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function specOf(example: Case): StepSpec {
  const classShape = example.places === undefined ? [] : [example.places];
  return {
    model: { layers: example.layers },
    heads: [{ target: 'targets', loss: example.loss ?? 'meanSquaredError', weight: 1, ...example.head }],
    seed: 7,
    fields: fieldsOf({
      featureShape: example.input,
      featureType: example.bytes ? 'uint8' : 'float32',
      targetShape: example.classes === undefined ? (example.target ?? []) : classShape,
      targetType: example.classes === undefined ? 'float32' : 'int32',
      classes: example.classes,
    }),
    ...example.spec,
  };
}

/** An engine, and slabs for it to compute with. */
export interface EngineWithSlabs extends Omit<GradientEngine, 'computeGradients' | 'evaluate'> {
  readonly parameters: Float32Array;
  readonly gradients: Float32Array;
  /** The sum of the losses; `shard` says what it is divided by, too. */
  computeGradients(count: number, key: NoiseKey): Promise<number>;
  shard(count: number, key: NoiseKey): Promise<ShardLoss>;
  /** Of the first output. */
  evaluate(count: number): Promise<Evaluation>;
  evaluateAll(count: number): Promise<Evaluation[]>;
}

export async function withSlabs(
  { length, state }: SlabLayout,
  make: (parameters: Float32Array) => GradientEngine | Promise<GradientEngine>,
): Promise<EngineWithSlabs> {
  const memory = new PrivateMemory([length * 4, state * 4]);
  const [parameters, gradients] = [memory.floats(length), memory.floats(state)];
  const engine = await make(parameters);
  const refreshed = () => {
    engine.refresh();
    return engine;
  };
  return {
    parameters,
    gradients,
    buffers: (count) => engine.buffers(count),
    refresh: () => engine.refresh(),
    computeGradients: async (count, key) => (await refreshed().computeGradients(count, key, gradients)).lossSum,
    shard: (count, key) => refreshed().computeGradients(count, key, gradients),
    evaluate: async (count) => (await refreshed().evaluate(count))[0],
    evaluateAll: (count) => refreshed().evaluate(count),
    dispose: () => engine.dispose(),
  };
}

export function fill(engine: EngineWithSlabs, example: Case, parameters: Float32Array, count: number, seed = 3): void {
  const random = lcg(seed);
  engine.parameters.set(parameters);
  const { features, targets } = batchParts(engine.buffers(count));
  for (let i = 0; i < features.length; i++) features[i] = example.features?.(random) ?? random() * 2 - 1;
  for (let i = 0; i < targets.length; i++) {
    targets[i] =
      example.classes === undefined
        ? (example.targets?.(random) ?? random() * 2 - 1)
        : Math.floor(random() * example.classes);
  }
}

/** Initial weights, with small offsets so that no bias or moving mean is zero. */
export function perturbed(slab: Float32Array, layout: SlabLayout): Float32Array {
  const random = lcg(11);
  for (const { offset, size, name } of layout.tensors) {
    const positive = name.endsWith('variance');
    for (let i = 0; i < size; i++) slab[offset + i] += positive ? random() * 0.2 : (random() - 0.5) * 0.2;
  }
  return slab;
}

export async function createEngines(example: Case, counts: readonly number[], backend: BackendName = 'cpu') {
  const spec = specOf(example);
  const step = await createStepModel(spec);
  const parameters = perturbed(initialParameters(step), step.layout);
  const gradients = new Map(counts.map((count) => [count, compileGradients(step, count)]));
  const evaluations = new Map(counts.map((count) => [count, compileEvaluation(step, count)]));
  const { layout } = step;
  const model = { layout, fields: spec.fields, gradients, evaluations };
  const onnx = await withSlabs(layout, (parameters) => new OnnxEngine(model, parameters));
  const graphs = [...gradients.values(), ...evaluations.values()];
  // Whatever the compiler writes, a worker that is sent it lets pass.
  for (const subgraph of graphs.flatMap(({ subgraphs }) => subgraphs))
    if (subgraph.kind === 'session') inspectModel(subgraph.bytes);
  const tfjs = await withSlabs(layout, (parameters) => createTfjsEngine(spec, backend, parameters));
  return { step, parameters, onnx, tfjs, gradients, evaluations };
}

/** Largest difference, relative to the largest magnitude of `expected`. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(difference, d);
    magnitude = Math.max(magnitude, Math.abs(expected[i]));
  }
  return difference === 0 ? 0 : difference / Math.max(magnitude, 1e-12);
}
