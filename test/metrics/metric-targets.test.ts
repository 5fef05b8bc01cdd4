/**
 * Every metric on every kind of target, under every loss: the value that Keras and scikit-learn give, or an error with a
 * remedy; and what a run watches that is never a number. Keras 3.15.1, scikit-learn 1.9, by scripts/peers/losses_and_metrics.py.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkMetrics } from '../../coordinator/prepare/check-metrics.js';
import { metricSpecs } from '../../coordinator/prepare/specs.js';
import { ConfigError } from '../../src/errors.js';
import type { MetricConfig } from '../../src/metrics/families.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { scored } from '../support/metrics.js';
import { partsOf } from '../support/parts.js';
import { trained } from '../support/runs.js';
import { configOf, evaluated, golden } from '../support/targets.js';

const metrics = ['accuracy', 'topKAccuracy', 'mae', 'mse', 'r2'];
const rows = ['oneHot', 'multiHot', 'softRows', 'offRows', 'realRows'];
/** The kinds that each loss takes (test/data/loss-targets.slow.test.ts). */
const numbers = ['zeroOne', 'signs', 'oneTwo', 'hundred', 'soft', 'real', 'counts', 'threeSigns', ...rows];
const kinds: Readonly<Record<string, readonly string[]>> = {
  meanSquaredError: numbers,
  meanAbsoluteError: numbers,
  huber: numbers,
  binaryCrossentropy: ['zeroOne', 'soft', 'oneHot', 'multiHot', 'softRows', 'offRows', 'classes2'],
  categoricalCrossentropy: ['oneHot', 'softRows', 'classes2', 'classes3'],
  sparseCategoricalCrossentropy: ['classes2', 'classes3'],
  hinge: ['zeroOne', 'signs', 'oneHot', 'multiHot', 'classes2'],
};

/** The rule: errors are of numbers, accuracy of classes, however they are written. */
function fits(loss: string, kind: string, metric: string): boolean {
  const isClass = kind.startsWith('classes');
  if (!metric.includes('ccuracy')) return !isClass;
  const isTwo = loss === 'binaryCrossentropy' || loss === 'hinge';
  if (metric === 'topKAccuracy') return !isTwo && (isClass || kind === 'oneHot' || loss === 'categoricalCrossentropy');
  if (isClass || kind === 'oneHot' || loss === 'categoricalCrossentropy') return true;
  if (isTwo) return ['zeroOne', 'signs', 'multiHot'].includes(kind);
  // Linear outputs tell -1 from 1 by their sign.
  return kind === 'signs';
}

describe.each(Object.keys(kinds))('under %s', (loss) => {
  it.each(kinds[loss])('metrics of targets %s', async (kind) => {
    const config = configOf(loss, kind, golden.targets[kind]);
    const { dataset, targets: asked, step, outputs, losses } = await evaluated(config);
    for (const metric of metrics) {
      const measuring = (name: string) => asked.map((target) => ({ ...target, metrics: [name as MetricConfig] }));
      const named = asked.map((target) => ({
        ...target,
        metrics: [metric === 'topKAccuracy' ? { topKAccuracy: { k: 2 } } : metric] as MetricConfig[],
      }));
      const specs = metricSpecs(named, dataset, step);
      const check = () => checkMetrics(named, specs, () => {});
      const where = `${metric} of ${kind}`;
      if (!fits(loss, kind, metric)) {
        expect(check, where).toThrow(ConfigError);
        expect(check, where).toThrow(`metrics.0: ${metric} `);
        const better = /use (\w+)/.exec((failureOf(check) as ConfigError).remedy)![1];
        if (better !== 'accuracy' || fits(loss, kind, 'accuracy')) {
          const other = measuring(better);
          expect(() => checkMetrics(other, metricSpecs(other, dataset, step), () => {}), where).not.toThrow();
        }
        continue;
      }
      expect(check, where).not.toThrow();
      const { targets } = partsOf(dataset.examples);
      const batch = { outputs, targets, losses, divisor: losses.length, metrics: [] };
      const actual = scored(specs[0], [batch])[metric];
      const expected = golden.metrics[loss][kind][metric];
      if (expected === null) continue;
      expect(Math.abs(actual - expected!), where).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected!)));
    }
  });
});

