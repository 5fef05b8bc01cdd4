/** Buckets of lengths, and how a batch is cut to the one that it needs. */
import { afterAll, describe, expect, it } from 'vitest';
import type { LayerConfig } from '../../src/config/model.js';
import { bucketOf, cutFields, planBuckets, stepBuckets } from '../../src/data/buckets.js';
import type { Column, Examples } from '../../src/data/examples.js';
import { metaOf } from '../../src/data/packed.js';
import type { HeadSpec } from '../../src/engine/heads.js';
import { Gatherer } from '../../src/pool/gather.js';
import type { EvaluationOptions } from '../../src/pool/pool-options.js';
import type { PoolSpec } from '../../src/pool/shared-state.js';
import { createEngines, type EngineWithSlabs, relativeError } from '../support/engines.js';

const sequence = (lengths: readonly number[], places: number): Examples => {
  const mask = new Float32Array(lengths.length * places);
  lengths.forEach((length, i) => {
    mask.fill(1, i * places, i * places + length);
  });
  const values = Float32Array.from(mask, (one, i) => one * ((i % 7) - 3));
  const columns: Column[] = [
    { name: 'steps', role: 'input', type: 'float32', shape: [places, 1], values },
    { name: 'sum', role: 'target', type: 'float32', shape: [1], values: Float32Array.from(lengths) },
    { name: 'steps_mask', role: 'mask', type: 'float32', shape: [places], of: 'steps', values: mask },
  ];
  return { count: lengths.length, columns };
};

const rowsOf = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);

describe('buckets', () => {
  const examples = sequence([1, 2, 3, 9, 5, 20, 2, 3], 20);
  const plan = (asked: readonly number[] | 'auto', batchSize: number, groupByLength = false) =>
    planBuckets(asked, examples, {
      training: { rows: rowsOf(8), batchSize, groupByLength },
      evaluated: [],
      evaluationBatch: 128,
    });

  it('are those asked for and the full length; auto has powers of two', () => {
    expect(plan([2, 6], 1).places).toEqual([2, 6, 20]);
    expect([...plan([2, 6], 1).of]).toEqual([0, 0, 1, 2, 1, 2, 0, 1]);
    expect(plan('auto', 1).places).toEqual([8, 16, 20]);
  });

  it('end at the first that holds all, where the examples are filled up further', () => {
    const batched = { evaluated: [rowsOf(3)], evaluationBatch: 1 };
    const further = sequence([2, 5, 7], 40);
    expect(planBuckets([4, 10, 30], further, batched)).toMatchObject({ places: [4, 10], full: 40 });
    expect(planBuckets('auto', further, batched).places).toEqual([8]);
    expect(planBuckets([4], further, batched).places).toEqual([4, 40]);
  });

  it('are left out where hardly a batch has them', () => {
    // Three of eight examples have two steps at most, so that one in 56 batches of three has; none has from 10 to 19.
    expect(plan([2, 6, 12, 19, 20, 30], 3).places).toEqual([2, 6, 12, 20]);
    expect(plan([2, 6], 4).places).toEqual([6, 20]);
    expect(plan([2, 6], 8).places).toEqual([20]);
    expect(plan([2, 6], 4, true).places).toEqual([2, 6, 20]);
    const evaluated = [Int32Array.of(0, 1), Int32Array.of(2, 4)];
    expect(planBuckets([2, 6], examples, { evaluated, evaluationBatch: 2 }).places).toEqual([2, 6, 20]);
  });

  it('are those of whole batches', () => {
    const buckets = plan([2, 6], 2);
    expect(bucketOf(buckets, Int32Array.of(0, 2))).toBe(1);
    expect(bucketOf(undefined, Int32Array.of(3))).toBe(0);
    expect([...stepBuckets(buckets, { training: 5, batchSize: 2 }, Int32Array.of(0, 1, 4, 0, 3))]).toEqual([0, 1, 2]);
  });

  it('cut sequences and what goes with their places, and nothing else', () => {
    const of = (name: string, role: Column['role'], shape: number[], more = {}) =>
      ({ name, role, type: 'float32', shape, ...more }) as const;
    const fields = [
      of('words', 'input', [9, 3]),
      of('title', 'input', [4]),
      of('age', 'input', [9]),
      of('tags', 'target', [9, 1]),
      of('curve', 'target', [9, 1]),
      of('tags_weight', 'weight', [9], { of: 'tags' }),
      of('curve_weight', 'weight', [9], { of: 'curve' }),
      ...['words', 'title', 'tags'].map((name) => of(`${name}_mask`, 'mask', [name === 'title' ? 4 : 9], { of: name })),
    ];
    const shapes = cutFields(fields, 5).map(({ shape }) => shape);
    expect(shapes).toEqual([[5, 3], [4], [9], [5, 1], [9, 1], [5], [9], [5], [4], [5]]);
    expect(cutFields(fields, undefined)).toBe(fields);
  });
});

