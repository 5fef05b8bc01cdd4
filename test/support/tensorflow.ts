/** Whether backend `tensorflow` is here: it is an optional install. */
import { loadBackend } from '../../src/engine/backends.js';
import { EngineError } from '../../src/errors.js';

/** Says why when it is not; leaves backend `cpu` the current one. */
export async function tensorflowLoads(): Promise<boolean> {
  try {
    await loadBackend('tensorflow');
    return true;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    console.warn(`tests of backend tensorflow are skipped: ${error.problem}`);
    return false;
  } finally {
    await loadBackend('cpu');
  }
}
