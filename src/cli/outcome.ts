/** How commands tell of mistakes, and those that use a model of warnings too: beside their results, or as JSON among them. */
import { LockstepError } from '../errors.js';
import type { ErrorEvent, Reporter } from '../report/events.js';
import { jsonReporter } from '../report/json.js';
import { plainReporter } from '../report/plain.js';
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
export function tellMistake(error: unknown, report: (event: ErrorEvent) => void): void {
  if (!(error instanceof LockstepError)) throw error;
  const event: ErrorEvent = { event: 'error', code: error.code, message: error.problem, remedy: error.remedy };
  remember(event);
  report(event);
  process.exitCode = error.exitCode;
}
