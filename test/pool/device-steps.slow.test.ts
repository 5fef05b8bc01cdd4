/** Steps that stay on a device: what they come to beside those of the processor, and what crosses between the two. */
import { expect, vi } from 'vitest';
import type { LayerConfig } from '../../src/config/model.js';
import { optimizerSchema } from '../../src/config/optimizer.js';
import { epochOrder } from '../../src/data/sampler.js';
import { OnnxLibrary } from '../../src/engine/onnx/library.js';
import { OnnxEngine } from '../../src/engine/onnx/onnx-engine.js';
import { leftToProcessor } from '../../src/engine/onnx/runtime.js';
import { slabLayout, tensorOf } from '../../src/model/slab.js';
import { deviceUpdate } from '../../src/optimizer/device-update.js';
import { Control } from '../../src/pool/control.js';
import { DeviceRank } from '../../src/pool/device-rank.js';
import { Gatherer } from '../../src/pool/gather.js';
import { PhaseClock } from '../../src/pool/phase-clock.js';
import { initialSlots } from '../../src/pool/run-slots.js';
import { allocateShared, gradientSlots } from '../../src/pool/shared-state.js';
import { addition, figureNames, figures } from '../../src/reduce/device-sums.js';
import { relativeError } from '../support/engines.js';
import { poolSetup } from '../support/pools.js';
import { skipIf } from '../support/skip-if.js';
import { onSwiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const { it } = skipIf(swiftshaderMissing);
const order = epochOrder(
  Int32Array.from({ length: 90 }, (_, i) => i),
  3,
  0,
);

/** Six steps of 48 numbers, over which a layer goes. */
const recurrent: LayerConfig[] = [{ reshape: { targetShape: [6, 48] } }, { lstm: { units: 8 } }];

/** What the three steps of an epoch leave, taken by threads of the processor. */
async function onProcessor(setup: Awaited<ReturnType<typeof poolSetup>>) {
  const pool = await setup.startTraining(1);
  await pool.train(0, order, 0, 3);
  const { parameters, stepLosses, stepNorms, slots } = pool;
  return {
    parameters: parameters.slice(),
    slots: slots.map((slot) => slot.slice()),
    losses: [...stepLosses],
    norms: [...stepNorms],
    gradient: pool.lastGradient()!.sums.slice(),
  };
}

/** The same on the device, in this thread. */
async function onDevice({ options, parameters }: Awaited<ReturnType<typeof poolSetup>>) {
  const pool = { ...options, threads: 1 };
  const shared = allocateShared(pool, 1, gradientSlots(pool), false);
  const spec = { ...pool, shared };
  const slab = (offset: number, length: number) => new Float32Array(shared.memory.buffer, offset, length);
  const own = slab(shared.offsets.parameters, parameters.length);
  own.set(parameters);
  const slots = initialSlots(pool, shared, own);
  shared.keys.set(order);
  const engines =
    options.engine.kind === 'onnx' ? options.engine.models.map((model) => new OnnxEngine(model, own)) : [];
  const control = new Control(shared.control);
  const rank = new DeviceRank(spec, engines, control, new PhaseClock(shared.phases, 0), new Gatherer(spec));
  const copies = vi.spyOn(OnnxLibrary.prototype, 'copy');
  const crossings = async (first: number, last: number) => {
    copies.mockClear();
    await rank.train({ kind: 'train', epoch: 0, first, last, rateScale: 1 });
    return copies.mock.calls.map(([from]) => from.length);
  };
  const two = await crossings(0, 2);
  await crossings(2, 3);
  copies.mockRestore();
  const { stepLosses, stepNorms, offsets } = shared;
  const found = {
    parameters: own.slice(),
    slots: slots.map((slot) => slot.slice()),
    losses: [...stepLosses],
    norms: [...stepNorms],
    gradient: slab(offsets.gradients[0]!, options.layout.trainable).slice(),
  };
  for (const engine of engines) await engine.dispose();
  rank.release();
  return { ...found, two };
}

it('comes to what threads come to, with one tensor a step that comes back', async () => {
  const expected = await poolSetup(recurrent);
  const wanted = await onProcessor(expected);
  await expected.close();
  const actual = await onSwiftshader(async () => onDevice(await poolSetup(recurrent)));
  expect(relativeError(actual.losses, wanted.losses)).toBeLessThan(1e-5);
  expect(relativeError(actual.norms, wanted.norms)).toBeLessThan(1e-4);
  expect(relativeError(actual.gradient, wanted.gradient)).toBeLessThan(1e-3);
  const { tensors, trainable } = expected.options.layout;
  for (const tensor of tensors) {
    const slabs = (found: typeof wanted) => [found.parameters, ...(tensor.offset < trainable ? found.slots : [])];
    // The gradient of a bias before a normalization is rounding alone, of which Adam makes steps; the mean moves with it.
    if (/conv2d.*bias|moving_mean/.test(tensor.name)) continue;
    const of = slabs(wanted);
    for (const [i, slab] of slabs(actual).entries())
      expect(relativeError(tensorOf(slab, tensor), tensorOf(of[i]!, tensor)), tensor.name).toBeLessThan(1e-3);
  }
  // Of a step numbers go there and figures come back, one tensor each; the others are batches and noise, of four shards at most.
  expect(actual.two.filter((count) => count === 1)).toHaveLength(2 * 2);
  expect(actual.two.filter((count) => count > 4)).toHaveLength(2);
  expect(actual.two.length).toBe(2 + 2 * (2 + 4));
});

it('computes sums, figures and every optimizer that has a rule there without the processor', async () => {
  const weights = [[3, 3, 1, 4], [4], [40, 5]].map((shape, i) => ({ originalName: `dense_${i}/kernel`, shape }));
  const layout = slabLayout(weights, [{ originalName: 'moving_mean', shape: [4] }], []);
  const optimizers = ['sgd', { momentum: { nesterov: true } }, 'rmsprop', 'adagrad', 'adam', 'adamw'];
  const updates = optimizers.map((optimizer) => deviceUpdate(optimizerSchema.parse(optimizer), layout)!.model);
  const models = [...updates, addition(layout), figures(layout, figureNames(4, true))];
  const found = await onSwiftshader(async () => models.flatMap(leftToProcessor));
  expect(found).toEqual([]);
  const none = ['lion', 'lamb', 'muon', 'adafactor', { adam: { emaMomentum: 0.9 } }];
  for (const optimizer of none) expect(deviceUpdate(optimizerSchema.parse(optimizer), layout)).toBeUndefined();
});
