/** Faults of every kind between workers that exchange gradients by themselves: the result is that of a quiet run. */
import { test } from 'vitest';
import { type Chaos, chaosConfig, chaotic, quietOutcome } from '../support/chaos.js';
import { harmless, type Kind } from '../support/faults.js';

const kinds: readonly Kind[] = [
  ...(['closed socket', 'truncated frame', 'corrupted payload', 'corrupted header', 'black hole'] as const),
  ...(['SIGKILL', 'SIGSTOP', 'coordinator SIGKILL'] as const),
];

test.each([
  [kinds, chaosConfig('butterfly', 5), ['a', 'coordinator']],
  [harmless, chaosConfig('butterfly', 3, 30), []],
] as const)('%s: weights and metrics are those of a quiet run', async (each, config, processes) => {
  const faults = async (chaos: Chaos) => {
    for (const kind of each) await chaos.suffer(kind, 'exchanging with a peer');
  };
  await chaotic(config, await quietOutcome(config), faults, processes);
});
