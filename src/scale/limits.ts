/**
 * What limits: where the time goes that a step with more workers takes beyond the ideal. Every rule and threshold is here.
 * The ideal has each phase of the fewest workers: as it is where the batch grows with the workers (weak), divided by
 * them where the batch stays (strong).
 */
import { bytesText, percent } from '../ground/units.js';
import { stepOf } from './points.js';
import type { Kind, ScaleFinding, ScalePoint } from './record.js';
import { coresText, short, workersText } from './scale-text.js';

/** A cause is named when it costs so much of the step. */
const worthNaming = 0.08;
/** From this efficiency on nothing limits. */
const nearIdeal = 0.95;
/** Bytes of gradients for each worker and step above which time follows bytes (bandwidth), and not messages (latency). */
const manyBytes = 1 << 18;

/** Of points of the same mode. @param cores of the machine */
export interface Surroundings {
  readonly kind: Kind;
  readonly cores: number;
}

/** What limits a point, compared with the point of the fewest workers; what costs most first. */
export function limitsOf(base: ScalePoint, point: ScalePoint, { kind, cores }: Surroundings): ScaleFinding[] {
  if (point.workers === base.workers || point.efficiency >= nearIdeal) return [];
  const step = stepOf(point);
  const apart = [computing(base, point), behind(base, point), waiting(base, point, kind)];
  const causes = [
    // Who has no core waits, and makes others wait: that is one cause.
    ...(point.workers > cores ? [sharing(base, point, cores, apart)] : apart),
    memory(base, point),
    ...(kind === 'processes' ? [exchanging(base, point)] : []),
  ];
  return causes
    .filter(({ milliseconds }) => milliseconds >= worthNaming * step)
    .sort((a, b) => b.milliseconds - a.milliseconds)
    .map(({ cause, milliseconds, why }) => ({
      mode: point.mode,
      workers: point.workers,
      cause,
      milliseconds,
      text: `${titles[cause]}: ${ms(milliseconds)} of a step of ${ms(step)} (${percent(milliseconds / step)}). ${why}`,
    }));
}

interface Cause {
  readonly cause: ScaleFinding['cause'];
  readonly milliseconds: number;
  /** With the numbers that say so. */
  readonly why: string;
}

const titles: Readonly<Record<ScaleFinding['cause'], string>> = {
  cores: 'cores shared',
  memory: 'bandwidth of memory',
  bandwidth: 'bandwidth',
  latency: 'latency',
  dispatch: 'dispatch',
  stragglers: 'stragglers',
  shards: 'shards that do not divide',
};

/** What a phase would take with more workers, were they ideal. */
const idealPart = (base: ScalePoint, point: ScalePoint): number =>
  point.mode === 'strong' ? base.workers / point.workers : 1;

/** Milliseconds of computing, and how much longer than the ideal that is. */
function computed(base: ScalePoint, point: ScalePoint): { readonly more: number; readonly growth: string } {
  const ideal = idealPart(base, point) * (base.split.compute + base.split.gather);
  const now = point.split.compute + point.split.gather;
  return { more: now - ideal, growth: percent(now / ideal - 1) };
}

function computing(base: ScalePoint, point: ScalePoint): Cause {
  const { more, growth } = computed(base, point);
  const why = `Computing the same examples takes ${growth} longer with ${workersText(point.workers)} than with ${workersText(base.workers)}, although each could have a core: they share caches, memory and clock, and whatever else runs here.`;
  return { cause: 'cores', milliseconds: more, why };
}

function sharing(base: ScalePoint, point: ScalePoint, cores: number, causes: readonly Cause[]): Cause {
  const { growth } = computed(base, point);
  const milliseconds = causes.reduce((sum, cause) => sum + cause.milliseconds, 0);
  const why = `${workersText(point.workers)} share ${coresText(cores)}: computing the same examples takes ${growth} longer than with ${workersText(base.workers)}, and whoever has no core is waited for.`;
  return { cause: 'cores', milliseconds, why };
}

function memory(base: ScalePoint, point: ScalePoint): Cause {
  const moving = ({ split }: ScalePoint) => split.reduce + split.update;
  const ideal = idealPart(base, point) * moving(base);
  const { reduce, update } = point.split;
  const why = `Adding up gradients takes ${ms(reduce)}, the optimizer ${ms(update)}; together ${ms(ideal)} would be ideal. These move whole slabs through memory, however few examples a worker has.`;
  return { cause: 'memory', milliseconds: moving(point) - ideal, why };
}

/** Sums that cross sockets; waiting for whoever computes longest is a part of that, and told by itself. */
function exchanging(base: ScalePoint, point: ScalePoint): Cause {
  const ideal = idealPart(base, point) * base.split.exchange;
  const milliseconds = point.split.exchange - point.spread - ideal;
  const bytes = (point.bytesPerStep ?? 0) / point.workers;
  const rate = bytes / Math.max(1e-9, point.split.exchange - point.spread) / 1000;
  return bytes >= manyBytes
    ? {
        cause: 'bandwidth',
        milliseconds,
        why: `Each worker sends ${bytesText(bytes)} of gradients a step, at ${rate.toFixed(0)} MB/s.`,
      }
    : {
        cause: 'latency',
        milliseconds,
        why: `Each worker sends only ${bytesText(bytes)} of gradients a step: the exchange is messages there and back, not bytes.`,
      };
}

function behind(base: ScalePoint, point: ScalePoint): Cause {
  const milliseconds = point.spread - idealPart(base, point) * base.spread;
  if (point.shards % point.workers !== 0) {
    const most = Math.ceil(point.shards / point.workers);
    const why = `${point.shards} shards on ${point.workers} workers: some compute ${most}, others fewer, and wait. A number of shards that is a multiple of the workers would not.`;
    return { cause: 'shards', milliseconds, why };
  }
  const why = `The slowest worker of a step computes ${ms(point.spread)} longer than the mean, and all wait for it; of the step they wait ${percent(waitShare(point))}.`;
  return { cause: 'stragglers', milliseconds, why };
}

const waitShare = (point: ScalePoint): number => (point.split.wait + point.split.exchange) / stepOf(point);

/** Waiting that nobody's computing explains: barriers, word of what to do next, threads that have to be woken up. */
function waiting(base: ScalePoint, point: ScalePoint, kind: Kind): Cause {
  // Threads wait for the slowest at their barrier, workers in their exchange.
  const explained = kind === 'threads' ? point.spread : 0;
  const before = Math.max(0, base.split.wait - (kind === 'threads' ? base.spread : 0));
  const milliseconds = point.split.wait - explained - idealPart(base, point) * before;
  const each = point.split.compute;
  const why = `A worker computes ${ms(each)} of a step: ${kind === 'threads' ? 'barriers' : 'messages that start and commit the step'} and waking up weigh as much as ${percent(milliseconds / Math.max(1e-9, each))} of that. A larger batch for each worker would hide it.`;
  return { cause: 'dispatch', milliseconds, why };
}

const ms = (value: number): string => `${short(value)} ms`;
