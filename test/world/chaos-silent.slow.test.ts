/** Workers that say nothing, and frames that come late, twice or in another order, in every phase: the weights are those of a quiet run. */
import { beforeAll, test } from 'vitest';
import { chaosConfig, chaotic, everyPhase, quietHash } from '../support/chaos.js';
import { harmless, type Kind } from '../support/faults.js';

const config = chaosConfig('star', 8);
const patient = chaosConfig('star', 8, 30);
let quiet = '';
beforeAll(async () => {
  quiet = await quietHash(config);
}, 60_000);

/** One run for each line. They wait most of the time. */
const runs: readonly (readonly [object, readonly Kind[]])[] = [
  [config, ['SIGSTOP']],
  [config, ['black hole']],
  [patient, harmless],
];
test.concurrent.each(runs.map(([given, kinds]) => [kinds.join(', '), given, kinds] as const))(
  '%s',
  (_, given, kinds) => chaotic(given, quiet, everyPhase(kinds)),
  240_000,
);
