/** Projections: repeatable, complete up to 4,096 workers, and with words for what limits. */
import { describe, expect, it } from 'vitest';
import type { CostModel } from '../../src/projection/cost.js';
import { parseProjection } from '../../src/projection/parse.js';
import { project } from '../../src/projection/projection.js';

const model: CostModel = {
  costs: {
    shard: 1e-3,
    example: 1.5e-4,
    contention: 0.1,
    update: 2.5e-10,
    memory: 1e-10,
    barrier: 1e-4,
    message: 3e-5,
    wake: 1e-4,
    byte: 1e-9,
  },
  spread: 0.05,
  spreadMeasured: true,
  assumed: ['message'],
  cores: 2,
  bytes: 4e6,
  observations: 3,
  batch: { worker: 128, step: 128 },
};

const of = (text: string, seed?: number) => project(model, parseProjection(text), seed);
const network = 'bandwidth=10Gbps,latency=100us';

describe('project', () => {
  it('comes to 4,096 workers', () => {
    // Without luck, a step is like every other.
    const { rows, best } = of(`workers=4096,${network},reduction=butterfly+hierarchical,stragglers=0`);
    expect(rows.map(({ workers, reduction }) => [workers, reduction])).toEqual([
      [4096, 'butterfly'],
      [4096, 'hierarchical'],
    ]);
    expect(best[0].examplesPerSecond).toBe(Math.max(...rows.map((row) => row.examplesPerSecond)));
  });

  it('is a function of the seed', () => {
    const line = `workers=4..8,${network},failures=1`;
    const once = of(line, 1);
    expect(of(line, 1)).toEqual(once);
    expect(once.rows).not.toEqual(of(line, 2).rows);
  });

  it('counts speed-up and efficiency over one worker alone', () => {
    const [one, two] = of(`workers=1..2,bandwidth=1Tbps,latency=0s,reduction=star,stragglers=0`).rows;
    expect(one.speedup).toBeGreaterThan(0.95);
    expect(one.speedup).toBeLessThan(1);
    // 21.2 ms of computing and updating; and for each worker 4 ms to send sums, and as much for the total.
    expect(two.speedup).toBeLessThan(2 * (21.2 / 29.2));
    expect(two.speedup).toBeGreaterThan(2 * (21.2 / 43.2));
    for (const { workers, speedup, efficiency, examplesPerSecond, mean } of of(`workers=8..32,${network}`).rows) {
      expect(efficiency).toBeCloseTo(speedup / workers, 9);
      expect(efficiency).toBeLessThan(1);
      expect(examplesPerSecond).toBeCloseTo((128 * workers) / (mean / 1000), 3);
    }
  });

  it('has quantiles in order, and waiting and bytes within what is possible', () => {
    for (const { p50, p90, mean, waiting, busiestLinkBytes } of of(`workers=4..32,${network},stragglers=0.3`).rows) {
      expect(p90).toBeGreaterThan(p50);
      expect(mean).toBeGreaterThan(p50 / 2);
      expect(waiting).toBeGreaterThan(0);
      expect(waiting).toBeLessThan(1);
      expect(busiestLinkBytes).toBeGreaterThan(0.99 * model.bytes);
    }
  });

  it('takes longer with stragglers and with failures', () => {
    const mean = (luck: string) => of(`workers=32,${network},reduction=butterfly,${luck}`).rows[0].mean;
    expect(mean('stragglers=0.3')).toBeGreaterThan(1.2 * mean('stragglers=0'));
    const [failing, never] = [mean('failures=1'), mean('failures=0')];
    expect(failing).toBeGreaterThan(never);
    // Noticed after ten seconds; 32 of them in an hour.
    expect(failing / never).toBeCloseTo(1 + (32 * 10) / 3600, 2);
  });

  it('keeps the batch of a step in strong mode', () => {
    const line = `workers=2..8,${network},reduction=butterfly,mode=strong,batch=1024`;
    for (const { mean, examplesPerSecond } of of(line).rows) {
      expect((examplesPerSecond * mean) / 1000).toBeCloseTo(1024, 3);
    }
  });

  it('says what it assumes', () => {
    const assumptions = of(`workers=8..32,${network},failures=0.01`).assumptions.join('\n');
    expect(assumptions).toContain('taken to be as usual: processor time of a message.');
    expect(assumptions).toContain('A worker fails 0.01 times an hour.');
  });

  it('says how many workers are worth it, and names what limits', () => {
    const slow = of('workers=2..64,bandwidth=100Mbps,latency=10us,reduction=star');
    expect(slow.worth).toBe(1);
    expect(slow.verdict.join(' ')).toMatch(
      /One worker alone is worth it.*shorter without the bandwidth of the network/,
    );
    const far = of('workers=2..64,bandwidth=1Tbps,latency=50ms,reduction=butterfly');
    expect(far.verdict.join(' ')).toMatch(/shorter without the latency of the network/);
    const light = { ...model, costs: { ...model.costs, byte: 1e-10 } };
    const fast = project(
      light,
      parseProjection('workers=2..16,bandwidth=1Tbps,latency=1us,reduction=butterfly,perHost=1'),
    );
    expect(fast.worth).toBe(16);
    expect(fast.verdict[0]).toMatch(/^All of the 16 workers are worth it/);
  });
});
