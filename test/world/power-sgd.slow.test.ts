/** Runs whose gradients travel in low-rank factors: they learn, with few bytes, and go on when a worker comes back or a run is resumed. */
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { coordinate, resumeCoordinating } from '../../coordinator/world/coordinate.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { RunEvent } from '../../src/report/events.js';
import { eventOf } from '../support/cli.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { type Trained, trained } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();
const file = writeConfig(folder, 'digits', {
  seed: 1,
  data: { source: 'digits', examples: 800, validation: 0.25, test: 0 },
  model: { layers: ['flatten', { dense: { units: 96, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: { learningRate: 0.003 } },
  training: { epochs: 4, batchSize: 40, shards: 4 },
});
const factors = 'cluster.compression={ powerSgd: { rank: 2, warmUpSteps: 5 } }';

let whole: Trained;
beforeAll(async () => {
  whole = await trained(file, [], newPath());
});

it.each(['star', 'butterfly'])('by %s the loss comes down as it does with whole gradients', async (allReduce) => {
  const set = [factors, `cluster.allReduce=${allReduce}`];
  const workers = [{ threads: 1 }, { threads: 1 }];
  const { end, events } = await trainedInWorld(file, set, newPath(), join(folder, 'cache'), { workers });
  expect(end.validation!.loss).toBeLessThan(1.25 * whole.end.validation!.loss + 0.05);
  const summary = eventOf(events, 'summary');
  expect(summary.rank).toBe(2);
  // 76,330 numbers whole, up and down for two workers, or once each way; 4,500 in factors, after 5 of 60 steps.
  const sums = allReduce === 'star' ? 4 : 2;
  expect(summary.bytesPerStep).toBeLessThan(0.15 * sums * 76_330 * 4);
  // The least counts the warm-up as whole: two sums at least.
  expect(summary.fewestBytesPerStep).toBeGreaterThan((5 / 60) * 2 * 76_330 * 4);
});

it('goes on after a stop', async () => {
  const events: RunEvent[] = [];
  const report = (event: RunEvent) => events.push(event);
  const options = { threads: 2, minWorkers: 0, port: 0, report };
  const first = await coordinate(loadRunConfig(file, [factors]), { ...options, steps: 20, out: newPath() });
  expect(first.interrupted).toBe(true);
  const end = await resumeCoordinating(first.resume!, options);
  expect(end.epochs).toBe(4);
  expect(end.validation!.loss).toBeLessThan(first.validation!.loss);
});

it.each([
  ['cluster.precision=int8', /cluster.precision: int8 rounds whole gradients/],
  ['cluster.sync={ local: {} }', /cluster.sync: local steps exchange whole movements/],
])('is refused with %s', (other, problem) => {
  expect(() => loadRunConfig(file, [factors, other])).toThrow(problem);
});
