/** How many workers are worth it, and why no more: in words, from simulations in which one cost at a time is none. */

import { grouped, percent } from '../ground/units.js';
import type { CostModel, CostName } from './cost.js';
import type { ProjectionRow } from './row.js';
import type { Scenario } from './scenario.js';
import { simulateTrial } from './trial.js';

/** Limits that shorten a step by less, were they not there, are not worth a word. */
const smallest = 0.05;
const mostNamed = 3;

interface Limit {
  readonly what: string;
  readonly without: (model: CostModel, scenario: Scenario) => readonly [CostModel, Scenario];
}

const free = (what: string, ...names: CostName[]): Limit => ({
  what,
  without: (model, scenario) => {
    const none = Object.fromEntries(names.map((name) => [name, 0]));
    return [{ ...model, costs: { ...model.costs, ...none } }, scenario];
  },
});

const limits: readonly Limit[] = [
  {
    what: 'the bandwidth of the network',
    without: (model, scenario) => [model, { ...scenario, bandwidth: Number.POSITIVE_INFINITY }],
  },
  { what: 'the latency of the network', without: (model, scenario) => [model, { ...scenario, latency: 0 }] },
  { what: 'waiting for stragglers', without: (model, scenario) => [model, { ...scenario, stragglers: 0 }] },
  { what: 'failures', without: (model, scenario) => [model, { ...scenario, failures: 0 }] },
  free('packing, copying and adding up what is sent', 'byte'),
  free('handling messages, one by one', 'message'),
  free('the time until messages are noticed', 'wake'),
  free('the fixed cost of a step on each worker', 'shard'),
  free('updating all parameters on each worker', 'update'),
  free('workers of a host that slow each other down', 'contention'),
];

export interface Judged {
  readonly model: CostModel;
  readonly scenario: Scenario;
  readonly best: readonly ProjectionRow[];
  readonly worth: number;
  readonly worthwhile: number;
  readonly seed: number;
}

export function projectionVerdict(judged: Judged): string[] {
  const { best, worth } = judged;
  const last = best.at(-1)!;
  // Where it no longer pays, or as far as was asked.
  const next = best.find(({ workers }) => workers > worth) ?? last;
  const sentences = [worthSentence(judged, next), limitSentence(judged, next)];
  if (next === last) return sentences;
  const end = `At ${grouped(last.workers)} workers ${last.reduction} is best, with an efficiency of ${percent(last.efficiency)}.`;
  return [...sentences, end];
}

function worthSentence({ best, worth, worthwhile }: Judged, next: ProjectionRow): string {
  const row = best.find(({ workers }) => workers === worth);
  const gain = next.speedup / (row?.speedup ?? 1);
  const but = `${grouped(next.workers)} give ${gain.toFixed(2)} times the throughput, less than ${worthwhile} a doubling`;
  if (!row) return `One worker alone is worth it, and no more: ${but}.`;
  const what = `${row.reduction}, ${row.speedup.toFixed(1)} times one worker, efficiency ${percent(row.efficiency)}`;
  if (next.workers <= worth) return `All of the ${grouped(worth)} workers are worth it (${what}).`;
  return `${grouped(worth)} workers are worth it (${what}): ${but}.`;
}

function limitSentence(judged: Judged, next: ProjectionRow): string {
  const causes = causesOf(judged, next).map(({ what, gain }) => `${what} (by ${percent(gain)})`);
  const at = `At ${grouped(next.workers)} workers (${next.reduction}) the efficiency is ${percent(next.efficiency)}`;
  if (causes.length === 0) return `${at}, and nothing but computing takes ${percent(smallest)} of a step.`;
  return `${at}. A step would be shorter without ${causes.join(', without ')}.`;
}

/** What shortens the step most, were it not there. */
function causesOf({ model, scenario, seed }: Judged, { workers, reduction, mean }: ProjectionRow) {
  return limits
    .map(({ what, without }) => {
      const trial = simulateTrial(...without(model, scenario), workers, reduction, seed);
      return { what, gain: 1 - (1000 * trial.mean) / mean };
    })
    .filter(({ gain }) => gain >= smallest)
    .sort((a, b) => b.gain - a.gain)
    .slice(0, mostNamed);
}
