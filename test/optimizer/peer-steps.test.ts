/** Steps of optimizers beside those of PyTorch 2.15.0 and Keras 3.15.1 (scripts/peers/optimizers.py). */
import { expect, it } from 'vitest';
import type { z } from 'zod';
import { optimizerSchema } from '../../src/config/optimizer.js';
import { tensorOf } from '../../src/model/slab.js';
import { farthest, peerSteps, peers } from '../support/peer-steps.js';
import { bits } from '../support/slabs.js';

const spared = ['bias', 'gamma'];
const cases: Record<string, z.input<typeof optimizerSchema>> = {
  'adamw with groups': { adamw: { learningRate: 0.02, weightDecay: 0.3, noDecay: spared } },
  lion: { lion: { learningRate: 0.01, beta1: 0.8, beta2: 0.95 } },
  'lion with decay': { lion: { learningRate: 0.01, weightDecay: 0.5, noDecay: ['*/b*s', 'norm/*'] } },
};

it.each(Object.entries(cases))('%s', (name, config) => {
  const ours = peerSteps(optimizerSchema.parse(config));
  expect(farthest(ours, ours.parameters, peers.cases[name])).toBeLessThan(2e-6);
  // Wherever threads would cut the parameters: 16 floats are less than any kernel has.
  const cut = peerSteps(optimizerSchema.parse(config), [0, 16, 16, 80, 128, ours.layout.trainable]);
  expect(bits(cut.parameters)).toEqual(bits(ours.parameters));
  expect(cut.slots.map(bits)).toEqual(ours.slots.map(bits));
});

it('decays what no pattern names, and spares the rest as if there were no decay', () => {
  const of = (options: object) => {
    const { layout, parameters } = peerSteps(optimizerSchema.parse({ adamw: { learningRate: 0.02, ...options } }));
    return Object.fromEntries(layout.tensors.map((tensor) => [tensor.name, bits(tensorOf(parameters, tensor))]));
  };
  const all = of({ weightDecay: 0.3 });
  const none = of({ weightDecay: 0 });
  const some = of({ weightDecay: 0.3, noDecay: ['wide/*', 'gamma'] });
  expect(some).toEqual({ ...none, 'tall/kernel': all['tall/kernel'] });
  expect(all['wide/bias']).not.toEqual(none['wide/bias']);
});
