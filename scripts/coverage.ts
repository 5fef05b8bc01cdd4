/**
 * `node dist/scripts/coverage.js [--sets 1000] [--examples 400] [--resamples 1000]`: how often the 95 % interval of a metric holds
 * the value of the whole population, over simulated data sets. It should be 93 to 97 % of them.
 */
import { parseArgs } from 'node:util';
import { uniformFloat32 } from 'pure-rand/distribution/uniformFloat32';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { keptExamples } from '../src/evaluate/kept-examples.js';
import { type HeadMetrics, RunMetrics } from '../src/evaluate/run-metrics.js';
import { resampled } from '../src/evaluate/uncertainty.js';
import { bell, randomStream } from '../src/ground/random.js';
import type { EvaluatedBatch } from '../src/metrics/evaluated-rows.js';
import type { MetricConfig } from '../src/metrics/families.js';

const { values } = parseArgs({
  options: {
    sets: { type: 'string', default: '1000' },
    examples: { type: 'string', default: '400' },
    resamples: { type: 'string', default: '1000' },
  },
});

/** A population: what a model says of an example that is drawn from it. */
interface Population {
  readonly head: HeadMetrics;
  draw(random: RandomGenerator): { readonly target: number; readonly outputs: readonly number[] };
}

const shape = {
  target: 'target',
  factor: 1,
  places: 1,
  threshold: 0,
  weighted: false,
  keepsAll: true,
  kind: 'logits',
} as const;
const metric = (...metrics: MetricConfig[]) => metrics;

const populations: readonly Population[] = [
  {
    head: {
      ...shape,
      ...{ outputs: 1, classes: false, binary: true },
      metrics: metric(
        'accuracy',
        'precision',
        'recall',
        'f1',
        'mcc',
        'auc',
        'averagePrecision',
        'logLoss',
        'brier',
        'calibrationError',
      ),
    },
    draw(random) {
      const target = Number(uniformFloat32(random) < 0.3);
      return { target, outputs: [2 * target - 1 + 1.3 * bell(random)] };
    },
  },
  {
    head: {
      ...shape,
      ...{ outputs: 4, classes: true, binary: false },
      metrics: metric(
        'accuracy',
        'balancedAccuracy',
        'cohenKappa',
        'logLoss',
        'calibrationError',
        { f1: { average: 'macro' } },
        { auc: { average: 'macro' } },
        { topKAccuracy: { k: 2 } },
        'mrr',
        { map: { k: 2 } },
        { ndcg: { k: 2, candidates: 2 } },
      ),
    },
    draw(random) {
      const target = Math.floor(4 * uniformFloat32(random));
      return { target, outputs: [0, 1, 2, 3].map((i) => 1.5 * Number(i === target) + bell(random)) };
    },
  },
  {
    head: {
      ...shape,
      ...{ outputs: 1, classes: false, binary: false },
      metrics: metric('mae', 'mse', 'rmse', 'r2', 'explainedVariance', 'medianAbsoluteError', {
        pinball: { quantile: 0.9 },
      }),
    },
    draw(random) {
      const target = bell(random);
      return { target, outputs: [0.8 * target + 0.5 * bell(random)] };
    },
  },
];

function sample({ draw, head }: Population, count: number, set: number) {
  const random = randomStream(`coverage of ${head.metrics.length}`, set);
  const drawn = Array.from({ length: count }, () => draw(random));
  const batch: EvaluatedBatch = {
    outputs: Float32Array.from(drawn.flatMap(({ outputs }) => [...outputs])),
    targets: drawn.map(({ target }) => target),
    losses: Float32Array.from(drawn, ({ target, outputs }) => (outputs[0] - target) ** 2),
    ...{ divisor: count, metrics: [] },
  };
  const metrics = new RunMetrics([head]);
  const kept = new Float32Array(count * metrics.kept);
  metrics.add([batch], new Float64Array(metrics.width), new Float64Array(metrics.counts), kept);
  const examples = keptExamples([head], kept);
  return { examples, scalars: metrics.ofKept(examples.outputs).scalars };
}

const [sets, examples, resamples] = [values.sets, values.examples, values.resamples].map(Number);
process.stdout.write(`${sets} sets of ${examples} examples, ${resamples} resamples, 95 % intervals\n`);
for (const population of populations) {
  const { scalars: truth } = sample(population, 1_000_000, -1);
  const held: Record<string, number> = {};
  for (let set = 0; set < sets; set++) {
    const { examples: kept, scalars } = sample(population, examples, set);
    const { intervals } = await resampled(kept, scalars, { confidence: 0.95, resamples, seed: set, threads: 1 });
    for (const [name, value] of Object.entries(truth)) {
      held[name] = (held[name] ?? 0) + Number(value >= intervals[name]?.low && value <= intervals[name]?.high);
    }
  }
  for (const [name, count] of Object.entries(held)) {
    process.stdout.write(`${name.padEnd(20)} ${((100 * count) / sets).toFixed(1)} %\n`);
  }
}
