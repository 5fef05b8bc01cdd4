/** What workers are told of the end of their run. */
import { LockstepError, WireError } from '../../src/errors.js';
import { asProse } from '../../src/wire/checks.js';
import type { RunEnding } from '../../src/wire/messages.js';

/**
 * @param failure what ended the run; undefined where it came to its end
 * @param signal that can have stopped it
 */
export function endingOf(failure: unknown, signal: AbortSignal | undefined): RunEnding {
  if (failure instanceof LockstepError) {
    // Workers that were missing may come when the run is started again.
    if (failure instanceof WireError)
      return { reason: asProse(`the run was given up: ${failure.problem}`), outcome: 'unfinished' };
    return { reason: asProse(failure.problem), outcome: 'failed' };
  }
  if (signal?.aborted) return { reason: 'the run was stopped', outcome: 'unfinished' };
  if (failure === undefined) return { reason: 'the run is over', outcome: 'over' };
  return { reason: 'the coordinator ended by a bug, which its output shows', outcome: 'failed' };
}
