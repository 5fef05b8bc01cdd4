/** `lockstep train` as users run it: what it prints, what it leaves on disk, how it ends. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRunConfig } from '../../src/config/load-config.js';
import { eventOf, eventsOf, groupIsAlive, lockstep, lockstepServed, startLockstep } from '../support/cli.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { configFile } from '../support/package.js';
import { weightsOf } from '../support/runs.js';

const newFolder = newFolders();

const small = ['--set', 'data.examples=500', '--set', 'training.epochs=2', '--set', 'training.logEvery=2'];

/** The weights of a saved model, one behind the other. */
const weightsIn = (folder: string) => weightsOf(join(folder, 'model.json'));

describe('a run', () => {
  it('prints JSON lines and nothing else with --json, and records itself in its folder', async () => {
    const folder = newFolder();
    const { code, stdout, stderr } = await lockstepServed(
      ['train', configFile('digits.yaml'), ...small, '--threads', '2', '--json'],
      folder,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const events = eventsOf(stdout);
    const kinds = events.map((event) => (event.event === 'phase' ? event.phase : event.event));
    expect(kinds.splice(0, 5)).toEqual(['reading', 'compiling', 'start', 'warmingUp', 'training']);
    const begun = events.flatMap((event) => (event.event === 'phase' ? [event.seconds] : []));
    expect(begun).toEqual(begun.toSorted((a, b) => a - b));
    const { prepared } = eventOf(events, 'start');
    // Neither counts the other, nor the first step.
    expect(prepared.reading).toBeCloseTo(begun[1] - begun[0], 6);
    expect(prepared.compiling).toBeGreaterThan(0);
    expect(prepared.compiling).toBeLessThanOrEqual(begun[2] - begun[1]);
    // 400 examples in batches of 128.
    expect(kinds).toEqual(['step', 'step', 'epoch', 'step', 'step', 'epoch', 'checkpoint', 'end']);
    const steps = events.filter((event) => event.event === 'step');
    expect(steps.map(({ epoch, step }) => [epoch, step])).toEqual([1, 1, 2, 2].map((epoch, i) => [epoch, 2 * i + 2]));
    for (const { loss, learningRate, gradientNorm } of steps) {
      for (const value of [loss, learningRate, gradientNorm]) expect(value).toBeGreaterThan(0);
    }
    expect(eventOf(events, 'end').examplesPerSecond).toBeGreaterThan(0);
    expect(eventOf(events, 'end').tokensPerSecond).toBeUndefined();
    expect(eventOf(events, 'start')).toMatchObject({ threads: 2, training: 400, validation: 50, test: 50, steps: 8 });

    const run = join(folder, 'runs', 'digits-1');
    expect(readdirSync(folder)).toEqual(['runs']);
    expect(readdirSync(join(folder, 'runs'))).toEqual(['digits-1']);
    expect(readdirSync(run).sort()).toEqual([
      'best',
      'checkpoints',
      'config.yaml',
      'events.jsonl',
      'metrics.jsonl',
      'model',
    ]);
    const log = eventsOf(readFileSync(join(run, 'metrics.jsonl'), 'utf8'));
    const logged = events.filter(({ event }) => ['step', 'epoch', 'end'].includes(event));
    expect(log).toEqual(logged.map((event) => ({ ...event, time: expect.any(Number) })));
    const end = eventOf(events, 'end');
    expect(end).toMatchObject({ model: 'runs/digits-1/model/model.json', best: 'runs/digits-1/best/model.json' });
    expect(Object.keys(end.test!)).toEqual(['loss', 'accuracy']);
    for (const file of [end.model, end.best!]) expect(existsSync(join(folder, file))).toBe(true);
    expect(weightsIn(join(run, 'model'))).toHaveLength(eventOf(events, 'start').parameters);

    // The recorded config is complete: it is the run, whatever the defaults become.
    expect(loadRunConfig(join(run, 'config.yaml'), []).training.shards).toBe(eventOf(events, 'start').shards);
    const again = await lockstepServed(
      ['train', join('runs', 'digits-1', 'config.yaml'), '--json', '--threads', '1'],
      folder,
    );
    expect(again.code).toBe(0);
    expect(eventOf(eventsOf(again.stdout), 'end').sha256).toBe(end.sha256);
    expect(readdirSync(join(folder, 'runs'))).toEqual(['digits-1', 'digits-2']);
  });

  it('prints plain lines where there is no terminal, with the checksum at the end', async () => {
    const folder = newFolder();
    const flags = [...small, '--threads', '2', '--out', 'elsewhere'];
    const { code, stdout, stderr } = await lockstep(['train', configFile('digits-mlp.yaml'), ...flags], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none.
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(stdout).toMatch(/^digits-mlp\n/);
    expect(stdout).toMatch(/\n1\/2 .*\n2\/2 /);
    expect(stdout).toMatch(/\n {2}test +loss \d\.\d{4} {2}accuracy \d\.\d{4} {2}topKAccuracy \d\.\d{4}\n/);
    expect(stdout).toMatch(/\n {2}model +elsewhere\/digits-mlp-1\/model\/model\.json\n/);
    expect(stdout).toMatch(/\nparameters sha256: [0-9a-f]{64}\n$/);
    expect(readdirSync(folder)).toEqual(['elsewhere']);
  });
});

describe('configs/linear-regression.yaml', () => {
  const config = configFile('linear-regression.yaml');

  it('comes to a weight of 2.000', async () => {
    const folder = newFolder();
    const { code, stdout } = await lockstepServed(['train', config, '--json', '--threads', '2'], folder);
    expect(code).toBe(0);
    const { weights, validation, test } = eventOf(eventsOf(stdout), 'end');
    expect(weights!['dense_1/kernel'][0].toFixed(3)).toBe('2.000');
    expect(Math.abs(weights!['dense_1/bias'][0])).toBeLessThan(1e-3);
    expect([validation, test]).toEqual([null, null]);
  });

  it('diverges with a learning rate of 0.1, and says when, why and what to try', async () => {
    const folder = newFolder();
    const rate = ['--set', 'optimizer.sgd.learningRate=0.1', '--threads', '2'];
    const { code, stdout, stderr } = await lockstepServed(['train', config, ...rate, '--json'], folder);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const events = eventsOf(stdout);
    const error = eventOf(events, 'error');
    expect(error.code).toBe('LOCKSTEP_DIVERGED');
    const step = Number(/diverged at step (\d+)/.exec(error.message)?.[1]);
    // The curvature's largest eigenvalue is 23.7, so each step multiplies the error by |1 - 0.1 * 23.7|, and the loss by the
    // square of that, until it leaves the range of 32-bit numbers.
    const growth = (0.1 * (12 + Math.sqrt(136)) - 1) ** 2;
    const firstLoss = eventsOf(stdout).find((event) => event.event === 'epoch')!.loss;
    const expected = 1 + Math.log(2 ** 128 / firstLoss) / Math.log(growth);
    expect(Math.abs(step - expected)).toBeLessThan(3);
    expect(events.filter(({ event }) => event === 'epoch')).toHaveLength(step - 1);
    expect(error.message).toMatch(/grew from .* overshoots .*learning rate is too large/);
    expect(error.remedy).toContain('a learning rate of 0.01 instead of 0.1');
    const run = join('runs', 'linear-regression-1');
    expect(error.remedy).toContain(join(run, 'last-good'));
    const weights = weightsIn(join(folder, run, 'last-good'));
    expect(weights).toHaveLength(2);
    for (const weight of weights) expect(Number.isFinite(weight)).toBe(true);
    expect(readdirSync(join(folder, run))).not.toContain('model');
    expect(events.at(-1)).toEqual(error);
  });
});

describe('Ctrl-C', () => {
  const endless = ['--set', 'training.epochs=10000', '--set', 'data.examples=500', '--json', '--threads', '2'];

  it('ends the run after the step under way, with the model saved', async () => {
    const folder = newFolder();
    // Without a validation: a run that is stopped in one ends without the numbers of the test.
    const set = ['--set', 'data.validation=0'];
    const run = startLockstep(['train', configFile('digits-mlp.yaml'), ...endless, ...set], folder);
    await run.says('"event":"epoch"');
    run.process.kill('SIGINT');
    const { code, stdout, stderr } = await run.finished;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const events = eventsOf(stdout);
    const epochs = events.filter(({ event }) => event === 'epoch').length;
    expect(epochs).toBeGreaterThan(0);
    expect(epochs).toBeLessThan(10_000);
    expect(eventOf(events, 'warning').message).toContain('stopping after this step');
    const end = eventOf(events, 'end');
    expect(end.interrupted).toBe(true);
    expect(end.test!.loss).toBeGreaterThan(0);
    const weights = weightsIn(join(folder, 'runs', 'digits-mlp-1', 'model'));
    expect(weights).toHaveLength(eventOf(events, 'start').parameters);
    expect(weights.every(Number.isFinite)).toBe(true);
    expect(groupIsAlive(run.process)).toBe(false);
  });

  it('pressed twice quits at once', async () => {
    const folder = newFolder();
    // A step of this takes many seconds.
    const slow = { epochs: 1, batchSize: 'all', shards: 2 };
    const config = writeConfig(folder, 'slow', {
      data: { source: 'digits', examples: 1000 },
      model: {
        layers: [
          { conv2d: { filters: 64, kernelSize: 5, activation: 'relu' } },
          { conv2d: { filters: 64, kernelSize: 5, activation: 'relu' } },
          { flatten: {} },
          { dense: { units: 'classes' } },
        ],
      },
      loss: 'sparseCategoricalCrossentropy',
      training: slow,
    });
    const run = startLockstep(['train', config, '--json', '--threads', '2'], folder);
    await run.says('"event":"phase"', 3);
    // Nothing tells that the first step has begun, which takes seconds.
    await new Promise((resolve) => setTimeout(resolve, 300));
    run.process.kill('SIGINT');
    await run.says('press Ctrl-C again');
    run.process.kill('SIGINT');
    const { code, signal, stdout } = await run.finished;
    // What a shell reports as 130.
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGINT' });
    expect(eventsOf(stdout).map(({ event }) => event)).toEqual([...['phase', 'phase', 'start', 'phase', 'warning']]);
    expect(groupIsAlive(run.process)).toBe(false);
  });

  it('is what a reader that has seen enough amounts to', async () => {
    const folder = newFolder();
    const run = startLockstep(['train', configFile('digits-mlp.yaml'), ...endless], folder);
    await run.says('"event":"epoch"');
    run.process.stdout!.destroy();
    const { code, stderr } = await run.finished;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const log = eventsOf(readFileSync(join(folder, 'runs', 'digits-mlp-1', 'metrics.jsonl'), 'utf8'));
    expect(eventOf(log, 'end').interrupted).toBe(true);
  });
});
