/** Examples a second and the time left: of the steps alone, whatever came before the first of them. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isTerminal } from '../../cli/streams.js';
import { RunSpeed } from '../../coordinator/training/speed.js';
import type { Trainer } from '../../coordinator/training/trainer.js';
import { EpochWatch } from '../../coordinator/training/watch.js';
import type { Geometry } from '../../src/data/geometry.js';
import type { RunEvent } from '../../src/report/events.js';
import { RunPhases } from '../../src/report/phases.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('do not count what comes before the end of the first step', () => {
  const trainer = { epoch: 0, done: 0, stepLosses: new Float64Array(100), stepNorms: new Float64Array(100) };
  const geometry = { stepsPerEpoch: 100, batchSize: 8, training: 800, epochs: 1 } as Geometry;
  const events: RunEvent[] = [];
  const speed = new RunSpeed(64);
  const watch = new EpochWatch(0, 0, {
    trainer: trainer as unknown as Trainer & typeof trainer,
    geometry,
    logEvery: 10,
    learningRate: () => 0.1,
    speed,
    phases: new RunPhases((event) => events.push(event)),
    report: (event: RunEvent) => events.push(event),
  });
  // A minute of compiling and warming up, or of waiting for workers.
  vi.advanceTimersByTime(60_000);
  expect(events).toEqual([]);
  trainer.done = 1;
  vi.advanceTimersByTime(10);
  const unknown = { examplesPerSecond: Number.NaN, tokensPerSecond: Number.NaN, secondsLeft: Number.NaN };
  expect(events.at(-1)).toMatchObject({ event: 'progress', ...unknown });
  // From here on a step takes 10 ms: 800 examples a second.
  for (let i = 0; i < 49; i++) {
    trainer.done++;
    vi.advanceTimersByTime(10);
  }
  watch.look();
  const progress = events.at(-1)!;
  expect(progress).toMatchObject({ event: 'progress', step: 50 });
  const { examplesPerSecond, secondsLeft } = progress as Extract<RunEvent, { event: 'progress' }>;
  // Steps are seen at looks 10 ms apart.
  expect(examplesPerSecond).toBeGreaterThan(750);
  expect(examplesPerSecond).toBeLessThan(850);
  expect(secondsLeft).toBeGreaterThan(0.45);
  expect(secondsLeft).toBeLessThan(0.55);
  const [, ...steps] = events.filter((event) => event.event === 'step');
  expect(steps.map(({ step }) => step)).toEqual([20, 30, 40, 50]);
  for (const step of steps) expect(step.examplesPerSecond).toBeGreaterThan(700);
  trainer.done = 100;
  vi.advanceTimersByTime(500);
  watch.end();
  expect(watch.speed.examplesPerSecond).toBeGreaterThan(700);
  expect(watch.speed.tokensPerSecond).toBe(64 * watch.speed.examplesPerSecond);
  expect(speed.speed).toEqual(watch.speed);
  // Warming up ended with the first step.
  expect(events.flatMap((event) => (event.event === 'phase' ? [[event.phase, event.seconds]] : []))).toEqual([
    ['training', 60.01],
  ]);
});

it.each([
  { taken: 'before', expected: 8 },
  { taken: 'never before', expected: Number.NaN },
])(
  'of an epoch that was over at the first look come from all of it where steps were taken $taken',
  ({ taken, expected }) => {
    const trainer = { epoch: 0, done: 0, stepLosses: new Float64Array(1), stepNorms: new Float64Array(1) };
    const phases = new RunPhases(() => {});
    if (taken === 'before') phases.begin('training');
    const speed = new RunSpeed(undefined);
    const watch = new EpochWatch(0, 0, {
      trainer: trainer as unknown as Trainer & typeof trainer,
      geometry: { stepsPerEpoch: 1, batchSize: 8, training: 8, epochs: 1 } as Geometry,
      logEvery: 10,
      learningRate: () => 0.1,
      speed,
      phases,
      report: () => {},
    });
    vi.advanceTimersByTime(995);
    trainer.done = 1;
    vi.advanceTimersByTime(5);
    watch.end();
    expect(watch.speed).toEqual({ examplesPerSecond: expected });
  },
);

it('a terminal of no columns, as under mpirun, is none, nor one that knows no control codes', () => {
  const stream = (isTTY: boolean, columns: number) => ({ isTTY, columns }) as NodeJS.WriteStream;
  expect(isTerminal(stream(true, 0))).toBe(false);
  expect(isTerminal(stream(true, 80), 'xterm')).toBe(true);
  expect(isTerminal(stream(true, 80), 'dumb')).toBe(false);
  expect(isTerminal(stream(false, 80))).toBe(false);
});
