/** Workers, connections and coordinators that are gone at once, in every phase: the run goes on to the weights and metrics of a quiet one. */
import { test } from 'vitest';
import { chaosConfig, chaotic, everyPhase, quietOutcome } from '../support/chaos.js';
import type { Kind } from '../support/faults.js';

/** One run for each line. A kind takes up to three epochs: faults follow each other within a step or two, each epoch validates, and on a busy machine some are done twice. */
const runs = [
  // On one host each of the two speaks for both in half of the gradient.
  { epochs: 5, kinds: ['SIGKILL', 'coordinator SIGKILL'], processes: ['coordinator'], host: 'another' },
  { epochs: 16, kinds: ['closed socket', 'truncated frame', 'corrupted payload', 'corrupted header'], processes: [] },
] as const satisfies readonly { epochs: number; kinds: readonly Kind[]; processes: readonly string[]; host?: string }[];

test.each(runs.map((run) => [run.kinds.join(', '), run] as const))(
  '%s',
  async (_, { epochs, kinds, processes, ...more }) => {
    const config = chaosConfig('star', epochs);
    const host = 'host' in more ? more.host : undefined;
    await chaotic(config, await quietOutcome(config), everyPhase(kinds, host !== undefined), processes, host);
  },
);
