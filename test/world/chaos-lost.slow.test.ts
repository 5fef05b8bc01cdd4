/** Workers, connections and coordinators that are gone at once, in every phase: the run goes on to the weights and metrics of a quiet one. */
import { test } from 'vitest';
import { chaosConfig, chaotic, everyPhase, quietOutcome } from '../support/chaos.js';
import type { Kind } from '../support/faults.js';

/** One run for each line. A kind takes two to three epochs: faults follow each other within a step or two, each epoch validates, and on a busy machine some are done twice. */
const runs: readonly (readonly [epochs: number, kinds: readonly Kind[], processes: readonly string[]])[] = [
  [12, ['SIGKILL', 'coordinator SIGKILL'], ['a', 'coordinator']],
  [16, ['closed socket', 'truncated frame', 'corrupted payload', 'corrupted header'], []],
];
test.each(
  runs.map(([epochs, kinds, processes]) => [kinds.join(', '), chaosConfig('star', epochs), kinds, processes] as const),
)(
  '%s',
  async (_, config, kinds, processes) => chaotic(config, await quietOutcome(config), everyPhase(kinds), processes),
  240_000,
);
