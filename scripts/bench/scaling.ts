/**
 * `npm run bench -- scaling`: weak scaling from one thread to two, each with a batch of its own. Two independent copies of the
 * run with one thread, at the same time on the same cores, show what the machine lets two threads have: caches, memory
 * and power are shared whatever the program does.
 */
import { copiesProbe, poolProbe } from './probes.js';
import { isModel, type Section } from './section.js';
import type { ModelName } from './workloads.js';

const threads = 2;
/** Of the throughput of as many copies. */
const targets: Readonly<Partial<Record<ModelName, number>>> = { mlp: 0.92, cnn: 0.95 };

export const scalingSection: Section = {
  name: 'scaling',
  description: 'Throughput of 2 threads over 2 independent copies of a run with 1, and over twice that of 1.',
  models: ['mlp', 'cnn'],
  probes: (model, { seconds }) =>
    isModel(model)
      ? [poolProbe(model, 1, seconds), poolProbe(model, threads, seconds), copiesProbe(model, threads, seconds)]
      : [],
  rows(model, { seconds }, measured) {
    if (!isModel(model)) return [];
    const rates = (of: readonly { readonly examplesPerSecond: number }[]) => of.map((one) => one.examplesPerSecond);
    const one = rates(measured.of(poolProbe(model, 1, seconds)));
    const ours = rates(measured.of(poolProbe(model, threads, seconds)));
    const row = { what: `scale ${model}, 1 to ${threads} threads`, unit: 'ex/s' as const, ours };
    const copies = measured.of(copiesProbe(model, threads, seconds));
    return [
      {
        ...row,
        peer: { name: `${threads} copies`, software: 'Lockstep', values: rates(copies) },
        target: targets[model],
      },
      {
        ...row,
        peer: { name: `${threads} x 1 thread`, software: 'Lockstep', values: one.map((rate) => threads * rate) },
      },
    ];
  },
};
