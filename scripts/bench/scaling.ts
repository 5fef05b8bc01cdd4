/**
 * `npm run bench -- scaling`: weak scaling from one thread to two, each with a batch of its own. Two independent copies of the
 * run with one thread, at the same time on the same cores, show what the machine lets two threads have: caches, memory
 * and power are shared whatever the program does.
 */
import { median } from './measurement.js';
import { copiesProbe, poolProbe } from './probes.js';
import type { Section } from './section.js';

const threads = 2;
/** Copies that hardly ran at the same time tell nothing. */
const fairOverlap = 0.8;

export const scalingSection: Section = {
  name: 'scaling',
  description: 'Throughput of 2 threads over 2 independent copies of a run with 1, and over twice that of 1.',
  models: ['mlp', 'cnn'],
  probes: (model, { seconds }) =>
    model === 'machine'
      ? []
      : [poolProbe(model, 1, seconds), poolProbe(model, threads, seconds), copiesProbe(model, threads, seconds)],
  rows(model, { seconds }, measured) {
    if (model === 'machine') return [];
    const rates = (of: readonly { readonly examplesPerSecond: number }[]) => of.map((one) => one.examplesPerSecond);
    const one = rates(measured.of(poolProbe(model, 1, seconds)));
    const ours = { unit: 'ex/s' as const, ours: rates(measured.of(poolProbe(model, threads, seconds))) };
    const copies = measured.of(copiesProbe(model, threads, seconds));
    const overlap = median(copies.map((each) => each.overlap));
    if (overlap < fairOverlap) {
      const share = `${Math.round(100 * overlap)} %`;
      process.stderr.write(`${model}: the copies ran at the same time for ${share} of theirs; measure for longer\n`);
    }
    return [
      {
        ...{ what: `scale ${model}, 1 to ${threads} threads`, ...ours },
        peer: { name: `${threads} copies`, software: 'Lockstep', values: rates(copies) },
        target: targets[model],
      },
      {
        ...{ what: `scale ${model}, 1 to ${threads} threads`, ...ours },
        peer: { name: `${threads} x 1 thread`, software: 'Lockstep', values: one.map((rate) => threads * rate) },
      },
    ];
  },
};

const targets: Readonly<Partial<Record<string, number>>> = { mlp: 0.92, cnn: 0.95 };
