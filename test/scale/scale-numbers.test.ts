/** From traces to what `lockstep scale` says: splits, speed-up, causes, and what is worth it. */
import { describe, expect, it } from 'vitest';
import { adviceOf } from '../../src/scale/advice.js';
import { limitsOf } from '../../src/scale/limits.js';
import { measureTrace } from '../../src/scale/measure.js';
import { pointsOf } from '../../src/scale/points.js';
import { parseReport } from '../../src/scale/record.js';
import { orderOfRuns, settingsOf, stepsFor } from '../../src/scale/scale-plan.js';
import { quantileOf } from '../../src/scale/statistics.js';
import { parseTrace } from '../../src/scale/trace.js';
import { type Phases, reportOf, runOf } from '../support/scale-reports.js';

const one: Phases = { gather: 1, compute: 8, update: 1 };

describe('a run', () => {
  it('has a split that adds up to the step; what no phase accounts for is waiting', () => {
    const { step, perWorker, steps, examples, seconds, examplesPerSecond } = runOf('strong', 2, 10, [
      { gather: 1, compute: 6, reduce: 1 },
      { gather: 1, compute: 7, reduce: 2 },
    ]);
    expect([steps, examples]).toEqual([10, 1000]);
    // Between steps nothing is missed: the first one counted begins where the one before ends.
    expect(seconds).toBeCloseTo(0.1, 9);
    expect(examplesPerSecond).toBeCloseTo(10_000, 3);
    expect(step.p50).toBeCloseTo(10, 9);
    for (const { split } of perWorker) {
      expect(Object.values(split).reduce((sum, part) => sum + part, 0)).toBeCloseTo(10, 9);
    }
    expect(perWorker.map(({ split }) => split.wait)).toEqual([expect.closeTo(2, 9), expect.closeTo(0, 9)]);
  });

  it('has a split that adds up to the mean step, though a worker ends some steps early and others late', () => {
    // One thread is always busy, in steps of 7 and 13 ms by turns; the other takes 10 ms for each.
    const ends = [(step: number) => 10 * step - 3 * (step % 2), (step: number) => 10 * step];
    const entries = ends.flatMap((end, pid) => [
      { ph: 'M', name: 'process_name', pid, args: { name: `thread ${pid}` } },
      ...Array.from({ length: 12 }, (_, i) => {
        const [ts, until] = [1000 * end(i), 1000 * end(i + 1)];
        return { ph: 'X', name: 'compute', pid, ts, dur: until - ts, args: { step: i + 1 } };
      }),
    ]);
    const shape = { batchSize: 100, training: 100_000, warmUp: 2 };
    const { perWorker, step } = measureTrace(parseTrace(JSON.stringify(entries)), shape)!;
    expect(step.p50).toBeCloseTo(10, 9);
    expect(perWorker.map(({ split }) => [split.compute, split.wait])).toEqual([
      [expect.closeTo(10, 9), expect.closeTo(0, 9)],
      [expect.closeTo(10, 9), expect.closeTo(0, 9)],
    ]);
  });

  it('knows how far the slowest is behind the mean', () => {
    expect(runOf('strong', 2, 10, [{ compute: 6 }, { compute: 8 }]).spread).toBeCloseTo(1, 9);
  });

  it('counts nobody who does not compute', () => {
    const { typical, perWorker } = runOf('strong', 1, 10, [{ exchange: 9 }, { compute: 8 }]);
    expect(perWorker.map(({ computes }) => computes)).toEqual([false, true]);
    expect(typical.compute).toBeCloseTo(8, 9);
  });
});

it('quantiles lie between two values by their distance', () => {
  expect([0, 0.5, 0.75, 1].map((part) => quantileOf([4, 1, 3, 2], part))).toEqual([1, 2.5, 3.25, 4]);
});

