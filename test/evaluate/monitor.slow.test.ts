/** What is watched from epoch to epoch: the best one, early stopping, and a learning rate that drops on a plateau. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AskedHeads } from '../../src/config/heads.js';
import { scheduleSchema } from '../../src/config/schedule.js';
import type { TrainingConfig } from '../../src/config/training.js';
import {
  bestAfter,
  initialMonitorState,
  isExhausted,
  type Monitor,
  monitorOf,
  monitorStateAfter,
} from '../../src/evaluate/monitor.js';
import { AskedMetric } from '../../src/metrics/families.js';
import { lockstepServed } from '../support/cli.js';
import { relativeError } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained, weightsOf } from '../support/runs.js';

const lower: Monitor = { metric: 'loss', mode: 'min' };
const higher: Monitor = { metric: 'accuracy', mode: 'max' };

describe('a plateau', () => {
  /** Scales after each epoch. */
  function scales(options: object, values: readonly number[], monitor = lower): number[] {
    const schedule = scheduleSchema.parse({ plateau: options });
    let state = initialMonitorState;
    return values.map((value) => {
      state = monitorStateAfter(monitor, state, value, schedule, undefined);
      return state.scale;
    });
  }

  it('drops the rate after `patience` epochs without a better one, and again', () => {
    const values = [5, 4, 4, 4, 4, 4, 3, 3, 3];
    expect(scales({ factor: 0.1, patience: 2, minDelta: 0 }, values)).toEqual([
      ...[1, 1, 1, 0.1, 0.1].map((scale) => expect.closeTo(scale, 12)),
      ...[0.01, 0.01, 0.01, 0.001].map((scale) => expect.closeTo(scale, 12)),
    ]);
  });

  it('counts as Keras does after a drop: epochs of the cooldown do not, the last of them does', () => {
    const flat = [1, 1, 1, 1, 1, 1, 1, 1, 1];
    // Keras 2.12, ReduceLROnPlateau(factor=0.5, patience=2, cooldown=2): worked through its on_epoch_end by hand.
    const expected = [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125];
    expect(scales({ factor: 0.5, patience: 2, cooldown: 2 }, flat)).toEqual(expected);
  });

  it('asks for a difference, knows which way is better, and ends at its floor', () => {
    expect(scales({ patience: 1, minDelta: 0.1 }, [1, 0.95, 0.91, 0.89])).toEqual([1, 0.5, 0.25, 0.25]);
    expect(scales({ patience: 1 }, [0.5, 0.6, 0.7, 0.7], higher)).toEqual([1, 1, 1, 0.5]);
    expect(scales({ patience: 1, factor: 0.1, end: 0.05 }, [1, 1, 1, 1])).toEqual([1, 0.1, 0.05, 0.05]);
  });

  it('takes a value that is no number for one that is not better', () => {
    expect(scales({ patience: 2 }, [Number.NaN, Number.NaN, 1])).toEqual([1, 0.5, 0.5]);
  });
});

describe('the best epoch', () => {
  it('is the first of equals, in the metric’s own direction', () => {
    const best = (monitor: Monitor, values: readonly number[]) =>
      values.reduce<ReturnType<typeof bestAfter>>((so, value, i) => bestAfter(monitor, so, i + 1, value), null);
    expect(best(lower, [3, 2, 2, 4])).toEqual({ value: 2, epoch: 2 });
    expect(best(higher, [3, 2, 4, 4, Number.NaN])).toEqual({ value: 4, epoch: 3 });
    expect(best(lower, [Number.NaN, Number.POSITIVE_INFINITY])).toBe(null);
    const mode = (monitor: TrainingConfig['monitor'], metrics: AskedHeads['metrics'] = []) =>
      monitorOf({ training: { monitor }, metrics }).mode;
    // By the label, whatever the options make of the name.
    for (const config of [
      ...(['r2', 'mae', { custom: { name: 'own_accuracy' } }, { ndcg: { k: 3 } }] as const),
      ...([{ f1: { average: 'macro' } }, { pinball: { quantile: 0.1 } }, { hitRate: { k: 5 } }] as const),
    ]) {
      const { label, family } = new AskedMetric(config);
      const better = family.better === 'higher' ? 'max' : 'min';
      expect([label, mode(label, ['mcc', config])]).toEqual([label, better]);
      expect([label, mode(`film_${label}`, { user: ['mae'], film: [config] })]).toEqual([label, better]);
    }
    expect([mode('loss', ['mcc']), mode('film_loss', { film: ['mcc'] })]).toEqual(['min', 'min']);
    expect(mode({ metric: 'f1', mode: 'max' })).toBe('max');
  });

  it('ends the wait of early stopping', () => {
    const constant = scheduleSchema.parse('constant');
    const exhaustedAfter = (values: readonly number[], patience: number, minDelta = 0) => {
      let state = initialMonitorState;
      return values.findIndex((value) => {
        state = monitorStateAfter(lower, state, value, constant, { patience, minDelta });
        return isExhausted(state, { patience, minDelta });
      });
    };
    expect(exhaustedAfter([5, 4, 3, 3, 3, 3], 2)).toBe(4);
    expect(exhaustedAfter([5, 6, 4, 6, 3, 6], 2)).toBe(-1);
    expect(exhaustedAfter([5, 4.9, 4.8, 4.7], 2, 0.5)).toBe(2);
  });
});

