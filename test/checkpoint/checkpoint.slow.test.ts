/** Checkpoint folders: what they hold, how many are kept, and that a damaged one is seen, named and passed over. */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { resume } from '../../coordinator/local/train.js';
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.js';
import type { CheckpointState } from '../../src/checkpoint/state.js';
import { decodeSafetensors } from '../../src/model/files/safetensors.js';
import type { RunEvent } from '../../src/report/events.js';
import { temporaryFolder } from '../support/folder.js';
import { configFile } from '../support/package.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
const small = [
  'data.examples=600',
  'model.layers.1.dense.units=32',
  'training.batchSize=32',
  'training.epochs=3',
  'checkpoint.keep=4',
];
const overrides = [...small, 'checkpoint.everySteps=7'];

/** Resumes a run whose newest checkpoints have been tampered with. */
async function resumed(run: string, threads = 1, set: readonly string[] = []) {
  const events: RunEvent[] = [];
  const end = await resume(run, { threads, set, report: (event) => events.push(event) });
  const warnings = events.flatMap((event) => (event.event === 'warning' ? [event.message] : []));
  return { end, events, warnings, start: events.find((event) => event.event === 'start') };
}

/** A copy of a run as it was when the newest of its checkpoints was that of `step`. */
function cutBack(run: string, name: string, step: number): string {
  const copy = join(folder, name);
  cpSync(run, copy, { recursive: true });
  const checkpoints = join(copy, 'checkpoints');
  for (const entry of readdirSync(checkpoints)) {
    if (Number(entry.slice('step-'.length)) > step) {
      renameSync(join(checkpoints, entry), join(folder, `${name}-${entry}`));
    }
  }
  return copy;
}

it('a checkpoint is safetensors and JSON, and only so many are kept', async () => {
  const { end, start } = await trained(configFile('digits-mlp.yaml'), overrides, folder);
  const checkpoints = join(start.folder, 'checkpoints');
  // 480 examples are 15 steps an epoch, 45 in all; every seventh, and the end.
  expect(start.steps).toBe(45);
  expect(readdirSync(checkpoints).sort()).toEqual(['step-00000028', 'step-00000035', 'step-00000042', 'step-00000045']);
  const newest = join(checkpoints, 'step-00000042');
  const { tensors } = decodeSafetensors(readFileSync(join(newest, 'tensors.safetensors')));
  const names = tensors.map(({ name }) => name);
  for (const kind of ['parameters', 'gradientMean', 'squareMean']) expect(names).toContain(`${kind}/dense_1/kernel`);
  expect(tensors.find(({ name }) => name === 'parameters/dense_1/kernel')!.shape).toEqual([784, 32]);
  const { state } = JSON.parse(readFileSync(join(newest, 'checkpoint.json'), 'utf8'));
  expect(state.progress).toMatchObject({ step: 42, epoch: 2, position: 12 });
  expect(state.progress.losses).toHaveLength(12);
  expect(state.config.training.shards).toBe(start.shards);
  expect(state.data.sha256).toMatch(/^[0-9a-f]{64}$/);

  // From each state that a power cut can leave, the newest checkpoint that is right leads to the same end.
  const states: [name: string, damage: (checkpoint: string) => void, reason: RegExp][] = [
    ['missing rename', (path) => renameSync(path, join(path, '..', `.${basename(path)}.partial`)), /^$/],
    ['truncated', (path) => truncateSync(join(path, 'tensors.safetensors'), 5000), /has 5000 bytes instead of \d+/],
    ['flipped', (path) => flipByte(join(path, 'tensors.safetensors')), /does not match its checksum/],
    ['flipped state', (path) => flipByte(join(path, 'checkpoint.json')), /checksum|damaged/],
    ['empty', (path) => writeFileSync(join(path, 'checkpoint.json'), ''), /checkpoint.json is empty/],
    ['cut state', (path) => truncateSync(join(path, 'checkpoint.json'), 90), /damaged or cut off/],
    ['half written', (path) => renameSync(join(path, 'tensors.safetensors'), join(path, 'x')), /is missing/],
    ['folder alone', (path) => emptyFolder(path), /checkpoint.json is missing/],
  ];
  for (const [i, [name, damage, reason]] of states.entries()) {
    const run = cutBack(start.folder, `cut ${name}`, 42);
    damage(join(run, 'checkpoints', 'step-00000042'));
    const again = await resumed(run, 1 + (i % 3));
    expect(again.start, name).toMatchObject({ resumed: { step: 35 } });
    expect(again.warnings.join('\n'), name).toMatch(reason);
    if (again.warnings.length > 0) expect(again.warnings[0]).toContain(join(run, 'checkpoints', 'step-00000042'));
    expect(again.end.sha256, name).toBe(end.sha256);
    expect(readdirSync(join(run, 'checkpoints')).filter((entry) => entry.startsWith('.'))).toEqual([]);
  }

  // With none left, it starts over.
  const run = cutBack(start.folder, 'cut all', 28);
  emptyFolder(join(run, 'checkpoints', 'step-00000028'));
  const over = await resumed(run);
  expect(over.warnings.at(-1)).toBe('no checkpoint is left: the run starts over');
  expect(over.end.sha256).toBe(end.sha256);
});