describe('points', () => {
  it('have speed-up and efficiency over the fewest workers, from medians', () => {
    const runs = [
      ...[10, 11, 12].map((ms, i) => runOf('strong', 1, ms, [one], { repeat: i + 1 })),
      ...[5, 6, 7].map((ms, i) => runOf('strong', 2, ms, [{ compute: 4 }, { compute: 4 }], { repeat: i + 1 })),
    ];
    const [a, b] = pointsOf(runs);
    expect(a.examplesPerSecond.median).toBeCloseTo(100 / 0.011, 6);
    expect([a.speedup, a.efficiency]).toEqual([1, 1]);
    expect(b.speedup).toBeCloseTo(11 / 6, 9);
    expect(b.efficiency).toBeCloseTo(11 / 12, 9);
    expect(b.examplesPerSecond.min).toBeCloseTo(100 / 0.007, 6);
    expect(b.cpuSecondsPerExample).toBeCloseTo(0.5 / 1000, 12);
  });

  it('show every hash that occurs', () => {
    const runs = ['aa', 'aa', 'bb'].map((sha256, i) => runOf('strong', 1, 10, [one], { repeat: i + 1, sha256 }));
    expect(pointsOf(runs)[0].hashes).toEqual(['aa', 'bb']);
  });
});

describe('what limits', () => {
  /** Of two workers, in one of many ways. */
  function causes(
    kind: 'threads' | 'processes',
    milliseconds: number,
    phases: readonly Phases[],
    more: object = {},
    cores = 8,
  ) {
    const base = runOf('strong', 1, 10, [one]);
    const [a, b] = pointsOf([base, runOf('strong', phases.length, milliseconds, phases, more)]);
    return limitsOf(a, b, { kind, cores }).map(({ cause }) => cause);
  }
  const half: Phases = { gather: 0.5, compute: 4, update: 0.5 };

  it('is nothing where workers come close to the ideal', () => {
    expect(causes('threads', 5.1, [half, half])).toEqual([]);
  });

  it('is cores that slow each other down, or are too few', () => {
    const slow = { ...half, compute: 6 };
    expect(causes('threads', 7, [slow, slow])).toEqual(['cores']);
    const waiting = { ...half, compute: 4, wait: 3 };
    expect(causes('threads', 8, [waiting, waiting], {}, 1)).toEqual(['cores']);
  });

  it('is memory where slabs are added', () => {
    const adding = { ...half, reduce: 2 };
    expect(causes('threads', 7, [adding, adding])).toEqual(['memory']);
  });

  it('is bandwidth where many bytes are exchanged, and latency where few are', () => {
    const exchanging = { ...half, exchange: 3 };
    expect(causes('processes', 8, [exchanging, exchanging], { bytesPerStep: 8e6 })).toEqual(['bandwidth']);
    expect(causes('processes', 8, [exchanging, exchanging], { bytesPerStep: 8e3 })).toEqual(['latency']);
  });

  it('is a straggler, or shards that do not divide', () => {
    const late = { ...half, compute: 7 };
    expect(causes('threads', 8, [half, late])).toContain('stragglers');
    expect(causes('threads', 8, [half, late], { shards: 3 })).toContain('shards');
  });

  it('is dispatch where nobody computes and nothing moves', () => {
    expect(causes('threads', 8, [half, half])).toEqual(['dispatch']);
  });
});

