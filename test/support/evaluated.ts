/** What a saved model comes to, where nobody asks how sure that is. */
import { evaluate } from '../../coordinator/inference/evaluate.js';
import type { Metrics } from '../../src/report/events.js';

/** Loss and metrics without their intervals, which take a thousand draws. */
export async function metricsOf(...[place, options]: Parameters<typeof evaluate>): Promise<Metrics> {
  const overrides = [...(options?.overrides ?? []), 'evaluation.resamples=0'];
  return (await evaluate(place, { ...options, overrides })).metrics;
}
