/** Workers, connections and coordinators that are gone at once, in every phase: the run goes on to the weights and metrics of a quiet one. */
import { test } from 'vitest';
import { chaosConfig, chaotic, everyPhase, quietOutcome } from '../support/chaos.js';
import type { Kind } from '../support/faults.js';

/** One run for each line. A kind takes three epochs, and up to seven on a busy machine, where some faults are done twice: what is left after the last one is soon over. */
const runs = [
  // On one host each of the two speaks for both in half of the gradient.
  { epochs: 8, kinds: ['SIGKILL', 'coordinator SIGKILL'], processes: ['coordinator'], host: 'another' },
  { epochs: 28, kinds: ['closed socket', 'truncated frame', 'corrupted payload', 'corrupted header'], processes: [] },
] as const satisfies readonly { epochs: number; kinds: readonly Kind[]; processes: readonly string[]; host?: string }[];

test.each(runs.map((run) => [run.kinds.join(', '), run] as const))(
  '%s',
  async (_, { epochs, kinds, processes, ...more }) => {
    const config = chaosConfig('star', epochs);
    const host = 'host' in more ? more.host : undefined;
    await chaotic(config, await quietOutcome(config), everyPhase(kinds, host !== undefined), processes, host);
  },
);