describe('advice', () => {
  const advise = (...milliseconds: number[]) => {
    const runs = milliseconds.flatMap((ms, i) =>
      [0.99, 1, 1.01].map((factor) => runOf('strong', 2 ** i, ms * factor, Array(2 ** i).fill({ compute: 1 }))),
    );
    return adviceOf('strong', pointsOf(runs));
  };

  it('goes up to the last number whose workers give half of what they could', () => {
    expect(advise(10, 5, 2.6)).toMatch(/worth it are 4 workers: .* 3.85 times 1 worker/);
    expect(advise(10, 6, 5.5)).toMatch(/worth it are 2 workers.*4 give 9 % more for 2 times the workers/);
    expect(advise(10, 11)).toMatch(/worth it is 1 worker.*2 are 9 % slower/);
  });

  it('calls no difference a gain that repeats have too', () => {
    expect(advise(10, 9.95)).toMatch(/2 are no clear gain/);
  });

  // Milliseconds of the repeats with one worker and with two: all but the last are slower at the median, or faster.
  it.each([
    ['ranges that overlap', [10, 10, 10.1], [11.5, 6, 12], /2 are no clear loss: 13 % at the median/],
    ['repeats that are further apart than the medians', [10, 10, 10.1], [10.2, 10.2, 45], /2 are no clear loss/],
    ['a gain that is less than the repeats differ', [10, 10.5, 30], [5, 9, 9.9], /2 are no clear gain/],
    ['a loss beyond all doubt', [10, 10, 10.1], [15, 15, 15.1], /2 are 33 % slower/],
    ['one run each that says nothing of chance', [10], [5], /worth it are 2 workers/],
  ])('weighs %s', (_, one, two, words) => {
    const runs = [one, two].flatMap((times, i) =>
      times.map((ms) => runOf('strong', 2 ** i, ms, Array(2 ** i).fill({ compute: 1 }))),
    );
    expect(adviceOf('strong', pointsOf(runs))).toMatch(words);
  });
});

describe('the plan', () => {
  const start = { batchSize: 96, shards: 4, training: 1000 };
  const choices = { modes: ['strong', 'weak'] as const, workers: [1, 2, 6] };

  it('keeps batch and shards in strong mode, and examples in weak mode', () => {
    const settings = settingsOf(choices, 240, start, true);
    const strong = settings.filter(({ mode }) => mode === 'strong');
    // The smallest number from 4 on that 1, 2 and 6 divide, and that divides 96.
    expect(strong.map(({ batchSize, shards, steps }) => [batchSize, shards, steps])).toEqual(
      Array(3).fill([96, 6, 240]),
    );
    const weak = settings.filter(({ mode }) => mode === 'weak');
    expect(weak.map(({ batchSize, shards, steps }) => [batchSize, shards, steps])).toEqual([
      // 21 epochs of 1,000 examples, and what comes closest to 864 more.
      [96, 4, 240],
      [192, 8, 21 * 6 + 5],
      [576, 24, 21 * 2 + 2],
    ]);
  });

  it('leaves shards that the config names', () => {
    expect(settingsOf(choices, 240, start, false)[2].shards).toBe(4);
  });

  it('refuses batches beyond the data, and steps that are all for warming up', () => {
    const weak = { ...choices, workers: [1, 16] };
    expect(() => settingsOf(weak, 2400, start, true)).toThrow(/batch of 1536, more than the 1000 training examples/);
    expect(() => settingsOf(choices, 60, start, true)).toThrow(/use --steps 120 or more/);
  });

  it('begins each repeat with another run', () => {
    const order = orderOfRuns(settingsOf({ ...choices, modes: ['strong'] }, 240, start, true), 3);
    expect(order.map(({ workers, repeat }) => [repeat, workers])).toEqual([
      ...[1, 2, 6].map((workers) => [1, workers]),
      ...[2, 6, 1].map((workers) => [2, workers]),
      ...[6, 1, 2].map((workers) => [3, workers]),
    ]);
  });

  it('has more steps where they are short', () => {
    expect([stepsFor(10), stepsFor(1e4), stepsFor(1e-3)]).toEqual([310, 50, 5010]);
  });
});

describe('a file', () => {
  it('comes back as it was', () => {
    const report = reportOf([runOf('strong', 1, 10, [one])]);
    expect(parseReport('scale.json', JSON.stringify(report))).toEqual(report);
  });

  it.each([
    ['no JSON', '{', /scale.json: is no JSON/],
    ['something else', '{"format":"x"}', /is no report of lockstep scale/],
    ['null', 'null', /is no report of lockstep scale/],
    ['another version', '{"format":"lockstep-scale","version":2}', /has version 2 of the format/],
    ['half a report', '{"format":"lockstep-scale","version":1}', /is not as a report has it/],
  ])('that is %s is refused', (_, text, problem) => {
    expect(() => parseReport('scale.json', text)).toThrow(problem);
  });
});
