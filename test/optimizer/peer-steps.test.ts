/** Steps of optimizers beside those of PyTorch 2.15.0 and Keras 3.15.1 (scripts/peers/optimizers.py). */
import { expect, it } from 'vitest';
import type { z } from 'zod';
import { optimizerSchema } from '../../src/config/optimizer.js';
import { tensorOf } from '../../src/model/slab.js';
import { farthest, peerSteps, peers } from '../support/peer-steps.js';
import { bits, randomFloats } from '../support/slabs.js';
import { trainee } from '../support/trainee.js';

const spared = ['bias', 'gamma'];
const cases: Record<string, z.input<typeof optimizerSchema>> = {
  'adamw with groups': { adamw: { learningRate: 0.02, weightDecay: 0.3, noDecay: spared } },
  lion: { lion: { learningRate: 0.01, beta1: 0.8, beta2: 0.95 } },
  'lion with decay': { lion: { learningRate: 0.01, weightDecay: 0.5, noDecay: ['*/b*s', 'norm/*'] } },
  adafactor: { adafactor: {} },
  'adafactor with decay': {
    adafactor: {
      learningRate: 0.5,
      beta2Decay: -0.6,
      epsilon: 1e-6,
      epsilonScale: 0.01,
      clipThreshold: 1.2,
      weightDecay: 0.1,
    },
  },
  lamb: { lamb: { learningRate: 0.05 } },
  'lamb with other options': { lamb: { learningRate: 0.02, beta1: 0.7, beta2: 0.95, epsilon: 0.01 } },
  muon: { muon: { learningRate: 0.02, scale: 'original' } },
  'muon without nesterov': {
    muon: {
      learningRate: 0.02,
      scale: 'original',
      nesterov: false,
      momentum: 0.8,
      steps: 3,
      weightDecay: 0.3,
      noDecay: [...spared, 'conv/*'],
    },
  },
  'muon like adamw': { muon: { learningRate: 0.02 } },
};
/** A product that is summed otherwise is rounded otherwise, and the iteration makes what is small larger. */
const tolerance = (name: string) => (name.startsWith('muon') ? 2e-5 : 2e-6);

it.each(Object.entries(cases))('%s', (name, config) => {
  const ours = peerSteps(optimizerSchema.parse(config));
  expect(farthest(ours, ours.parameters, peers.cases[name])).toBeLessThan(tolerance(name));
  // Wherever threads would cut the parameters: 16 floats are less than any kernel has.
  const cut = peerSteps(optimizerSchema.parse(config), [0, 16, 16, 80, 128, ours.layout.trainable]);
  expect(bits(cut.parameters)).toEqual(bits(ours.parameters));
  expect(cut.slots.map(bits)).toEqual(ours.slots.map(bits));
});

it("has decay in the step of lamb, as its paper, and not apart from it as Keras's weight_decay", () => {
  const config = { lamb: { learningRate: 0.1, weightDecay: 0.5, epsilon: 1e-3, noDecay: ['bias'] } };
  const ours = trainee(optimizerSchema.parse(config), { 'a/kernel': [3, 7], 'a/bias': [5] }, randomFloats(1, 48));
  ours.gradients.set(randomFloats(2, 48));
  const before = ours.parameters.slice();
  ours.step({ number: 1, learningRate: 0.1, gradientScale: 0.5 });
  for (const [{ offset, size }, decay] of [
    [ours.layout.tensors[0], 0.5] as const,
    [ours.layout.tensors[1], 0] as const,
  ]) {
    // After one step the corrected means are the gradient and its square. The padding of a slab is zero, that of this one is not.
    const end = offset + Math.ceil(size / 16) * 16;
    const [x, g] = [before, ours.gradients].map((slab) => Array.from(slab.subarray(offset, end)));
    const direction = x.map((p, i) => g[i] / 2 / (Math.abs(g[i] / 2) + 1e-3) + decay * p);
    const ratio = Math.hypot(...x) / Math.hypot(...direction);
    x.forEach((p, i) => {
      expect(Math.abs(ours.parameters[offset + i] - (p - 0.1 * ratio * direction[i]))).toBeLessThan(1e-6);
    });
  }
});

it('rounds in muon to float32, where PyTorch rounds products to bfloat16', () => {
  const ours = peerSteps(optimizerSchema.parse({ muon: { learningRate: 0.02, scale: 'original' } }));
  const difference = farthest(ours, ours.parameters, peers.cases['muon in bfloat16']);
  expect(difference).toBeGreaterThan(1e-4);
  expect(difference).toBeLessThan(5e-3);
});

it('makes the steps of matrices orthogonal, whichever side is longer, and leaves those that are named to AdamW', () => {
  const config = (options: object) => optimizerSchema.parse({ muon: { learningRate: 1, weightDecay: 0, ...options } });
  for (const shape of [
    [8, 24],
    [24, 8],
    [5, 5],
  ]) {
    const [rows, columns] = shape;
    const { gradients, parameters, slots, step } = trainee(config({ scale: 'original' }), { 'a/kernel': shape });
    gradients.set(randomFloats(3, rows * columns));
    step({ number: 1, learningRate: 1, gradientScale: 1e-6 });
    // The squares of the singular values add up to about 1 each.
    const squares =
      parameters.reduce((sum, p) => sum + p * p, 0) / Math.max(1, columns / rows) / Math.min(rows, columns);
    expect(squares).toBeGreaterThan(0.6);
    expect(squares).toBeLessThan(1.4);
    expect(slots.map(({ length }) => length)).toEqual([parameters.length, 0, 0]);
  }
  const named = trainee(config({}), { 'words/embeddings': [8, 24] });
  const adamw = trainee(optimizerSchema.parse({ adamw: { weightDecay: 0 } }), { 'words/embeddings': [8, 24] });
  for (const each of [named, adamw]) {
    each.gradients.set(randomFloats(3, 8 * 24));
    each.step({ number: 1, learningRate: 1, gradientScale: 1 });
  }
  expect(bits(named.parameters)).toEqual(bits(adamw.parameters));
});

it('keeps the average of the weights that Keras keeps', () => {
  const sgd = { learningRate: 0.5 };
  const ours = peerSteps(optimizerSchema.parse({ sgd: { ...sgd, emaMomentum: 0.75 } }), [0, 96, 208]);
  expect(farthest(ours, ours.slots.at(-1)!, peers.cases.average)).toBeLessThan(1e-6);
  expect(bits(ours.parameters)).toEqual(bits(peerSteps(optimizerSchema.parse({ sgd })).parameters));
});

it('decays what no pattern names, and spares the rest as if there were no decay', () => {
  const of = (options: object) => {
    const { layout, parameters } = peerSteps(optimizerSchema.parse({ adamw: { learningRate: 0.02, ...options } }));
    return Object.fromEntries(layout.tensors.map((tensor) => [tensor.name, bits(tensorOf(parameters, tensor))]));
  };
  const all = of({ weightDecay: 0.3 });
  const none = of({ weightDecay: 0 });
  const some = of({ weightDecay: 0.3, noDecay: ['wide/*', 'gamma'] });
  expect(some).toEqual({ ...none, 'tall/kernel': all['tall/kernel'], 'conv/kernel': all['conv/kernel'] });
  expect(all['wide/bias']).not.toEqual(none['wide/bias']);
});