describe('a run', () => {
  const folder = temporaryFolder();
  const overfitting = {
    data: { source: 'digits', examples: 200, validation: 0.3 },
    model: { layers: ['flatten', { dense: { units: 64, activation: 'relu' } }, { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    optimizer: { adam: { learningRate: 0.01 } },
    training: { epochs: 60, batchSize: 35, earlyStopping: { patience: 3 }, restoreBest: true },
  };
  const file = writeConfig(folder, 'overfitting', overfitting);

  it('stops early and ends with the best epoch’s parameters', async () => {
    const { epochs, end } = await trained(file, [], folder);
    const losses = epochs.map(({ validation }) => validation!.loss);
    const best = losses.indexOf(Math.min(...losses));
    expect(epochs).toHaveLength(best + 4);
    expect(epochs.length).toBeLessThan(60);
    expect(end).toMatchObject({ stoppedEarly: true, bestEpoch: best + 1, restored: true, epochs: epochs.length });
    // What it ends with is what that epoch had come to.
    const short = await trained(file, [`training.epochs=${best + 1}`, 'training.earlyStopping=null'], folder);
    expect(end.sha256).toBe(short.end.sha256);
    expect(end.validation).toEqual(epochs[best].validation);
    expect(weightsOf(end.model)).toEqual(weightsOf(end.best!));
    // Without `restoreBest` it ends with the last ones.
    const last = await trained(file, ['training.restoreBest=false'], folder);
    expect(last.end).toMatchObject({ restored: false, stoppedEarly: true });
    expect(last.end.sha256).not.toBe(end.sha256);
  });

  it('is complete when it has stopped early', async () => {
    const { start } = await trained(file, [], folder);
    const { code, stdout } = await lockstepServed(['train', '--resume', start.folder], folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: expect.stringContaining('the run has stopped early') });
  });

  it('lowers its learning rate on a plateau, from the step after', async () => {
    const overrides = ['schedule={plateau: {patience: 1, factor: 0.25, minDelta: 10}}', 'training.logEvery=1'];
    const { events } = await trained(file, [...overrides, 'training.epochs=4'], folder);
    const rates = events.flatMap((event) => (event.event === 'step' ? [event.learningRate] : []));
    // Four steps an epoch; the first epoch is the best, and nothing gets better by 10.
    const expected = [0.01, 0.01, 0.0025, 0.000625].flatMap((rate) => [rate, rate, rate, rate]);
    expect(rates).toEqual(expected.map((rate) => expect.closeTo(rate, 12)));
    // And the steps are taken with it: a rate of next to nothing changes next to nothing.
    const still = ['schedule={plateau: {patience: 1, factor: 1.0e-9, minDelta: 10}}', 'training.restoreBest=false'];
    const weightsAfter = async (epochs: number) => {
      const { end } = await trained(file, [...still, `training.epochs=${epochs}`], folder);
      return weightsOf(end.model);
    };
    const [two, three] = [await weightsAfter(2), await weightsAfter(3)];
    expect(relativeError(two, three)).toBeLessThan(1e-7);
  });

  it('refuses to watch what it does not measure', async () => {
    const refused = (...overrides: string[]) => expect(trained(file, overrides, folder)).rejects;
    await refused('training.monitor=mae').toThrow(
      'training.monitor: "mae" is no metric of this run: use one of loss, accuracy, or add it to metrics',
    );
    await refused('training.monitor=accuracy', 'data.validation=0').toThrow('needs a validation split');
  });

  it('watches accuracy when told to', async () => {
    const { epochs, end } = await trained(file, ['training.monitor=accuracy'], folder);
    const accuracies = epochs.map(({ validation }) => validation!.accuracy);
    expect(end.bestEpoch).toBe(accuracies.indexOf(Math.max(...accuracies)) + 1);
    expect(readFileSync(join(end.model, '..', 'weights.bin')).length).toBeGreaterThan(0);
  });
});
