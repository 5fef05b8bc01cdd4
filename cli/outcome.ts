/** How commands tell of mistakes, and those that use a model of warnings too: beside their results, or as JSON among them. */

import { LockstepError, MemoryError } from '../src/errors.js';
import { memoryLimit } from '../src/ground/memory.js';
import { bytesText } from '../src/ground/units.js';
import type { ErrorEvent, Reporter } from '../src/report/events.js';
import { jsonReporter } from '../src/report/json.js';
import { plainReporter } from '../src/report/plain.js';
import { remember } from './streams.js';

/** Runs a command's work; a user's mistake sets the exit code. */
export async function reportMistakes(
  json: boolean | undefined,
  work: (warn: (message: string) => void) => Promise<void>,
): Promise<void> {
  const report: Reporter = json ? jsonReporter(process.stdout) : plainReporter(process.stderr);
  try {
    await work((message) => report({ event: 'warning', message }));
  } catch (error) {
    tellMistake(error, report);
  }
}

/** Reports a user's mistake and sets the exit code; anything else is a bug and is thrown on. */
export function tellMistake(thrown: unknown, report: (event: ErrorEvent) => void): void {
  const error = asMemoryError(thrown);
  if (!(error instanceof LockstepError)) throw error;
  const event: ErrorEvent = { event: 'error', code: error.code, message: error.problem, remedy: error.remedy };
  remember(event);
  report(event);
  process.exitCode = error.exitCode;
}

/** What V8, Node and the system say of memory that they have not; errors of threads are copies, and keep the message alone. */
const outOfMemory =
  /allocation failed|could not allocate memory|out of memory|Invalid (?:array buffer|typed array|string) length|Cannot create a (?:Buffer|string) (?:larger|longer)|bad_alloc|ENOMEM/i;

/** Memory that is not there is no bug: what cannot be known before it is asked for comes to light here. */
function asMemoryError(error: unknown): unknown {
  if (error instanceof LockstepError || !(error instanceof Error) || !outOfMemory.test(error.message)) return error;
  return new MemoryError(
    `the system gives no more memory (${error.message}); this process may have ${bytesText(memoryLimit())}`,
    'raise what the container or ulimit -v gives, use fewer --threads, a smaller data.memory, batch or model',
  );
}