describe('a batch that is cut', () => {
  const engines: EngineWithSlabs[] = [];
  afterAll(async () => {
    for (const engine of engines) await engine.dispose();
  });
  const layers: LayerConfig[] = [
    { lstm: { units: 3, returnSequences: true } },
    { dense: { units: 3, activation: 'tanh' } },
    { globalAveragePooling1d: {} },
    { dense: { units: 1 } },
  ];
  const heads: HeadSpec[] = [{ target: 'sum', loss: 'meanSquaredError', weight: 1 }];

  it('comes to the sums of each sequence by itself', async () => {
    const lengths = [3, 2, 12, 5, 4];
    const examples = sequence(lengths, 12);
    // The batch is all but the longest.
    const batch = Int32Array.of(0, 1, 3, 4);
    const buckets = planBuckets([3, 6], examples, { evaluated: [batch], evaluationBatch: 4 });
    const places = buckets.places[bucketOf(buckets, batch)];
    expect(places).toBe(6);
    const compute = async (from: Examples, fields: Examples['columns'], rows: Int32Array) => {
      const plain = metaOf({ ...from, columns: fields }).fields;
      const { onnx, tfjs, parameters } = await createEngines(
        { layers: [], input: [], spec: { model: { layers }, heads, fields: plain } },
        [rows.length],
      );
      engines.push(onnx, tfjs);
      const results = [];
      for (const engine of [onnx, tfjs]) {
        engine.parameters.set(parameters);
        const gatherer = new Gatherer({
          use: 'evaluation',
          examples: from,
          shared: { rows },
        } as PoolSpec<EvaluationOptions>);
        await gatherer.load({ start: 0, count: rows.length }, engine.buffers(rows.length), undefined);
        const { lossSum } = await engine.shard(rows.length, { seed: 1, step: 0, shard: 0 });
        const { losses, outputs } = await engine.evaluate(rows.length);
        results.push({ lossSum, losses: [...losses], outputs: [...outputs], gradients: engine.gradients.slice() });
      }
      return results;
    };
    const cut = await compute(examples, cutFields(examples.columns, places), batch);
    const single = [];
    for (const row of batch) {
      const [steps, sum] = examples.columns;
      const values = steps.values.slice(row * 12, row * 12 + lengths[row]);
      const own = [
        { ...steps, shape: [lengths[row], 1], values },
        { ...sum, values: sum.values.slice(row, row + 1) },
      ];
      single.push(await compute({ count: 1, columns: own }, own, Int32Array.of(0)));
    }
    for (const engine of [0, 1]) {
      const each = single.map((results) => results[engine]);
      const { lossSum, losses, outputs, gradients } = cut[engine];
      expect(relativeError([lossSum], [each.reduce((sum, one) => sum + one.lossSum, 0)])).toBeLessThan(1e-6);
      expect(
        relativeError(
          losses,
          each.flatMap((one) => one.losses),
        ),
      ).toBeLessThan(1e-6);
      expect(
        relativeError(
          outputs,
          each.flatMap((one) => one.outputs),
        ),
      ).toBeLessThan(1e-6);
      const summed = gradients.map((_, i) => each.reduce((sum, one) => sum + one.gradients[i], 0));
      expect(relativeError(gradients, summed)).toBeLessThan(1e-6);
    }
  });
});
