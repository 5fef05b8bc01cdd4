/** Event files for TensorBoard, read by both of its readers: every point of metrics.jsonl once, also of a run that was taken up twice. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { resume } from '../../coordinator/local/train.js';
import type { GalleryReport } from '../../src/report/evaluation-report.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { packageRoot } from '../support/package.js';
import { pythonWith } from '../support/python.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';

const python = pythonWith('tensorboard', 'tensorboard_data_server');
const { it } = skipIf(!python && "TensorBoard's readers need tensorboard of test/requirements.txt");

type Points = [step: number, value: number | string][];
type Image = [width: string, height: string, png: string, caption: string];
type Seen = Record<
  string,
  Record<'scalars' | 'histograms' | 'texts', Record<string, Points>> & { images?: Record<string, Image> }
>;
interface Line {
  readonly event: string;
  readonly step: number;
  readonly loss: number;
  readonly validation: Record<string, number>;
  readonly test: Record<string, number>;
}

const folder = temporaryFolder();
const runs = join(folder, 'runs');
const run = join(runs, '_hostile.name-1');
const config = {
  name: '_hostile.name',
  data: { source: 'digits', examples: 300, validation: 0.2, test: 0.2 },
  model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  training: { epochs: 3, batchSize: 30, logEvery: 1 },
  checkpoint: { everySteps: 3, keep: 9 },
  track: { tensorboard: true },
};
interface Plugins {
  readonly hparams: {
    readonly columns: readonly string[];
    readonly rows: Record<string, { readonly hparams: Record<string, unknown>; readonly status: readonly string[] }>;
  };
  readonly graphs: Record<string, readonly [name: string, kind: string, inputs: readonly string[]][]>;
}
let seen: { python: Seen; fast: Seen; plugins: Record<'python' | 'fast', Plugins> };
let warnings: string;
let gallery: readonly GalleryReport[];
let lines: Line[];

beforeAll(async () => {
  if (!python) return;
  const file = writeConfig(folder, 'tracked', config);
  const { end } = await trained(file, ['track.tensorboard=false'], join(folder, 'other'));
  await trained(file, ['training.epochs=2'], runs);
  // Killed after step 11, of which the newest checkpoint is of step 9, and so once more.
  for (const lost of [10, 11, 12, 13, 14, 15, 16, 17, 18]) rmSync(checkpoint(lost), { recursive: true, force: true });
  await resume(run, { threads: 1, steps: 4, set: ['training.epochs=3'] });
  rmSync(checkpoint(13), { recursive: true });
  const { sha256 } = await resume(run, { threads: 1 });
  expect(sha256).toBe(end.sha256);
  // Twice: the second takes the place of the first.
  const asked = { threads: 1, overrides: ['evaluation.gallery=2'], diagnose: true };
  await evaluate(run, asked);
  gallery = (await evaluate(run, asked)).gallery!;
  const read = spawnSync(python, [join(packageRoot, 'scripts/peers/tensorboard_read.py'), runs], { encoding: 'utf8' });
  warnings = read.stderr;
  seen = JSON.parse(read.stdout);
  lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
});

const checkpoint = (step: number) => join(run, 'checkpoints', `step-${String(step).padStart(8, '0')}`);
const close = (points: (readonly [number, number])[]) =>
  points.map(([step, value]) => [step, expect.closeTo(value, 5)]);

it('both readers see the run, and warn of nothing', () => {
  const names = ['', '/evaluation-test'].map((name) => `_hostile.name-1/tensorboard${name}`);
  expect(Object.keys(seen.python).sort()).toEqual(names);
  expect(Object.keys(seen.fast).sort()).toEqual(names);
  expect(warnings).not.toMatch(/warn|error/i);
});

it.each(['python', 'fast'] as const)('the %s reader sees each point of the log once', (reader) => {
  const { scalars, histograms, texts } = seen[reader]['_hostile.name-1/tensorboard'];
  const of = (kind: string) => lines.filter(({ event }) => event === kind);
  expect(scalars['step/loss']).toEqual(close(of('step').map(({ step, loss }) => [step, loss])));
  expect(scalars['step/loss'].length).toBe(18);
  expect(scalars['epoch/loss']).toEqual(close(of('epoch').map(({ step, loss }) => [step, loss])));
  const validated = of('epoch').map(({ step, validation }) => [step, validation.accuracy] as const);
  expect(scalars['validation/accuracy']).toEqual(close(validated));
  expect(scalars['test/loss']).toEqual(close([[18, of('end')[0].test.loss]]));
  const tensors = ['dense_1/bias', 'dense_1/kernel'];
  const tags = ['gradients', 'weights'].flatMap((kind) => tensors.map((tensor) => `${kind}/${tensor}`));
  expect(Object.keys(histograms).sort()).toEqual(tags);
  expect(histograms['gradients/dense_1/bias'].map(([step]) => step)).toEqual([6, 12, 18]);
  expect(histograms['weights/dense_1/kernel'].map(([step]) => step)).toEqual([6, 12, 18]);
  expect(texts.config.length).toBe(1);
  expect(texts.config[0][1]).toContain('    name: _hostile.name\n');
});

it.each(['python', 'fast'] as const)('by the %s reader, the plugins have hyper-parameters and the graph', (reader) => {
  const { hparams, graphs } = seen.plugins[reader];
  // Those of the first start: two more followed.
  expect(hparams.rows).toEqual({
    '_hostile.name-1': { hparams: expect.anything(), status: ['STATUS_SUCCESS'] },
  });
  const { hparams: values } = hparams.rows['_hostile.name-1'];
  expect(Object.keys(values).sort()).toEqual(hparams.columns);
  expect(values).toMatchObject({
    ...{ name: '_hostile.name', loss: 'sparseCategoricalCrossentropy', 'data.stratify': false },
    ...{ 'training.batchSize': 30, 'training.epochs': 2, 'model.layers.1.dense.units': 'classes' },
  });
  const [[run, nodes], ...others] = Object.entries(graphs);
  expect([run, others]).toEqual(['_hostile.name-1/tensorboard', []]);
  expect(nodes.map(([, kind]) => kind)).toEqual(['InputLayer', 'Flatten', 'Dense']);
  const [input, flatten] = nodes.map(([name]) => name);
  expect(nodes.map(([, , inputs]) => inputs)).toEqual([[], [input], [flatten]]);
});

it.each(['python', 'fast'] as const)('the %s reader sees the gallery of an evaluation', (reader) => {
  const { images = {}, texts } = seen[reader]['_hostile.name-1/tensorboard/evaluation-test'];
  const pictures = gallery.flatMap(({ examples }) => examples.map(({ picture }) => picture!.replace(/.*,/, '')));
  expect(pictures.length).toBeGreaterThan(1);
  const found = Object.values(images);
  expect(found.map(([width, height, png]) => [width, height, png]).sort()).toEqual(
    pictures.map((png) => ['28', '28', png]).sort(),
  );
  for (const [, , , caption] of found) expect(caption).toMatch(/example \d+\s+truth: \d\s+predicted: \d/);
  expect(texts.diagnosis.length).toBe(1);
});
