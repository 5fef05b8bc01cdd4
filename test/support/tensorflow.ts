/** Whether backend `tensorflow` is here: it is an optional install. */
import { loadBackend } from '../../src/engine/backends.js';
import { EngineError } from '../../src/errors.js';

/** Why it is not; leaves backend `cpu` the current one. */
export async function tensorflowMissing(): Promise<string | undefined> {
  try {
    await loadBackend('tensorflow');
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return error.problem;
  } finally {
    await loadBackend('cpu');
  }
}
