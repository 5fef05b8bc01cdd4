/** Workers, connections and coordinators that are gone at once, in every phase: the run goes on to the weights and metrics of a quiet one. */
import { test } from 'vitest';
import { chaosConfig, chaotic, everyPhase, quietOutcome } from '../support/chaos.js';
import type { Kind } from '../support/faults.js';

/** One run for each line. A kind takes two epochs at most: faults follow each other within a step or two, and each epoch validates. */
const runs: readonly (readonly [epochs: number, kinds: readonly Kind[], processes: readonly string[]])[] = [
  [9, ['SIGKILL', 'coordinator SIGKILL'], ['a', 'coordinator']],
  [11, ['closed socket', 'truncated frame', 'corrupted payload', 'corrupted header'], []],
];
test.each(
  runs.map(([epochs, kinds, processes]) => [kinds.join(', '), chaosConfig('star', epochs), kinds, processes] as const),
)(
  '%s',
  async (_, config, kinds, processes) => chaotic(config, await quietOutcome(config), everyPhase(kinds), processes),
  240_000,
);
