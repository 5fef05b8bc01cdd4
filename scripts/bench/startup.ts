/** `npm run bench -- startup`: how long it takes until a run gets going. */
import { startupProbe } from './probes.js';
import type { Section } from './section.js';

/** Seconds. */
const targets = { firstStep: 1.5, compile: 0.5 };

export const startupSection: Section = {
  name: 'startup',
  description: 'Seconds to the first step of configs/digits.yaml, and to trace and compile a model.',
  models: [],
  probes: (subject) => (subject === 'machine' ? [startupProbe] : []),
  rows(subject, _, measured) {
    if (subject !== 'machine') return [];
    const all = measured.of(startupProbe);
    const compiled = `trace and compile ${all[0].kernels} kernels`;
    return [
      { what: 'first step of digits', unit: 's', ours: all.map((one) => one.firstStep), target: targets.firstStep },
      { what: compiled, unit: 's', ours: all.map((one) => one.compile), target: targets.compile },
    ];
  },
};
