/** `train` and `resume` as programs call them: reporters that throw, what is on record when, options that make no sense. */
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { type RunOptions, resume, train } from '../../coordinator/local/train.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { EndEvent, RunEvent } from '../../src/report/events.js';
import { lockRun } from '../../src/report/run-lock.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';

const folder = temporaryFolder();
const out = join(folder, 'runs');
const file = writeConfig(folder, 'api', {
  data: { source: 'digits', examples: 200, validation: 0.1 },
  model: { layers: ['flatten', { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  training: { epochs: 2, batchSize: 2, logEvery: 1 },
});

function started(overrides: readonly string[], options: RunOptions): Promise<EndEvent> {
  return train(loadRunConfig(file, overrides), { threads: 1, out, ...options });
}

it.each([
  ['the last epoch', []],
  ['early stopping', ['training.epochs=9', 'training.earlyStopping.minDelta=9', 'training.earlyStopping.patience=1']],
])(
  'a run that fails between its last checkpoint and the model, after %s, is resumed to its end',
  async (_, overrides) => {
    const set = ['training.restoreBest=true', ...overrides];
    const whole = await started(set, {});
    let run = '';
    const report = (event: RunEvent) => {
      if (event.event === 'start') run = event.folder;
      if (event.event === 'checkpoint') throw new Error('killed');
    };
    await expect(started(set, { report })).rejects.toThrow('killed');
    expect(existsSync(join(run, 'model'))).toBe(false);
    const end = await resume(run, { threads: 2 });
    const { sha256, epochs, stoppedEarly, validation } = whole;
    expect(end).toMatchObject({ sha256, epochs, stoppedEarly, validation, interrupted: false });
    expect(existsSync(end.model)).toBe(true);
    await expect(resume(run)).rejects.toThrow(/complete/);
  },
);

it('has every step of a checkpoint on record before the checkpoint is there', async () => {
  const recorded: [step: number, lines: number][] = [];
  const report = (event: RunEvent) => {
    if (event.event !== 'checkpoint') return;
    const log = readFileSync(join(dirname(dirname(event.path)), 'metrics.jsonl'), 'utf8');
    recorded.push([event.step, log.split('"event":"step"').length - 1]);
  };
  await started(['checkpoint.everySteps=7'], { report });
  expect(recorded.length).toBeGreaterThan(20);
  for (const [step, lines] of recorded) expect(lines).toBeGreaterThanOrEqual(step);
});

it.each(['start', 'progress', 'step', 'epoch', 'checkpoint', 'end'] as const)(
  'ends with what its reporter throws at %s',
  async (kind) => {
    let run = '';
    let heard = 0;
    const report = (event: RunEvent) => {
      if (event.event === 'start') run = event.folder;
      if (event.event !== kind) return;
      heard++;
      throw new Error('the disk of the caller is full');
    };
    await expect(started(['checkpoint.everySteps=70'], { report })).rejects.toThrow('the disk of the caller is full');
    expect(heard).toBeGreaterThan(0);
    expect(existsSync(join(run, 'lock'))).toBe(false);
  },
);

it('ends with what its reporter throws at the warning that a checkpoint could not be written', async () => {
  const report = (event: RunEvent) => {
    if (event.event === 'start') writeFileSync(join(event.folder, 'checkpoints'), 'in the way');
    if (event.event === 'warning') throw new Error(event.message);
  };
  const long = ['data.examples=1200', 'training.batchSize=1', 'checkpoint.everySteps=1000'];
  await expect(started(long, { report })).rejects.toThrow('the checkpoint cannot be written');
});

it('ends soon when its reporter throws in the middle of an epoch', async () => {
  let last = 0;
  const report = (event: RunEvent) => {
    if (event.event !== 'step') return;
    last = event.step;
    throw new Error('enough');
  };
  // Epochs of many times the interval between two looks.
  const long = ['data.examples=2000', 'training.batchSize=1', 'training.logEvery=20'];
  await expect(started(long, { report })).rejects.toThrow('enough');
  expect(last).toBe(20);
});

it.each([0, -1, 1.5, Number.NaN, 257])('refuses %s threads, and makes nothing', async (threads) => {
  const before = snapshot(folder);
  await expect(started([], { threads })).rejects.toThrow(`threads: ${threads} is not a whole number from 1 to 256`);
  expect(snapshot(folder)).toEqual(before);
});

it('looks at a run only when no other process can change it any more', async () => {
  const { model } = await started([], {});
  const run = dirname(dirname(model));
  const lock = lockRun(run);
  // Complete or not, what one reads now is not what the other process leaves.
  await expect(resume(run, { threads: 1 })).rejects.toThrow('is training this run');
  lock.release();
  await expect(resume(run, { threads: 1 })).rejects.toThrow('the run is complete');
  expect(existsSync(join(run, 'lock'))).toBe(false);
});

it('gives everything back when it cannot open its folder, and after every run', async () => {
  const { model } = await started([], {});
  const run = dirname(dirname(model));
  mkdirSync(join(run, 'ledger.jsonl'));
  const tensors = tf.memory().numTensors;
  const more = ['training.epochs=3'];
  await expect(resume(run, { threads: 1, set: more })).rejects.toThrow('ledger.jsonl: cannot be written');
  expect(openIn(run)).toEqual([]);
  rmdirSync(join(run, 'ledger.jsonl'));
  await resume(run, { threads: 1, set: more });
  expect(openIn(run)).toEqual([]);
  expect(existsSync(join(run, 'lock'))).toBe(false);
  expect(tf.memory().numTensors).toBe(tensors);
});

it('closes the file of rows of a run that is refused for its splits', async () => {
  const overrides = ['data.memory=1KB', 'data.validation=0.9999'];
  await expect(started(overrides, {})).rejects.toThrow('leave nothing for training');
  expect(openIn(tmpdir()).filter((path) => /lockstep-[^/]+\/rows/.test(path))).toEqual([]);
});

/** Files below `path` that this process has open, where the system tells; also those that are deleted. */
function openIn(path: string): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  const files = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // That with which the list was made.
      return '';
    }
  });
  return files.filter((file) => file.startsWith(path));
}
