/** What a model gives for points near an example, and how steeply it changes there: compiled where its layers allow it, else by tfjs. */
import '../model/tfjs/flat-gradients.js';

import tf = require('@tensorflow/tfjs-core');

import { accepted } from '../engine/onnx/accepted.js';
import { boundGraph, sessionsOf } from '../engine/onnx/bound-graph.js';
import type { SessionTensor } from '../engine/onnx/session-tensor.js';
import type { CutGraph } from '../engine/onnx/subgraphs.js';
import { trace } from '../engine/onnx/tracer.js';
import { PrivateMemory } from '../engine/private-memory.js';
import { predictionStep } from '../engine/step.js';
import { LockstepError, ModelError, UnsupportedModelError } from '../errors.js';
import { masksOf, type Predictable, portsOf } from '../export/inference.js';
import { eagerly } from '../export/predictor.js';
import { elements } from '../ground/elements.js';
import { dilatedLayers } from '../model/tfjs/hooks.js';
import { type Lookup, withLookups } from './lookups.js';

/** The model as a function of its inputs and of the vectors that it looks up. */
export interface Explained extends Predictable {
  readonly lookups: readonly Lookup[];
  /** Index of the output that is explained. */
  readonly output: number;
  /** Elements of that output, of one example. */
  readonly outputShape: readonly number[];
}

/** One point: all that the model is given, masks behind the inputs, vectors of lookups behind those. */
export type Point = readonly Float32Array[];

/** What a point came to. */
export interface Slope {
  /** Of the output. */
  readonly outputs: Float32Array;
  /** How the seeded sum of the output changes with each number of the point; 0 with what it does not depend on. */
  readonly gradients: readonly Float32Array[];
}

/**
 * @param points at most `batchSize` of them
 * @param seed factor of each number of the output in the sum whose gradient is asked for
 */
export type Slopes = (points: readonly Point[], seed: Float32Array) => Promise<Slope[]>;

/** Points that are computed at a time: the same number always, so that a point has the same bits in every company. */
export const batchSize = 16;

/**
 * @param sloped false where only outputs are asked for: there are no gradients then
 * @param warn told why the model is not compiled
 * @throws ModelError where the output has no gradient of what the model reads
 */
export async function createSlopes(
  target: Explained,
  sloped: boolean,
  warn: (message: string) => void,
): Promise<Slopes> {
  const shapes = shapesOf(target);
  const run = await compiledOrEager(target, sloped, warn);
  return async (points, seed) => {
    // The last point once more, until there are enough.
    const batch = shapes.map((shape, port) => {
      const width = elements(shape);
      const values = new Float32Array(batchSize * width);
      for (let i = 0; i < batchSize; i++) values.set(points[Math.min(i, points.length - 1)][port], i * width);
      return values;
    });
    const { outputs, gradients } = await run(batch, seed);
    const part = (values: Float32Array, i: number) => {
      const width = values.length / batchSize;
      return values.slice(i * width, (i + 1) * width);
    };
    return points.map((_, i) => ({
      outputs: part(outputs, i),
      gradients: gradients.map((values) => part(values, i)),
    }));
  };
}

/** Of one example of everything in a point. */
const shapesOf = (target: Explained): (readonly number[])[] => [
  ...portsOf(target).map(({ shape }) => shape),
  ...target.lookups.map(({ shape }) => shape),
];

/** Which parts of a point have slopes: not masks, and not inputs that are nothing but ids. */
export function slopingParts({ inputs, masks = [], lookups }: Explained): number[] {
  const numbers = inputs.flatMap(({ shape }, i) => {
    const ids = new Set(lookups.filter(({ input }) => input === i).flatMap(({ features }) => [...features]));
    return ids.size < elements(shape) ? [i] : [];
  });
  return [...numbers, ...lookups.map((_, i) => inputs.length + masks.length + i)];
}

type RunBatch = (batch: readonly Float32Array[], seed: Float32Array) => Promise<Slope>;

async function compiledOrEager(target: Explained, sloped: boolean, warn: (message: string) => void): Promise<RunBatch> {
  try {
    return compiled(target, sloped);
  } catch (error) {
    if (!(error instanceof UnsupportedModelError)) throw error;
    warn(`${error.problem}; explaining on engine tfjs, which is slower`);
    return eager(target, sloped);
  }
}

interface StepResult {
  readonly outputs: tf.Tensor;
  /** Of each part of a point. */
  readonly gradients: (tf.Tensor | undefined)[];
}

