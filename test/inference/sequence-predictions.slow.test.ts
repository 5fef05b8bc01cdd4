/** Trained models whose examples have unequal length, predicted from by the names of their fields: only places that there are count. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { exportModel } from '../../coordinator/inference/export.js';
import type { Prediction } from '../../coordinator/inference/predict.js';
import { relativeError } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { linesOf, namedRows, numbersOf, predictionOutput } from '../support/predictions.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const train = (name: string, config: object) => trained(writeConfig(folder, name, config), [], join(folder, 'runs'));
const common = { optimizer: { adam: { learningRate: 0.05 } }, training: { epochs: 2, batchSize: 8 } };

it('sequences of unequal length are predicted as they are evaluated, without what fills them up', async () => {
  const file = join(folder, 'sequences.mjs');
  const sequences = Array.from({ length: 30 }, (_, i) => Array.from({ length: 1 + (i % 5) }, (_, j) => (i + j) % 6));
  const sums = sequences.map((ids) => ids.reduce((a, b) => a + b));
  writeFileSync(
    file,
    `export default ${JSON.stringify(sequences)}.map((words, i) => (
      { inputs: { words, bias: i % 2 }, targets: { sum: ${JSON.stringify(sums)}[i] } }));`,
  );
  const { start } = await train('sequences', {
    data: { source: 'module', file, categories: { words: 6 }, length: { words: 5 }, validation: 0, test: 0 },
    model: {
      layers: [
        { embedding: { from: 'words', inputDim: 'categories', outputDim: 3 } },
        { gru: { units: 4, returnSequences: true } },
        { globalAveragePooling1d: { name: 'mean' } },
        { concatenate: { from: ['mean', 'bias'] } },
        { dense: { units: 1 } },
      ],
    },
    loss: { sum: 'meanSquaredError' },
    metrics: { sum: ['mae'] },
    ...common,
  });
  const metrics = await metricsOf(start.folder, { model: 'final', split: 'training' });
  const bias = sequences.map((_, i) => i % 2);
  const options = { top: undefined };
  const valuesOf = (rows: Prediction[]) => rows.map(({ targets }) => numbersOf(targets!.sum)[0]);
  const found = valuesOf(await namedRows(start.folder, { words: sequences, bias }, options));
  const errors = found.map((value, i) => Math.abs(value - sums[i]));
  expect(errors.reduce((a, b) => a + b) / 30).toBeCloseTo(metrics.mae, 5);
  // Zeros that are given count.
  const [filled] = valuesOf(await namedRows(start.folder, { words: [[0, 0, 0, 0, 0]], bias: [0] }, options));
  expect(Math.abs(filled - found[0])).toBeGreaterThan(1e-3);

  const output = join(folder, 'sequences.onnx');
  await exportModel(start.folder, { format: 'onnx', output, model: 'final' });
  const session = await InferenceSession.create(output, { logSeverityLevel: 3 });
  expect([...session.inputNames].sort()).toEqual(['bias', 'words', 'words_mask']);
  const places = (fill: (ids: number[], j: number) => number) =>
    new Tensor(
      'float32',
      Float32Array.from(sequences.flatMap((ids) => [0, 1, 2, 3, 4].map((j) => fill(ids, j)))),
      [30, 5],
    );
  const run = await session.run({
    words: places((ids, j) => ids[j] ?? 0),
    words_mask: places((ids, j) => Number(j < ids.length)),
    bias: new Tensor('float32', Float32Array.from(bias), [30, 1]),
  });
  expect(relativeError(run.sum.data as Float32Array, found)).toBeLessThan(1e-5);
  await session.release();

  const odd = await namedRows(start.folder, { words: [[1, 2, 3, 4, 5, 0]], bias: [1] }, options).catch(
    (reason) => reason,
  );
  expect(odd.problem).toContain('words: row 1 has 6 numbers, and the model takes 5');
  const none = await namedRows(start.folder, { words: [[]], bias: [1] }, options).catch((reason) => reason);
  expect(none.problem).toContain('words: row 1 has 0 numbers, and the model takes 5');
  for (const { remedy } of [odd, none]) expect(remedy).toContain('[5], or of 1 to 4 places');
});

it('a class for each place is the likeliest, of the places that there are', async () => {
  const file = join(folder, 'tags.mjs');
  const words = Array.from({ length: 24 }, (_, i) => Array.from({ length: 1 + (i % 4) }, (_, j) => (i + j) % 6));
  writeFileSync(
    file,
    `export default ${JSON.stringify(words)}.map((words) => (
      { inputs: { words }, targets: { tags: words.map((id) => id % 3), odd: words.map((id) => id % 2) } }));`,
  );
  const classes = { tags: 3, odd: 2 };
  const { start, end } = await train('tags', {
    data: { source: 'module', file, categories: { words: 6 }, classes, length: 'longest', validation: 0, test: 0.5 },
    model: {
      layers: [
        { embedding: { name: 'h', inputDim: 'categories', outputDim: 4 } },
        { dense: { name: 'tag', units: 'classes' } },
        { dense: { name: 'parity', from: 'h', units: 1 } },
      ],
      outputs: { tags: 'tag', odd: 'parity' },
    },
    loss: { tags: 'sparseCategoricalCrossentropy', odd: 'binaryCrossentropy' },
    metrics: { tags: ['accuracy'], odd: ['accuracy'] },
    ...common,
    training: { epochs: 4, batchSize: 4 },
  });
  const metrics = await metricsOf(start.folder, { model: 'final', split: 'training' });
  expect(metrics.tags_accuracy).toBeGreaterThan(0.4);
  expect(end.test!.odd_accuracy).toBeGreaterThan(0.4);
  const rows = await namedRows(start.folder, { words }, { top: undefined });
  const both = await Promise.all(
    (['training', 'test'] as const).map((split) => evaluate(start.folder, { model: 'final', split })),
  );
  for (const [name, count] of [
    ['tags', 3],
    ['odd', 2],
  ] as const) {
    const right = rows.map(({ targets }, i) => {
      expect(targets![name].places).toHaveLength(words[i].length);
      return targets![name].places!.filter((found, j) => found === String(words[i][j] % count)).length;
    });
    const places = words.flat().length;
    const sum = right.reduce((a, b) => a + b);
    const [least, most] = both.map(({ metrics }) => metrics[`${name}_accuracy`]).sort();
    expect(sum / places).toBeGreaterThanOrEqual(least);
    expect(sum / places).toBeLessThanOrEqual(most);
  }
  writeFileSync(join(folder, 'words.json'), JSON.stringify({ words: [[0, 1]] }));
  const [csv, line] = linesOf(await predictionOutput([start.folder, join(folder, 'words.json'), '--csv'], folder));
  expect(csv).toBe('row,tags_places,odd_places');
  expect(line).toMatch(/^1,[0-2] [0-2],[01] [01]$/);
});
