/** Workers, connections and coordinators that are gone at once, in every phase: the run goes on to the weights of a quiet one. */
import { beforeAll, test } from 'vitest';
import { chaosConfig, chaotic, everyPhase, quietHash } from './support/chaos.js';
import type { Kind } from './support/faults.js';

const config = chaosConfig('star', 16);
let quiet = '';
beforeAll(async () => {
  quiet = await quietHash(config);
}, 60_000);

/** One run for each line. */
const runs: readonly (readonly Kind[])[] = [
  ['SIGKILL'],
  ['coordinator SIGKILL'],
  ['closed socket', 'truncated frame', 'corrupted payload', 'corrupted header'],
];
test.each(runs.map((kinds) => [kinds.join(', '), kinds] as const))(
  '%s',
  (_, kinds) => chaotic(config, quiet, everyPhase(kinds)),
  240_000,
);
