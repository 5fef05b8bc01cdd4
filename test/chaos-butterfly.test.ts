/** Faults of every kind between workers that exchange gradients by themselves: the result is that of a quiet run. */
import { test } from 'vitest';
import { chaosConfig, chaotic, quietHash } from './support/chaos.js';
import type { Kind } from './support/faults.js';

const config = chaosConfig('butterfly', 32);
const kinds: readonly Kind[] = [
  ...(['closed socket', 'truncated frame', 'corrupted payload', 'corrupted header', 'black hole'] as const),
  ...(['duplicated frame', 'delayed frames', 'reordered frames', 'SIGKILL', 'SIGSTOP', 'coordinator SIGKILL'] as const),
];

test('the weights are those of a quiet run', async () => {
  await chaotic(config, await quietHash(config), async (chaos) => {
    for (const kind of kinds) await chaos.suffer(kind, 'exchanging with a peer');
  });
}, 240_000);