function failureOf(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

it('topKAccuracy of as many as there are classes is said to be always 1', async () => {
  const config = {
    ...configOf('categoricalCrossentropy', 'classes3', golden.targets.classes3),
    metrics: ['topKAccuracy'],
  };
  const { dataset, targets, step } = await evaluated(config as never);
  const warnings: string[] = [];
  checkMetrics(targets, metricSpecs(targets, dataset, step), (message) => warnings.push(message));
  expect(warnings).toEqual(['topKAccuracy is always 1: k is 5, and there are 3 classes']);
});

describe('what is watched and never a number', () => {
  const folder = temporaryFolder();
  const config = (data: object, training: object, metrics: unknown[]) => ({
    data: { source: 'values', features: [1, 2, 3, 4], ...data },
    model: { layers: [{ dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    metrics,
    training: { epochs: 4, batchSize: 'all', ...training },
  });

  it.each([
    ['one example', { targets: [1, 2, 3, 4], validation: 0.25 }, 'it has one example only'],
    ['equal targets', { targets: [5, 5, 5, 5], validation: 0.5 }, 'all its targets are the same'],
  ])('is refused where that is known: R² of %s', async (name, data, why) => {
    const watched = writeConfig(folder, `watched ${name}`, config(data, { monitor: 'r2' }, ['r2']));
    await expect(trained(watched, [], join(folder, 'none'))).rejects.toThrow(
      `training.monitor: r2 of the validation split is never a number: ${why}`,
    );
    // What the remedy says.
    const { events } = await trained(watched, ['training.monitor=loss'], join(folder, 'runs'));
    const said = events.flatMap((event) => (event.event === 'warning' ? event.message : []));
    expect(said).toEqual([expect.stringContaining(`r2 of the validation split is not a number: ${why}`)]);
  });

  it('is said once where it turns out: early stopping and restoreBest do not wait in silence', async () => {
    const module = join(folder, 'none.mjs');
    writeFileSync(module, 'export const none = (tf, targets) => tf.mul(tf.mean(targets, -1), NaN);\n');
    const metric = { custom: { name: 'none', module } };
    const training = { monitor: 'none', earlyStopping: { patience: 2 }, restoreBest: true };
    const data = { targets: [1, 2, 3, 4], validation: 0.5 };
    const file = writeConfig(folder, 'nothing', config(data, training, [metric]));
    const { events, end } = await trained(file, [], join(folder, 'runs'));
    const said = events.flatMap((event) => (event.event === 'warning' ? event.message : []));
    expect(said).toEqual([
      expect.stringContaining('training.monitor: none is NaN after epoch 1: such an epoch is never the best'),
      expect.stringContaining("restoreBest: none was a number in no epoch: the last one's parameters stay"),
    ]);
    expect(end).toMatchObject({ stoppedEarly: true, epochs: 2, bestEpoch: null });
  });
});

it('what metrics keep of each example is bounded, by all outputs together', () => {
  const spec = { factor: 1, outputs: 65, places: 100, classes: true, threshold: 0, binary: false, weighted: false };
  const metrics: MetricConfig[] = [{ auc: { average: 'macro' } }];
  const named = (target: string, outputs: number) => ({ ...spec, target, outputs, metrics });
  const check = (...specs: ReturnType<typeof named>[]) => checkMetrics([], specs, () => {});
  expect(() => check(named('a', 65))).not.toThrow();
  expect(() => check(named('a', 65), named('b', 10))).not.toThrow();
  const problem = 'metrics: those that need all examples at once keep 13400 numbers of each, more than 8192';
  expect(() => check(named('a', 65), named('b', 65))).toThrow(problem);
});
