/** How many workers are worth it, in words. */
import { grouped, percent } from '../ground/units.js';
import type { Mode, ScalePoint } from './record.js';
import { workersText } from './scale-text.js';

/** What the workers that are added have to give, as a part of what they would if they were ideal. */
const worthwhile = 0.5;

/** The last number of workers up to which each one was worth it. @param points of one mode, by number of workers */
function worthOf(points: readonly ScalePoint[]): ScalePoint {
  let best = points[0];
  for (const point of points.slice(1)) {
    if (gainOf(best, point) >= worthwhile && isFaster(point, best)) best = point;
  }
  return best;
}

/** What the added workers give, as a part of what the ones before do for each of them. */
function gainOf(before: ScalePoint, point: ScalePoint): number {
  const more = point.examplesPerSecond.median / before.examplesPerSecond.median - 1;
  return more / (point.workers / before.workers - 1);
}

/** Whether every run of one is faster than all of the other, and by more, at the median, than repeats of either differ. */
function isFaster({ examplesPerSecond: fast }: ScalePoint, { examplesPerSecond: slow }: ScalePoint): boolean {
  const apart = Math.max(fast.max - fast.min, slow.max - slow.min);
  return fast.min > slow.max && fast.median - slow.median > apart;
}

/** @param points of one mode, by number of workers; at least one */
export function adviceOf(mode: Mode, points: readonly ScalePoint[]): string {
  const best = worthOf(points);
  const [base] = points;
  const title = mode === 'strong' ? 'Same batch' : 'Batch grows with the workers';
  const rate = `${grouped(best.examplesPerSecond.median)} examples/s`;
  const found =
    best === base
      ? `${workersText(base.workers)}: ${rate}.`
      : `${workersText(best.workers)}: ${rate}, ${best.speedup.toFixed(2)} times ${workersText(base.workers)} (efficiency ${percent(best.efficiency)}).`;
  const others = points.filter(({ workers }) => workers > best.workers).map((point) => notWorth(best, point));
  return [`${title}: worth it ${best.workers === 1 ? 'is' : 'are'} ${found}`, ...others].join(' ');
}

function notWorth(best: ScalePoint, point: ScalePoint): string {
  const change = point.examplesPerSecond.median / best.examplesPerSecond.median - 1;
  const times = `${(point.workers / best.workers).toFixed(1).replace('.0', '')} times the workers`;
  if (isFaster(point, best)) return `${point.workers} give ${percent(change)} more for ${times}.`;
  if (isFaster(best, point)) return `${point.workers} are ${percent(-change)} slower.`;
  return `${point.workers} are no clear ${change > 0 ? 'gain' : 'loss'}: ${percent(Math.abs(change))} at the median, less than the runs differ among themselves.`;
}
