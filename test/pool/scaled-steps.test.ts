/** Steps whose loss is scaled, where it overflows at first: on any number of threads, and on a device, which is given the scale in each step. */
import { expect, it } from 'vitest';
import { optimizerSchema } from '../../src/config/optimizer.js';
import { scheduleSchema } from '../../src/config/schedule.js';
import { planGeometry, shardSizes } from '../../src/data/geometry.js';
import { metaOf } from '../../src/data/packed.js';
import { accepted } from '../../src/engine/onnx/accepted.js';
import { traceGradients } from '../../src/engine/onnx/compile.js';
import { OnnxEngine } from '../../src/engine/onnx/onnx-engine.js';
import { createStepModel, initialParameters } from '../../src/engine/step.js';
import { Control } from '../../src/pool/control.js';
import { DeviceRank } from '../../src/pool/device-rank.js';
import { Gatherer } from '../../src/pool/gather.js';
import { PhaseClock } from '../../src/pool/phase-clock.js';
import { ThreadPool } from '../../src/pool/pool.js';
import { initialSlots } from '../../src/pool/run-slots.js';
import { allocateShared, gradientSlots } from '../../src/pool/shared-state.js';
import { readScaling, writeScaling } from '../../src/pool/step-scaling.js';
import { lcg, relativeError } from '../support/engines.js';
import { examplesOf } from '../support/parts.js';
import { skipIf } from '../support/skip-if.js';
import { onSwiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const [count, steps] = [30, 5];
const order = Int32Array.from({ length: count }, (_, i) => (7 * i) % count);
// Of the loss of a shard it makes a number that float32 does not have, in two steps.
const tooLarge = { scale: 2 ** 130, good: 0, skipped: 0 };

/** A pool's options, with products in float32: a device without float16 computes them, too. */
async function setup() {
  const random = lcg(5);
  const features = new Float32Array(new SharedArrayBuffer(4 * 5 * count)).map(random);
  const targets = new Int32Array(new SharedArrayBuffer(4 * count)).map(() => random() * 3);
  const examples = examplesOf({
    count,
    featureShape: [5],
    featureScale: 1,
    targetShape: [],
    classes: 3,
    features,
    targets,
  });
  const training = { training: Int32Array.from(order) };
  const geometry = planGeometry({ epochs: 1, batchSize: 6, shards: 2, accumulate: 1 }, training);
  const { fields } = metaOf(examples);
  const step = await createStepModel({
    model: { layers: [{ dense: { units: 4, activation: 'relu' } }, { dense: { units: 3 } }] },
    heads: [{ target: 'targets', loss: 'sparseCategoricalCrossentropy', weight: 1 }],
    seed: 3,
    fields,
    precision: 'float16',
  });
  const compiled = shardSizes(geometry).map((size) => {
    const { graph, noise } = traceGradients(step, size);
    return [size, { ...accepted(graph), noise }] as const;
  });
  const { layout } = step;
  const models = [{ layout, fields, gradients: new Map(compiled), evaluations: new Map() }];
  const options = {
    ...{ use: 'training' as const, engine: { kind: 'onnx' as const, models }, layout, examples, metrics: [], geometry },
    ...{ seed: 3, largestEvaluation: 0, precision: 'float16' as const },
    optimizer: optimizerSchema.parse({ adam: { learningRate: 0.01 } }),
    schedule: scheduleSchema.parse('constant'),
  };
  return { options, parameters: initialParameters(step) };
}

async function onThreads(threads: number) {
  const { options, parameters } = await setup();
  const pool = await ThreadPool.start({ ...options, threads }, parameters);
  writeScaling(pool.scaling, tooLarge);
  const span = await pool.train(0, order, 0, steps);
  const found = {
    span,
    parameters: pool.parameters.slice(),
    losses: [...pool.stepLosses],
    norms: [...pool.stepNorms],
    now: readScaling(pool.scaling),
  };
  await pool.close();
  return found;
}

async function onDevice() {
  const { options, parameters } = await setup();
  const pool = { ...options, threads: 1 };
  const shared = allocateShared(pool, 1, gradientSlots(pool), false);
  writeScaling(shared.scaling, tooLarge);
  const own = new Float32Array(shared.memory.buffer, shared.offsets.parameters, parameters.length);
  own.set(parameters);
  initialSlots(pool, shared, own);
  shared.keys.set(order);
  const engines = options.engine.models.map((model) => new OnnxEngine(model, own));
  const spec = { ...pool, shared };
  const clock = new PhaseClock(shared.phases, 0);
  const rank = new DeviceRank(spec, engines, new Control(shared.control), clock, new Gatherer(spec));
  await rank.train({ kind: 'train', epoch: 0, first: 0, last: steps, rateScale: 1 });
  const found = { parameters: own.slice(), norms: [...shared.stepNorms], now: readScaling(shared.scaling) };
  for (const engine of engines) await engine.dispose();
  rank.release();
  return found;
}

it('skips the same steps and comes to the same bits on any number of threads', async () => {
  const one = await onThreads(1);
  expect(one.span).toEqual({ committed: steps, diverged: false });
  const skipped = one.losses.filter((loss) => !Number.isFinite(loss)).length;
  expect(one.now).toEqual({ scale: 2 ** (130 - skipped), good: steps - skipped, skipped });
  expect(skipped).toBeGreaterThan(0);
  expect(skipped).toBeLessThan(steps);
  expect(await onThreads(2)).toEqual(one);
});

skipIf(swiftshaderMissing).it('skips them on a device, whose other steps come to the same', async () => {
  const [wanted, actual] = [await onThreads(1), await onSwiftshader(onDevice)];
  expect(actual.now).toEqual(wanted.now);
  const { skipped } = wanted.now!;
  expect(relativeError(actual.norms.slice(skipped), wanted.norms.slice(skipped))).toBeLessThan(1e-5);
  expect(relativeError(actual.parameters, wanted.parameters)).toBeLessThan(1e-5);
});
