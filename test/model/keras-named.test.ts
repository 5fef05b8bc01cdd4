/** Functional model files of Keras 2 and Keras 3 with two inputs and two outputs: fields find them by name, and Keras's numbers come out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { predict } from '../../coordinator/inference/predict.js';
import type { Field } from '../../src/data/field.js';
import type { HeadSpec } from '../../src/engine/heads.js';
import { createStepModel, type StepSpec } from '../../src/engine/step.js';
import { saveModel } from '../../src/model/files/save.js';
import { createEngines, type EngineWithSlabs, relativeError } from '../support/engines.js';
import { temporaryFolder } from '../support/folder.js';
import { packageRoot } from '../support/package.js';

// scripts/peers/keras_named.py: Keras 3.15.1 on jax.
interface Fixture {
  readonly keras2: object;
  readonly keras3: object;
  readonly weights: Readonly<Record<string, number[]>>;
  readonly fields: Readonly<Record<string, number[]>>;
  readonly outputs: Readonly<Record<string, number[]>>;
  readonly losses: Readonly<Record<string, number>>;
}
const fixture: Fixture = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/keras-named.json'), 'utf8'));

const folder = temporaryFolder();
const count = 5;
// In another order than the model's.
const fields: Field[] = [
  { name: 'right', role: 'input', type: 'float32', shape: [2] },
  { name: 'left', role: 'input', type: 'float32', shape: [3] },
  { name: 'liked', role: 'target', type: 'int32', shape: [], categories: 2 },
  { name: 'rating', role: 'target', type: 'float32', shape: [1] },
];
const heads: HeadSpec[] = [
  { target: 'liked', loss: 'binaryCrossentropy', weight: 0.3 },
  { target: 'rating', loss: 'meanSquaredError', weight: 1 },
];
const outputs = { liked: 'logit', rating: 'score' };
const engines: EngineWithSlabs[] = [];
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
});
function written(kind: 'keras2' | 'keras3'): string {
  const file = join(folder, `${kind}.json`);
  writeFileSync(file, JSON.stringify(fixture[kind]));
  return file;
}

it.each(['keras2', 'keras3'] as const)('%s: outputs and losses are those of Keras', async (kind) => {
  const spec = { model: { file: written(kind), outputs }, heads, fields };
  const { onnx, tfjs, parameters, step } = await createEngines({ layers: [], input: [], spec }, [count]);
  engines.push(onnx, tfjs);
  expect(step.built.inputs).toEqual(['left', 'right']);
  expect(step.built.outputs).toEqual(['rating', 'liked']);
  for (const { name, offset } of step.layout.tensors) parameters.set(fixture.weights[name], offset);
  for (const engine of [onnx, tfjs]) {
    engine.parameters.set(parameters);
    engine.buffers(count).forEach((buffer, i) => {
      buffer.set(fixture.fields[fields[i].name]);
    });
    const evaluated = await engine.evaluateAll(count);
    heads.forEach(({ target }, i) => {
      expect(relativeError(evaluated[i].outputs, fixture.outputs[target])).toBeLessThan(1e-5);
      const mean = evaluated[i].losses.reduce((a, b) => a + b, 0) / count;
      expect(mean).toBeCloseTo(fixture.losses[target], 5);
    });
    const { lossSum } = await engine.shard(count, { seed: 1, step: 0, shard: 0 });
    expect(lossSum / count).toBeCloseTo(fixture.losses.all, 5);
  }
  expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
});

it.each(['keras2', 'keras3'] as const)('%s: a trained one predicts what Keras does', async (kind) => {
  const spec = { model: { file: written(kind), outputs }, heads, fields, seed: 1 };
  const { built, weights, layout } = await createStepModel(spec);
  const slab = new Float32Array(layout.length);
  for (const { name, offset } of layout.tensors) slab.set(fixture.weights[name], offset);
  const place = join(folder, `${kind}-model`);
  const encoding = {
    input: { kind: 'fields' as const, fields: { right: { scale: 1 }, left: { scale: 1 } } },
    named: {
      liked: { classes: ['no', 'yes'], outputs: { loss: 'binaryCrossentropy', kind: 'logits' as const, index: 1 } },
      rating: { outputs: { loss: 'meanSquaredError', index: 0 } },
    },
  };
  await saveModel(built.model, weights, layout, slab, place, encoding);
  const given = {
    left: Float32Array.from(fixture.fields.left),
    right: Float32Array.from(fixture.fields.right),
  };
  let row = 0;
  for await (const { targets } of (await predict(place, given)).rows) {
    const [logit, rating] = [fixture.outputs.liked[row], fixture.outputs.rating[row++]];
    expect(targets!.rating.values).toEqual([expect.closeTo(rating, 5)]);
    const chance = 1 / (1 + Math.exp(-Math.abs(logit)));
    expect(targets!.liked.classes).toEqual([{ name: logit > 0 ? 'yes' : 'no', score: expect.closeTo(chance, 5) }]);
  }
  expect(row).toBe(count);
});

it.each([
  [
    'inputs',
    { fields: fields.map((field) => (field.name === 'left' ? { ...field, name: 'links' } : field)) },
    'its inputs are left, right, and the data have the inputs right, links',
    "names of the model's inputs",
  ],
  [
    'a shape',
    { fields: fields.map((field) => (field.name === 'left' ? { ...field, shape: [4] } : field)) },
    'input left: takes inputs of shape [3]',
    'another model',
  ],
  [
    'an output that no target is compared with',
    { fields: fields.slice(0, 3), heads: [heads[0]] },
    'its outputs are score, logit',
    'add it to data.targets',
  ],
  [
    'outputs of no layer',
    { outputs: { liked: 'logits', rating: 'score' } },
    'its outputs are score, logit',
    'model.outputs: {',
  ],
  [
    'outputs of two targets',
    { outputs: { liked: 'logit', rating: 'logit' } },
    'model.outputs: liked and rating both name logit',
    'name an output each',
  ],
  [
    'targets beyond its outputs',
    {
      fields: [...fields, { ...fields[3], name: 'third' }],
      heads: [...heads, { ...heads[0], target: 'third' }],
      outputs: { ...outputs, third: 'none' },
    },
    'its outputs are score, logit, and the data have the targets',
    'use a model with an output for each target',
  ],
] as [string, Partial<StepSpec> & { outputs?: Record<string, string> }, string, string][])(
  'a file whose %s do not match is refused',
  async (_, { outputs: own, ...more }, problem, remedy) => {
    const targets = (more.heads ?? heads).map(({ target }) => target);
    const named = own ?? Object.fromEntries(Object.entries(outputs).filter(([name]) => targets.includes(name)));
    const spec = { model: { file: written('keras3'), outputs: named }, heads, fields, seed: 1, ...more };
    await expect(createStepModel(spec as StepSpec)).rejects.toMatchObject({
      problem: expect.stringContaining(problem),
      remedy: expect.stringContaining(remedy),
    });
  },
);
