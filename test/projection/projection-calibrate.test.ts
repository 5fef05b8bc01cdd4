/** From observations to costs: those that made them, as far as they show. */
import { describe, expect, it } from 'vitest';
import { calibrateCosts } from '../../src/projection/calibrate.js';
import type { Costs } from '../../src/projection/cost.js';
import type { Observation } from '../../src/projection/observation.js';
import { predictedRuns, predictor } from '../../src/projection/predicted.js';

const costs: Costs = {
  shard: 1e-3,
  example: 1.5e-4,
  contention: 0.12,
  update: 4e-10,
  memory: 2e-10,
  barrier: 3e-4,
  message: 2e-4,
  wake: 5e-4,
  byte: 1.4e-9,
};

/** What would be measured if those were the costs. */
function observed(workers: number, rest: Partial<Observation> = {}): Observation {
  const asked = {
    workers,
    reduction: 'threads' as const,
    coordinatorComputes: false,
    batchSize: 64 * workers,
    bytes: 8e6,
    cores: 2,
    step: 0,
    compute: 0,
    exchange: 0,
    update: 0,
    wait: 0,
    ...rest,
  };
  const { step, compute, exchange, update } = predictor(asked)(costs, 0);
  const phases = { compute: 1000 * compute, exchange: 1000 * exchange, update: 1000 * update };
  return { ...asked, step: 1000 * step, ...phases };
}

const known = [
  ...[observed(1), observed(1, { batchSize: 16 }), observed(2), observed(1, { reduction: 'star' })],
  ...[observed(2, { reduction: 'star', bytes: 4e5 }), observed(4, { reduction: 'star' })],
  ...[observed(2, { reduction: 'butterfly' }), observed(6, { reduction: 'star', bytes: 4e5 })],
];

describe('calibrate', () => {
  it('finds the costs that made the observations', () => {
    const model = calibrateCosts(known);
    for (const name of ['example', 'shard', 'update', 'byte', 'message', 'contention'] as const) {
      expect([name, model.costs[name] / costs[name]]).toEqual([name, expect.closeTo(1, 0)]);
    }
    for (const name of ['example', 'update', 'byte'] as const) expect(model.assumed).not.toContain(name);
    for (const { error } of predictedRuns(model, known)) expect(error).toBeLessThan(0.02);
  });

  it('predicts runs that it has not seen', () => {
    const limits = { bandwidth: 1e7, latency: 0.005 };
    const unseen = [
      ...[
        observed(3, { reduction: 'star' }),
        observed(8, { reduction: 'star' }),
        observed(5, { reduction: 'butterfly' }),
      ],
      ...[observed(4, { reduction: 'star', ...limits }), observed(4, { reduction: 'butterfly', ...limits })],
    ];
    const checks = predictedRuns(calibrateCosts(known), unseen);
    expect(checks[3]).toMatchObject({ workers: 4, reduction: 'star', ...limits, measured: unseen[3].step });
    for (const { error, measured, predicted } of checks) {
      expect(error).toBeCloseTo(Math.abs(predicted - measured) / measured, 9);
      expect(error).toBeLessThan(0.05);
    }
  });

  it('needs one observation, and says what that does not show', () => {
    const model = calibrateCosts([observed(1)]);
    expect(predictedRuns(model, [observed(1)])[0].error).toBeLessThan(0.01);
    expect(model.assumed).toEqual(expect.arrayContaining(['contention', 'memory', 'message', 'wake', 'byte']));
    expect(model.assumed).not.toContain('update');
    expect(model).toMatchObject({ spreadMeasured: false, observations: 1, cores: 2, bytes: 8e6 });
    expect(model.batch).toEqual({ worker: 64, step: 64 });
  });

  it('takes from how long threads wait how much their times vary', () => {
    const pair = observed(2);
    const { spread, spreadMeasured } = calibrateCosts([observed(1), { ...pair, wait: 0.1 * 0.59 * pair.compute }]);
    expect(spreadMeasured).toBe(true);
    expect(spread).toBeCloseTo(0.1, 2);
  });

  it('has no negative costs, whatever was measured', () => {
    const odd = { ...observed(2, { reduction: 'star' }), exchange: 0, update: 0, wait: 0 };
    const model = calibrateCosts([{ ...odd, step: odd.compute / 2 }]);
    for (const cost of Object.values(model.costs)) expect(cost).toBeGreaterThan(0);
  });
});