/** @param batch of each part of a point. @param seeds [batch, ...output] */
function step(
  target: Explained,
  parameters: readonly tf.Tensor[],
  batch: readonly tf.Tensor[],
  seeds: tf.Tensor | undefined,
): StepResult {
  const { model, weights, inputs, hooks, lookups, output } = target;
  const ports = batch.slice(0, batch.length - lookups.length);
  const vectors = new Map(lookups.map(({ call }, i) => [call, batch[ports.length + i]]));
  const serve = (call: number) => {
    const found = vectors.get(call);
    return found && tf.clone(found);
  };
  const forward = () => {
    const given = ports.slice(0, inputs.length);
    const made = () => predictionStep(model, weights, parameters, given, masksOf(target, ports), hooks);
    return withLookups(model, serve, made)[output];
  };
  if (!seeds) return { outputs: forward(), gradients: [] };
  const sloping = slopingParts(target);
  const { value, grads } = withGradients(() =>
    dilatedLayers(model, () =>
      tf.engine().gradients(
        forward,
        sloping.map((part) => batch[part]),
        seeds,
        true,
      ),
    ),
  );
  const found = new Map(sloping.map((part, i) => [part, grads[i] as tf.Tensor | undefined]));
  const gradients = batch.map((_, part) => found.get(part));
  if (gradients.every((gradient) => gradient === undefined)) throw noSlope();
  return { outputs: value, gradients };
}

/** What tfjs says where an operation of the model has no gradient of what it is given. */
function withGradients<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof LockstepError || !(error instanceof Error) || !/gradient/i.test(error.message)) throw error;
    throw new ModelError(
      `the model has no gradient of its inputs (${error.message.split('\n')[0]})`,
      'explain it by --method occlusion',
    );
  }
}

const noSlope = () =>
  new ModelError(
    "the model's output has no gradient of its inputs: they are used as ids or cut off",
    'explain it by --method occlusion',
  );

const weightName = (index: number): string => `weight${index}`;
const partName = (index: number): string => `part${index}`;
const gradientName = (index: number): string => `gradient${index}`;
const [seedName, outputName] = ['seed', 'output'];

function compiled(target: Explained, sloped: boolean): RunBatch {
  const { weights, outputShape } = target;
  const shapes = shapesOf(target).map((shape) => [batchSize, ...shape]);
  const seedShape = [batchSize, ...outputShape];
  const cut = accepted(
    trace(({ input, output }) => {
      const parameters = weights.map(({ shape }, i) => input(weightName(i), shape, 'float32'));
      const batch = shapes.map((shape, i) => input(partName(i), shape, 'float32'));
      const seeds = sloped ? input(seedName, seedShape, 'float32') : undefined;
      const { outputs, gradients } = step(target, parameters, batch, seeds);
      output(outputName, outputs);
      gradients.forEach((gradient, i) => {
        if (gradient) output(gradientName(i), gradient);
      });
    }, sloped),
  );
  return bound(cut, target, shapes, sloped);
}

function bound(
  cut: CutGraph,
  { weights, outputShape }: Explained,
  shapes: readonly (readonly number[])[],
  sloped: boolean,
): RunBatch {
  const given = [
    ...weights.map(({ shape }, i) => ({ name: weightName(i), shape })),
    ...shapes.map((shape, i) => ({ name: partName(i), shape })),
    { name: seedName, shape: [batchSize, ...outputShape] },
  ].map((port) => ({ ...port, type: 'float32' as const }));
  const ports = [...given, ...cut.written];
  const memory = new PrivateMemory(ports.map(({ shape }) => elements(shape) * 4));
  const tensors = Object.fromEntries(
    ports.map(({ name, shape, type }): [string, SessionTensor] => [
      name,
      { type, shape, data: memory.handed(type, elements(shape)) },
    ]),
  );
  weights.forEach(({ val }, i) => {
    tensors[weightName(i)].data.set(val.dataSync());
  });
  const run = boundGraph(cut, sessionsOf(cut), tensors, memory.memory);
  return async (batch, seed) => {
    tensors[seedName].data.set(repeated(seed));
    batch.forEach((values, i) => {
      tensors[partName(i)].data.set(values);
    });
    run();
    const values = (name: string) => tensors[name].data.slice() as Float32Array;
    const gradients = sloped
      ? batch.map((part, i) => (tensors[gradientName(i)] ? values(gradientName(i)) : zerosOf(part)))
      : [];
    return { outputs: values(outputName), gradients };
  };
}

const zerosOf = (values: Float32Array): Float32Array => new Float32Array(values.length);

/** For each point of a batch. */
function repeated(seed: Float32Array): Float32Array {
  const all = new Float32Array(batchSize * seed.length);
  for (let i = 0; i < batchSize; i++) all.set(seed, i * seed.length);
  return all;
}

async function eager(target: Explained, sloped: boolean): Promise<RunBatch> {
  const shapes = shapesOf(target).map((shape) => [batchSize, ...shape]);
  const run: RunBatch = async (batch, seed) =>
    tf.tidy(() => {
      const parameters = target.weights.map(({ val }) => tf.clone(val));
      const given = batch.map((values, i) => tf.tensor(values, shapes[i], 'float32'));
      const seeds = sloped ? tf.tensor(repeated(seed), [batchSize, ...target.outputShape]) : undefined;
      const { outputs, gradients } = step(target, parameters, given, seeds);
      const values = (tensor: tf.Tensor) => Float32Array.from(tensor.dataSync());
      return {
        outputs: values(outputs),
        gradients: gradients.map((gradient, i) => (gradient ? values(gradient) : zerosOf(batch[i]))),
      };
    });
  const zeros = shapes.map((shape) => new Float32Array(elements(shape)));
  await eagerly(() => run(zeros, new Float32Array(elements(target.outputShape))));
  return run;
}