it('a run resumed in the middle of an epoch reports as if it had never stopped', async () => {
  const whole = await trained(configFile('digits-mlp.yaml'), overrides, folder);
  const run = cutBack(whole.start.folder, 'again', 42);
  const { end, events } = await resumed(run, 1);
  const epochs = events.filter((event) => event.event === 'epoch');
  expect(epochs.map(({ epoch }) => epoch)).toEqual([3]);
  expect(resultOf({ ...whole, epochs, end })).toEqual({ ...resultOf(whole), epochs: resultOf(whole).epochs.slice(2) });
  const lines = (path: string) =>
    readFileSync(join(path, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ event, step, loss, sha256 }) => ({ event, step, loss, sha256 }));
  expect(lines(run)).toEqual(lines(whole.start.folder));
});

it('batch normalization, momentum, averaged weights and a plateau schedule are taken up where they were', async () => {
  const config = join(folder, 'normalized.yaml');
  const layers = [
    { conv2d: { filters: 4, kernelSize: 3, strides: 3 } },
    ...['batchNormalization', 'flatten', { dropout: { rate: 0.3 } }, { dense: { units: 'classes' } }],
  ];
  writeFileSync(
    config,
    JSON.stringify({
      data: { source: 'digits', examples: 300, validation: 0.2 },
      model: { layers },
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      optimizer: { momentum: { learningRate: 0.05, emaMomentum: 0.5 } },
      schedule: { plateau: { factor: 0.5, patience: 1, minDelta: 0.2 } },
      training: { epochs: 5, batchSize: 40, shards: 4, monitor: 'accuracy', restoreBest: true },
      checkpoint: { everySteps: 4, keep: 100 },
    }),
  );
  const whole = await trained(config, [], folder);
  const rates = JSON.parse(
    readFileSync(join(whole.start.folder, 'checkpoints', 'step-00000024', 'checkpoint.json'), 'utf8'),
  ).state.progress.monitor;
  expect(rates.scale).toBeLessThan(1);
  for (const step of [4, 12, 24]) {
    const { end } = await resumed(cutBack(whole.start.folder, `normalized ${step}`, step), 3);
    const { sha256, validation, test, bestEpoch, restored } = whole.end;
    expect(end).toMatchObject({ sha256, validation, test, bestEpoch, restored });
  }
});

it('one that cannot be written takes no space', async () => {
  const checkpoints = join(folder, 'failed');
  const tensors = [{ name: 'a', shape: [3], values: new Float32Array(3) }];
  await writeCheckpoint(checkpoints, stateOf(1), tensors, 1);
  // What comes after the tensors fails: JSON has no such number.
  const state = { ...stateOf(2), graph: 1n as unknown as string };
  await expect(writeCheckpoint(checkpoints, state, tensors, 1)).rejects.toThrow('cannot be written');
  expect(readdirSync(checkpoints)).toEqual(['step-00000001']);
});

/** The state of a checkpoint, as far as it matters where it is written and read. */
const stateOf = (step: number) => ({ format: 1, progress: { step } }) as CheckpointState;

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  bytes[Math.floor(bytes.length * 0.7)] ^= 4;
  writeFileSync(file, bytes);
}

function emptyFolder(path: string): void {
  renameSync(path, join(path, '..', `gone-${basename(path)}`));
  mkdirSync(path);
}
