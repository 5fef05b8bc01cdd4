/** Waiting for what no event tells. */
import { setTimeout as sleep } from 'node:timers/promises';
import { patience } from './patience.js';

/** Asks again and again. @throws where it does not hold in time */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const start = performance.now(); !holds(); await sleep(10)) {
    if (performance.now() - start > patience) throw new Error(`not within ${patience} ms: ${what}`);
  }
}
