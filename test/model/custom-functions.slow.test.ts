/** Losses and metrics that users write: computed by both engines, reported under their names, and checked. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LossConfig } from '../../src/config/model.js';
import { createStepModel } from '../../src/engine/step.js';
import { ModelError } from '../../src/errors.js';
import type { MetricConfig } from '../../src/metrics/families.js';
import { lockstepServed, outcomesOf } from '../support/cli.js';
import { type Case, createEngines, fill, relativeError, specOf } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf, writeModule } from '../support/modules.js';
import { batchParts } from '../support/parts.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
const key = { seed: 1, step: 0, shard: 0 };
const functions = writeModule(
  folder,
  'functions.ts',
  "import type { Tensor } from '@tensorflow/tfjs-core';",
  'export const squares = (tf: any, targets: Tensor, outputs: Tensor) => tf.mean(tf.squaredDifference(outputs, targets), -1);',
  'export function focal(tf: any, targets: Tensor, outputs: Tensor) {',
  '  const p = tf.sum(tf.mul(tf.oneHot(targets, outputs.shape[1]), tf.softmax(outputs)), -1);',
  '  return tf.neg(tf.mul(tf.square(tf.sub(1, p)), tf.log(p)));',
  '}',
  'export const hit = (tf: any, targets: Tensor, outputs: Tensor) => tf.equal(tf.argMax(outputs, -1), targets);',
  'export const scalar = (tf: any, targets: Tensor, outputs: Tensor) => tf.mean(tf.sub(outputs, targets));',
  'export const wide = (tf: any, targets: Tensor, outputs: Tensor) => tf.sub(outputs, targets);',
  'export const number = () => 3;',
  'export const later = async (tf: any, targets: Tensor) => targets;',
  'export const broken = (tf: any, targets: Tensor, outputs: Tensor) => tf.matMul(outputs, outputs);',
  'export const value = 3;',
);
const custom = (name: string, module?: string) => ({ custom: { name, module: module ?? functions } });

const regression: Case = { layers: [{ dense: { units: 3 } }], input: [4], target: [3] };
const classification: Case = { layers: [{ dense: { units: 3 } }], input: [4], classes: 3 };

async function measured(example: Case, count = 6) {
  const { parameters, onnx, tfjs } = await createEngines(example, [count]);
  const results = [];
  for (const engine of [onnx, tfjs]) {
    fill(engine, example, parameters, count);
    const loss = await engine.computeGradients(count, key);
    const gradients = engine.gradients.slice();
    const { outputs, losses, metrics } = await engine.evaluate(count);
    const values = {
      outputs: outputs.slice(),
      losses: losses.slice(),
      metrics: metrics.map((metric) => metric.slice()),
    };
    results.push({ loss, gradients, ...values, targets: [...batchParts(engine.buffers(count)).targets] });
    await engine.dispose();
  }
  return results;
}

describe('a loss of the user', () => {
  it('is what the built-in one of the same formula is, in both engines', async () => {
    const [own, ownEager] = await measured({ ...regression, loss: custom('squares') });
    const [builtIn] = await measured({ ...regression, loss: 'meanSquaredError' });
    for (const results of [own, ownEager]) {
      expect(relativeError([results.loss], [builtIn.loss])).toBeLessThan(1e-5);
      expect(relativeError(results.gradients, builtIn.gradients)).toBeLessThan(1e-4);
      expect(relativeError(results.losses, builtIn.losses)).toBeLessThan(1e-5);
    }
  });

  it('gets class indices as integers', async () => {
    const [onnx, tfjs] = await measured({ ...classification, loss: custom('focal') });
    const formula = onnx.targets.map((target, i) => {
      const row = [...onnx.outputs.subarray(3 * i, 3 * i + 3)].map(Math.exp);
      const p = row[target] / row.reduce((a, b) => a + b);
      return -((1 - p) ** 2) * Math.log(p);
    });
    expect(relativeError(onnx.losses, formula)).toBeLessThan(1e-4);
    expect(relativeError(tfjs.losses, formula)).toBeLessThan(1e-4);
    expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
  });
});

describe('metrics of the user', () => {
  it('give one number an example in both engines', async () => {
    const metrics: MetricConfig[] = ['accuracy', custom('hit'), custom('focal')];
    const example: Case = { ...classification, loss: 'sparseCategoricalCrossentropy', head: { metrics } };
    for (const { metrics, outputs, targets } of await measured(example)) {
      const hits = targets.map((target, i) => {
        const row = [...outputs.subarray(3 * i, 3 * i + 3)];
        return Number(row.indexOf(Math.max(...row)) === target);
      });
      expect(metrics).toHaveLength(2);
      expect([...metrics[0]]).toEqual(hits);
      expect(new Set(hits).size).toBe(2);
    }
  });

  it('are reported as means over the examples, whatever the batches and the threads', async () => {
    const config = writeConfig(folder, 'metrics', {
      data: { source: 'digits', examples: 460, validation: 0.4, test: 0.3 },
      model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
      loss: custom('focal'),
      metrics: ['accuracy', custom('hit'), custom('focal')],
      training: { epochs: 2, batchSize: 32, shards: 4 },
    });
    const runs = [await trained(config, [], folder, 1), await trained(config, [], folder, 2)];
    expect(resultOf(runs[1])).toEqual(resultOf(runs[0]));
    for (const metrics of [runs[0].end.validation!, runs[0].end.test!, ...runs[0].epochs.map((e) => e.validation!)]) {
      // 184 and 138 examples are more than one batch of evaluation.
      expect(metrics.hit).toBe(metrics.accuracy);
      expect(metrics.focal).toBe(metrics.loss);
      expect(metrics.focal).toBeGreaterThan(0);
    }
    const eager = ['engine=tfjs', 'backend=cpu', 'data.examples=150', 'training.epochs=1'];
    const [one, two] = [await trained(config, eager, folder, 1), await trained(config, eager, folder, 2)];
    expect(resultOf(two)).toEqual(resultOf(one));
    expect(one.end.test!.hit).toBe(one.end.test!.accuracy);
  });

  it("are found in the model's module where they name none", async () => {
    const file = writeModule(
      folder,
      'all-in-one.mjs',
      'export default (tf, { inputShape }) => tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape })] });',
      'export const far = (tf, targets, outputs) => tf.max(tf.abs(tf.sub(outputs, targets)), -1);',
    );
    const far = { custom: { name: 'far' } };
    const example: Case = { ...regression, loss: far, spec: { model: { module: file } }, head: { metrics: [far] } };
    const [{ metrics, losses, outputs, targets }] = await measured(example);
    expect([...metrics[0]]).toEqual([...losses]);
    const first = [0, 1, 2].map((i) => Math.abs(outputs[i] - targets[i]));
    expect(losses[0]).toBeCloseTo(Math.max(...first), 5);
  });
});

describe('is refused:', () => {
  const message = async (loss: LossConfig, example = regression) => {
    const { error, message } = await refusalOf(createEngines({ ...example, loss }, [6]));
    expect(error).toBeInstanceOf(ModelError);
    return message;
  };

  it('one number for the whole batch, with the remedy', async () => {
    expect(await message(custom('scalar'))).toMatch(
      /scalar returned one number for a batch of 6: its shape is \[\], not \[6\]: keep the batch axis/,
    );
  });

  it('other shapes, naming both, and what is no tensor', async () => {
    expect(await message(custom('wide'))).toMatch(/wide returned the shape \[6, 3\], not \[6\]/);
    expect(await message(custom('number'))).toMatch(/number returned number, not a tensor/);
    expect(await message(custom('later'))).toMatch(/later returned a promise, not a tensor/);
  });

  it('a function that throws, with the place', async () => {
    expect(await message(custom('broken'))).toMatch(/broken: .*matMul.*\(.*functions\.ts:12:\d+\)/);
  });

  it('names and modules that are not there', async () => {
    expect(await message(custom('squars'))).toMatch(/exports no squars: did you mean squares\?/);
    expect(await message(custom('zzz'))).toMatch(/exports no zzz: the functions that it exports: .*focal/);
    expect(await message(custom('value'))).toMatch(/its export value is no function/);
    expect(await message({ custom: { name: 'f' } })).toMatch(
      /loss: f is in no module: name the file .*loss\.custom\.module/,
    );
    expect(await message(custom('f', join(folder, 'nowhere.ts')))).toMatch(/loss\.custom\.module: .*: no such file/);
    const spec = specOf({ ...regression, head: { metrics: [custom('squars')] } });
    expect((await refusalOf(createStepModel(spec))).message).toMatch(
      /^metrics\.custom\.module: .*did you mean squares/,
    );
  });

  it('by lockstep train, in words and with exit code 2', async () => {
    const base = {
      data: { source: 'digits', examples: 100 },
      model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
      training: { epochs: 1, batchSize: 32 },
    };
    const wrong = writeConfig(folder, 'scalar', { ...base, loss: custom('number') });
    const twice = writeConfig(folder, 'twice', {
      ...base,
      loss: custom('focal'),
      metrics: [custom('hit'), custom('hit')],
    });
    const [a, b] = await Promise.all([wrong, twice].map((file) => lockstepServed(['train', file, '--json'], folder)));
    expect([a.code, b.code]).toEqual([2, 2]);
    expect(outcomesOf(a.stdout)[0]).toMatchObject({ code: 'LOCKSTEP_MODEL' });
    expect(a.stdout).toContain('number returned number, not a tensor');
    expect(outcomesOf(b.stdout)[0]).toMatchObject({ code: 'LOCKSTEP_CONFIG' });
    expect(b.stdout).toContain('metrics.1.custom.name: \\"hit\\" is the name of another metric');
    expect(`${a.stdout}${b.stdout}`).not.toMatch(/\\n\s+at /);
  });
});
