/** What ONNX Runtime takes when a session is made and refuses when it runs: told by the operator, not as a bug. */
import { UnsupportedModelError } from '../../errors.js';

/** @returns undefined where an error is about something else, such as memory that is not there */
export function refusedAtRun(error: unknown): UnsupportedModelError | undefined {
  if (!(error instanceof Error)) return undefined;
  const [, operator, reason] =
    /Non-zero status code returned while running (\w+) node\.[\s\S]*?Status Message:\s*([^\n]*)/.exec(error.message) ??
    [];
  if (operator === undefined || /alloc/i.test(reason)) return undefined;
  return new UnsupportedModelError(
    `ONNX Runtime refuses to run the operator ${operator} of the compiled model (${reason.trim()})`,
    'use --engine tfjs, or change the layer that needs it',
  );
}
