/** Workers that say nothing, and frames that come late, twice or in another order, in every phase: the weights are those of a quiet run. */
import { beforeAll, test } from 'vitest';
import { chaosConfig, chaotic, everyPhase, quietHash } from './support/chaos.js';
import type { Kind } from './support/faults.js';

const config = chaosConfig('star', 16);
let quiet = '';
beforeAll(async () => {
  quiet = await quietHash(config);
}, 60_000);

/** One run for each line. They wait most of the time. */
const runs: readonly (readonly Kind[])[] = [
  ['SIGSTOP'],
  ['black hole'],
  ['duplicated frame', 'delayed frames', 'reordered frames'],
];
test.concurrent.each(runs.map((kinds) => [kinds.join(', '), kinds] as const))(
  '%s',
  (_, kinds) => chaotic(config, quiet, everyPhase(kinds)),
  240_000,
);
