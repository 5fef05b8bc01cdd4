/** A small decoder of a text: the same bits on threads, over workers, killed and resumed; and its model in plain tfjs. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { openTextModel } from '../../coordinator/inference/text-model.js';
import { resume } from '../../coordinator/local/train.js';
import { startLockstep } from '../support/cli.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { held } from '../support/held.js';
import { installInto } from '../support/installed.js';
import { resultOf, type Trained, trained } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();
const story = join(folder, 'story.txt');
writeFileSync(story, Array.from({ length: 90 }, (_, i) => `line ${(i * 7919) % 1000} of it\n`).join(''));
const file = writeConfig(folder, 'decoder', {
  data: { source: 'text', file: story, window: 12, stride: 2, targets: 'all', validation: 0.1 },
  model: {
    layers: [
      { tokenAndPositionEmbedding: { width: 16, position: 'rotary' } },
      { transformerDecoder: { repeat: 2, heads: 4, keyValueHeads: 2, feedForward: 24, dropout: 0.1 } },
      'layerNormalization',
      { logits: { tied: true } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  // The last batch, and its last shard, are smaller than the others.
  training: { epochs: 2, batchSize: 160, shards: 4, clipNorm: 1 },
});

let alone: Trained;
beforeAll(async () => {
  alone = await trained(file, [], newPath());
});

it.each([2, 4])('comes to the same bits on %i threads', async (threads) => {
  expect(resultOf(await trained(file, [], newPath(), threads))).toEqual(resultOf(alone));
});

it.each(['star', 'butterfly'])('comes to them over two workers, by %s', async (allReduce) => {
  const workers = [{ threads: 1 }, { threads: 1 }];
  const run = await trainedInWorld(file, [`cluster.allReduce=${allReduce}`], newPath(), newPath(), { workers });
  expect(resultOf(run)).toEqual(resultOf(alone));
});

it('comes to them when it is killed and goes on', async () => {
  const runs = newPath();
  const longer = ['training.epochs=3', 'checkpoint={everySteps: 1, keep: 2}'];
  const set = longer.flatMap((each) => ['--set', each]);
  const life = startLockstep(
    ['train', file, '--threads', '2', '--out', runs, '--json', ...set],
    folder,
    held('"event":"checkpoint","step":2').env,
  );
  await life.says('"event":"checkpoint"', 2);
  expect(life.process.kill('SIGKILL')).toBe(true);
  expect((await life.finished).signal).toBe('SIGKILL');
  const end = await resume(join(runs, 'decoder-1'), { threads: 1, set: ['checkpoint={everyEpochs: 3}'] });
  const whole = await trained(file, longer.slice(0, 1), newPath());
  expect(end.sha256).toBe(whole.end.sha256);
  expect(end.validation).toEqual(whole.end.validation);
});

it('opens in plain tfjs', async () => {
  const model = await openTextModel(alone.start.folder, { model: 'final' });
  const tokens = model.coder.encode('line 42 of i');
  const wanted = await model.logitsAfter(tokens);

  const program = newPath();
  installInto(program);
  writeFileSync(
    join(program, 'open.js'),
    `
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import 'lockstep/layers';
const read = (name) => readFileSync(new URL(name, 'file://' + process.argv[2]));
const { modelTopology, weightsManifest } = JSON.parse(read('model.json'));
const bytes = read('weights.bin');
const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
const handler = tf.io.fromMemory({ modelTopology, weightSpecs: weightsManifest.flatMap(({ weights }) => weights), weightData });
const model = await tfl.loadLayersModel(handler);
const outputs = model.predict(tf.tensor2d([${JSON.stringify(tokens)}])).dataSync();
console.log(JSON.stringify([...outputs.slice(-${wanted.length})]));
`,
  );
  const { stdout } = await promisify(execFile)(execPath, ['open.js', alone.end.model], { cwd: program });
  const found = JSON.parse(stdout.trim().split('\n').at(-1)!) as number[];
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(found[i]).toBeCloseTo(value, 4);
});
