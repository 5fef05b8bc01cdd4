/** How a run divides: every example is in one shard of one step, and in one evaluation batch. */
import { describe, expect, it } from 'vitest';
import {
  activeShards,
  batchOf,
  defaultShards,
  evaluationBatches,
  examplesBefore,
  planGeometry,
  roundOf,
  shardSizes,
  shardsOf,
} from '../../src/data/geometry.js';

const range = (length: number) => Int32Array.from({ length }, (_, i) => i);
const planned = (training: number, batchSize: number, shards: number) =>
  planGeometry({ epochs: 2, batchSize, shards, accumulate: 1 }, { training: range(training) });
const rowsOf = (ranges: readonly { start: number; count: number }[]) =>
  ranges.flatMap(({ start, count }) => [...range(count)].map((i) => start + i));

describe.each([
  { examples: 100, batchSize: 32, shards: 4 },
  { examples: 96, batchSize: 32, shards: 4 },
  { examples: 97, batchSize: 32, shards: 4 },
  { examples: 8, batchSize: 8, shards: 8 },
  { examples: 7, batchSize: 6, shards: 3 },
])('$examples examples in batches of $batchSize and $shards shards', ({ examples, batchSize, shards }) => {
  const geometry = planned(examples, batchSize, shards);
  const steps = [...range(geometry.stepsPerEpoch)];

  it('are covered once by the steps, and by their shards', () => {
    expect(rowsOf(steps.map((step) => batchOf(geometry, step)))).toEqual([...range(examples)]);
    const each = steps.flatMap((step) => [...range(shards)].map((shard) => shardsOf(geometry, step, shard, shard + 1)));
    expect(rowsOf(each)).toEqual([...range(examples)]);
    expect(new Set(shardSizes(geometry))).toEqual(new Set(each.map(({ count }) => count).filter((count) => count > 0)));
  });

  it('are in the first shards of a step, and in ranges of shards as in these one by one', () => {
    for (const step of steps) {
      const counts = [...range(shards)].map((shard) => shardsOf(geometry, step, shard, shard + 1).count);
      expect(counts.map((count) => count > 0)).toEqual(counts.map((_, shard) => shard < activeShards(geometry, step)));
      expect(shardsOf(geometry, step, 0, shards)).toEqual(batchOf(geometry, step));
      expect(rowsOf([shardsOf(geometry, step, 1, shards)])).toEqual(
        rowsOf([...range(shards - 1)].map((i) => shardsOf(geometry, step, i + 1, i + 2))),
      );
    }
  });
});

it('the last batch of an epoch takes what is left', () => {
  const geometry = planned(100, 32, 4);
  expect(geometry.stepsPerEpoch).toBe(4);
  expect(batchOf(geometry, 3)).toEqual({ start: 96, count: 4 });
  expect([0, 1, 3, 4].map((step) => examplesBefore(geometry, step))).toEqual([0, 32, 96, 100]);
  expect([0, 1, 2, 3].map((shard) => shardsOf(planned(43, 32, 4), 1, shard, shard + 1))).toEqual([
    { start: 32, count: 8 },
    { start: 40, count: 3 },
    { start: 43, count: 0 },
    { start: 43, count: 0 },
  ]);
  expect(roundOf(geometry, 1, 2)).toBe(6);
});

it('evaluation batches cover a split', () => {
  const geometry = { evaluationBatch: 30 };
  expect(evaluationBatches(geometry, 0)).toEqual([]);
  expect(evaluationBatches(geometry, 70)).toEqual([
    { start: 0, count: 30 },
    { start: 30, count: 30 },
    { start: 60, count: 10 },
  ]);
});

it('has shards by examples, and by tokens where these are windows of a text', () => {
  expect([512, 128, 64, 32, 100].map((batch) => defaultShards(batch))).toEqual([8, 4, 2, 1, 2]);
  // 8 of 512 tokens, 4 or 2 of 256.
  expect([32, 16, 8, 4, 12].map((batch) => defaultShards(batch, 128))).toEqual([8, 4, 4, 2, 4]);
  expect([8, 2, 1, 7].map((batch) => defaultShards(batch, 256))).toEqual([4, 2, 1, 1]);
  // Never fewer than for examples that are no texts.
  expect([512, 128, 64].map((batch) => defaultShards(batch, 1))).toEqual([8, 4, 2]);
});
