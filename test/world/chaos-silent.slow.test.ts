/** Workers that say nothing, and frames that come late, twice or in another order, in every phase: weights and metrics are those of a quiet run. */
import { beforeAll, test } from 'vitest';
import { chaosConfig, chaotic, everyPhase, type Outcome, quietOutcome } from '../support/chaos.js';
import { harmless, type Kind } from '../support/faults.js';

const config = chaosConfig('star', 10);
const patient = chaosConfig('star', 10, 30);
let quiet: Outcome;
beforeAll(async () => {
  quiet = await quietOutcome(config);
});

/**
 * One run for each line, of up to three kinds, each of which takes up to three epochs. They wait most of the time, and where that is
 * looked at, by a coordinator that does nothing else.
 */
const runs: readonly (readonly [object, readonly Kind[], string[]])[] = [
  [config, ['SIGSTOP'], ['a', 'coordinator']],
  [config, ['black hole'], ['coordinator']],
  [patient, harmless, []],
];
test.concurrent.each(runs.map(([given, kinds, processes]) => [kinds.join(', '), given, kinds, processes] as const))(
  '%s',
  (_, given, kinds, processes) => chaotic(given, quiet, everyPhase(kinds), processes),
);
